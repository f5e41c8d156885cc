"""Tells who sent a request: by a token, by the cookie of a session, or by the socket it came through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from salus.clock import SystemClock
from salus.model import Role
from salus.ports import Access, Clock
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.proxies import origin
from salus.surfaces.access.sessions import COOKIE, Sessions
from salus.surfaces.access.throttle import Throttle
from salus.surfaces.http import Scope, cookies, header
from salus.surfaces.peer import user_of

_MOST_COOKIES = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What the config says of the door: who sees details, and whose forwarded headers are believed."""

    details: str = "when_authorized"
    trusted_proxies: tuple[str, ...] = ()


class Gate:
    """The one place where credentials are looked at."""

    def __init__(self, access: Access, shown: Callable[[], Shown], *, clock: Clock | None = None) -> None:
        """Know the tokens; ``shown`` tells what the config says at this moment."""
        self._access = access
        self._shown = shown
        clock = clock or SystemClock()
        self.sessions = Sessions(clock)
        self.throttle = Throttle(clock)

    @property
    def open(self) -> bool:
        """Tell whether everybody may see details."""
        return self._shown().details == "always"

    def caller(self, scope: Scope) -> Caller:
        """Return who sent a request over the network.

        1. ``Authorization: Bearer`` decides where it is there; a cookie beside it is not looked at.
        2. Else the cookie of a session, as long as the token behind it is good.
        """
        came = origin(scope, self._shown().trusted_proxies)
        stranger = Caller(address=came.address, secure=came.secure, prefix=came.prefix, host=came.host)
        if authorization := header(scope, b"authorization"):
            return self._by_token(stranger, authorization)
        return self._by_cookie(stranger, cookies(scope, COOKIE)[:_MOST_COOKIES])

    def sign_in(self, caller: Caller, text: str) -> Caller:
        """Return who somebody is by the token that they typed."""
        return self._by_token(caller, b"Bearer " + text.encode("utf-8", "replace"))

    async def at_the_socket(self, scope: Scope) -> Caller:
        """Return who sent a request over the control socket: who may open it may do everything."""
        return Caller(name=await user_of(scope) or "somebody at the socket", role=Role.ADMIN)

    def _by_token(self, stranger: Caller, authorization: bytes) -> Caller:
        scheme, _, given = authorization.strip().partition(b" ")
        text = given.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
        token = self._access.known(text)
        if token is None:
            return replace(stranger, wrong=True, wait=self.throttle.wrong(stranger.address))
        return replace(stranger, name=token.name, role=token.role, token=token)

    def _by_cookie(self, stranger: Caller, values: Sequence[str]) -> Caller:
        """A cookie that is no longer good makes a stranger: the browser goes on sending it for a while.

        The one of another Salus on the same host is no good either, and stands beside ours.
        """
        for value in values:
            session = self.sessions.find(value)
            token = self._access.valid(session.token) if session else None
            if session is not None and token is not None:
                return replace(stranger, name=token.name, role=token.role, token=token, session=session)
        return stranger
