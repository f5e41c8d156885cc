"""The ``salus`` command under a wall clock that can be shifted: ``salus_with_shifted_clock.py FILE run ...``.

FILE holds the seconds to add. Only the wall clock moves, as when a person or a time server sets it; whatever measures
intervals goes on as before.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from salus.cli.main import main
from salus.clock import SystemClock

file = Path(sys.argv.pop(1))
true_now = SystemClock.now


def shifted(self: SystemClock) -> datetime:
    """Return the wall clock as it was set."""
    try:
        offset = float(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        offset = 0.0
    return true_now(self) + timedelta(seconds=offset)


setattr(SystemClock, SystemClock.now.__name__, shifted)
main()
