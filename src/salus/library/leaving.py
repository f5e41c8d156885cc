"""Whether the server that an application runs in is about to leave.

ASGI has no word for that before every request has ended, and a page with a live stream never ends its request: uvicorn
would wait for it for ever. The handler that uvicorn has installed for SIGTERM knows better.
"""

from __future__ import annotations

import signal

_ENDING = (signal.SIGTERM, signal.SIGINT)


def leaves() -> bool:
    """Tell whether a uvicorn that serves in this process has been told to end."""
    for number in _ENDING:
        server = getattr(signal.getsignal(number), "__self__", None)
        if getattr(server, "should_exit", None) is True:
            return True
    return False
