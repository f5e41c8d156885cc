"""A program that tells people, and says too much: ``python -I -S notifier.py FILE``. While FILE is there, it fails."""

import os
import sys
from pathlib import Path

unwilling = Path(sys.argv[1]).exists()
print("the environment:", dict(os.environ), file=sys.stderr if unwilling else sys.stdout)
sys.exit(1 if unwilling else 0)
