"""Every write that was asked for, done or refused, is an event: who, what, how it ended."""

from __future__ import annotations

from collections.abc import Collection

from salus.clock import SystemClock
from salus.model import EventKind, Json, Role
from salus.ports import Clock, Tell
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.throttle import Bucket
from salus.surfaces.bodies import line
from salus.surfaces.http import Refused

BURST = 60.0
PER_SECOND = 0.1
_LONGEST_PATH = 200

KINDS = frozenset({EventKind.REQUEST_DONE, EventKind.REQUEST_REFUSED, EventKind.TOKEN_CREATED, EventKind.TOKEN_REVOKED})
"""The events that tell who asked Salus for what, and from where. They are about people, not about what is watched: only
who may act, and so stands among them, may read them."""


def readable(caller: Caller, wanted: Collection[EventKind] = ()) -> tuple[EventKind, ...]:
    """Return the kinds of events that somebody gets who asks for these.

    Args:
        caller: who asks.
        wanted: what for; nothing means all kinds.

    Returns:
        The kinds; nothing where all kinds may be told.

    Raises:
        Refused: 403, all of these are kept from them.
    """
    if caller.may(Role.OPERATOR):
        return tuple(wanted)
    left = tuple(kind for kind in wanted or EventKind if kind not in KINDS)
    if not left:
        raise Refused(
            403, f"the role {caller.role} may not read the audit", f"use a token with the role {Role.OPERATOR}"
        )
    return left


class Audit:
    """Writes the audit. What strangers cause is bounded, and so are refusals; the next one counts those too many."""

    def __init__(self, tell: Tell, *, clock: Clock | None = None) -> None:
        """Write through ``tell``."""
        self._tell = tell
        self._clock = clock or SystemClock()
        self._refusals = Bucket(BURST, PER_SECOND, BURST, self._clock.monotonic())
        self._untold = 0

    def write(self, caller: Caller, method: str, path: str, code: int, detail: str = "") -> None:
        """Note one request and its status code; ``detail`` says why it was refused."""
        refused = code in (401, 403, 429) or (caller.role is None and code >= 400)
        bounded = refused or caller.role is None
        if bounded and self._refusals.wait(self._clock.monotonic()):
            self._untold += 1
            return
        who = caller.name or "a stranger"
        asked = f"{method[:16]} {line(path)[:_LONGEST_PATH]}"
        data: dict[str, Json] = {"by": caller.name, "request": asked, "code": code}
        if caller.role:
            data["role"] = caller.role.value
        if caller.token:
            data["token"] = caller.token.id
        if caller.address:
            data["address"] = caller.address[:64]
        message = f"{who}: {asked}: {code}{f' {line(detail)[:300]}' if detail else ''}"
        if bounded and self._untold:
            data["untold"] = self._untold
            message += f"; {self._untold} more of strangers, or refused, were not told"
            self._untold = 0
        kind = EventKind.REQUEST_REFUSED if refused else EventKind.REQUEST_DONE
        self._tell(kind, message=message, reason=str(code), data=data)
