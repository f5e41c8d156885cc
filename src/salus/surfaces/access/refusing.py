"""What whoever may not come in is told."""

from __future__ import annotations

from salus.surfaces.access.caller import Caller
from salus.surfaces.http import Refused


def refusal(caller: Caller) -> Refused:
    """Say that credentials are wrong; what is wrong with them is never told."""
    if caller.wait:
        headers = {"Retry-After": str(max(1, round(caller.wait)))}
        return Refused(429, "there were too many wrong tokens", "come again later", headers)
    challenge = {"WWW-Authenticate": 'Bearer realm="salus"'}
    return Refused(401, "the token is missing or wrong", "send 'Authorization: Bearer' and a token", challenge)
