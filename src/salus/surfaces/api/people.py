"""Tokens, and signing in with a browser."""

from __future__ import annotations

from dataclasses import dataclass

from salus.model import Json, Token
from salus.ports import Access
from salus.surfaces import wire
from salus.surfaces.access.caller import STRANGER, Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.access.refusing import refusal
from salus.surfaces.access.sessions import COOKIE, LONGEST
from salus.surfaces.api.queries import page
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import Body, SignInBody, TokenBody, line, parse
from salus.surfaces.http import JSON, Response

CSRF = "X-CSRF-Token"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Response):
    """An answer by which somebody has become known: the audit names them.

    Attributes:
        caller: who they are.
    """

    caller: Caller = STRANGER


class TokenRequests:
    """Makes, shows and revokes tokens."""

    def __init__(self, access: Access) -> None:
        """Serve the tokens."""
        self._access = access

    async def tokens(self, asked: Asked) -> Json:
        """Tell the tokens, by name; never their secrets, which are known to their holders alone."""
        return page([token(one) for one in self._access.tokens()], asked.query, "name")

    async def create(self, asked: Asked) -> Json:
        """Make a token; this answer is the only place where it ever stands."""
        body = parse(asked.body, TokenBody)
        made, text = await self._access.create(line(body.name), body.role, body.seconds, by=asked.by(body))
        return {**token(made), "token": text.reveal()}

    async def revoke(self, asked: Asked) -> Json:
        """Refuse a token from now on, by its id or its name."""
        return token(await self._access.revoke(asked.name, by=asked.by(parse(asked.body, Body))))


class SessionRequests:
    """Signs browsers in and out."""

    def __init__(self, gate: Gate) -> None:
        """Let in through ``gate``."""
        self._gate = gate

    async def session(self, asked: Asked) -> Json:
        """Tell who asks, and what they may."""
        return who(asked.caller)

    async def sign_in(self, asked: Asked) -> Response:
        """Give a cookie for a token; a page that has it sends the answer's ``csrf`` with every write."""
        body = parse(asked.body, SignInBody)
        known = self._gate.sign_in(asked.caller, body.token)
        if known.token is None:
            raise refusal(known)
        if asked.caller.session:  # of one browser only the last sign-in is good
            self._gate.sessions.end(asked.caller.session.csrf)
        cookie, session = self._gate.sessions.begin(known.token)
        told = {**who(known), "csrf": session.csrf}
        return SignedIn(200, JSON, wire.encode(told) + b"\n", (_cookie(known, cookie, int(LONGEST)),), caller=known)

    async def sign_out(self, asked: Asked) -> Response:
        """End the session; nothing happens where there is none."""
        if asked.caller.session:
            self._gate.sessions.end(asked.caller.session.csrf)
        told = wire.encode({"message": "signed out"}) + b"\n"
        return Response(200, JSON, told, (_cookie(asked.caller, "", 0),))


def token(one: Token) -> dict[str, Json]:
    """Write what may be seen of a token."""
    return {
        "id": one.id,
        "name": one.name,
        "role": one.role,
        "created_at": wire.instant(one.created_at),
        "expires_at": wire.instant(one.expires_at),
        "used_at": wire.instant(one.used_at),
        "by": one.by,
    }


def who(caller: Caller) -> dict[str, Json]:
    """Write who asks."""
    expires = caller.token.expires_at if caller.token else None
    return {
        "name": caller.name,
        "role": caller.role,
        "expires_at": wire.instant(expires),
        "csrf": caller.session.csrf if caller.session else None,
    }


def _cookie(caller: Caller, value: str, seconds: int) -> tuple[bytes, bytes]:
    secure = "; Secure" if caller.secure else ""
    path = f"{caller.prefix}/"
    text = f"{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", text.encode("ascii")
