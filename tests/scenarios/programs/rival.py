"""Another supervisor: ``rival.py NAME [arguments of server.py]`` starts a daemon again whenever it has gone."""

import subprocess
import sys
from pathlib import Path
from threading import Event

name = sys.argv[1]
daemon = Path(__file__).with_name("daemon.py")
while True:
    Event().wait(0.2)
    try:
        pid = int(Path(f"{name}.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        continue  # it was stopped on purpose
    if not Path(f"/proc/{pid}/exe").exists():
        subprocess.run([sys.executable, str(daemon), "start", *sys.argv[1:]], check=True)
