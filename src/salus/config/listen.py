"""``host:port`` as people write it."""

from __future__ import annotations

import re

from salus.config.leaves import Refused

_LISTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>[0-9]{1,5})")
_REMEDY = "write an address and a port, such as 127.0.0.1:8787, 0.0.0.0:8787 or [::1]:8787"


def address(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[ipv6]:port``; ``none`` is no address, and port 0.

    Raises:
        Refused: it is neither, or the port does not exist.
    """
    if text.strip() == "none":
        return "", 0
    match = _LISTEN.fullmatch(text.strip())
    if match is None:
        raise Refused(f"{text!r} is not an address to listen on", _REMEDY)
    port = int(match["port"])
    if port > 65535:
        raise Refused(f"there is no port {port}", "ports end at 65535")
    return match["six"] or match["host"], port
