"""A service that can tell whether it is the only copy: it takes a lock, or writes down that somebody else holds it.

Run as ``python -I -S only_copy.py FOLDER [SECONDS]``; with SECONDS it ends by itself after that long.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path
from threading import Event

folder = Path(sys.argv[1])
with (folder / "lock").open("w") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with (folder / "second-copy").open("a") as note:
            note.write(f"{os.getpid()}\n")
    with (folder / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    with (folder / "pid").open("w") as file:
        file.write(str(os.getpid()))
    if len(sys.argv) > 2:
        Event().wait(float(sys.argv[2]))
        sys.exit(1)
    while True:
        signal.pause()
