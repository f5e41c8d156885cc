"""A service that can tell whether it is the only copy: it takes a lock, or writes down that somebody else holds it.

Run as ``python -I -S only_copy.py FOLDER [SECONDS]``; with SECONDS it ends by itself after that long.
"""

import fcntl
import os
import signal
import sys
import time

folder = sys.argv[1]
with open(os.path.join(folder, "lock"), "w") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with open(os.path.join(folder, "second-copy"), "a") as note:
            note.write(f"{os.getpid()}\n")
    with open(os.path.join(folder, "starts"), "a") as starts:
        starts.write(f"{os.getpid()}\n")
    with open(os.path.join(folder, "pid"), "w") as file:
        file.write(str(os.getpid()))
    if len(sys.argv) > 2:
        time.sleep(float(sys.argv[2]))
        sys.exit(1)
    while True:
        signal.pause()
