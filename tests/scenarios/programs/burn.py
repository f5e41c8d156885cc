"""Burns every core for at most a minute: ``burn.py PROCESSES_PER_CORE``; SIGTERM ends it.

Each process has a session of its own: where the scheduler shares time between sessions, they count as many.
"""

import contextlib
import os
import signal
import sys

LONGEST = 60


def burn() -> None:
    """Compute, for nobody."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    signal.alarm(LONGEST)
    while os.getppid() == parent:
        sum(range(10_000))
    os._exit(0)


parent = os.getpid()
signal.alarm(LONGEST)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
children: list[int] = []
try:
    for _ in range(int(sys.argv[1]) * (os.cpu_count() or 1)):
        children.append(child := os.fork())
        if not child:
            burn()
    signal.pause()
finally:
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
