"""Wait in a thread until something is so."""

from __future__ import annotations

import threading
from collections.abc import Callable


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Look every few milliseconds; false when it has not become so."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if true():
            return True
        pause.wait(0.01)
    return true()
