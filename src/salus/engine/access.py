"""The tokens of one Salus: made, known again, revoked; they survive a restart, their secrets are kept nowhere."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.errors import ConflictError, NotFoundError
from salus.model import EventKind, Json, Role, Token
from salus.ports import Clock, Tell
from salus.secret import Secret

PREFIX = "salus"
MOST = 200
_SECRET_BYTES = 32
_USED_EVERY = timedelta(hours=1)
_LONGEST = 200
_NOBODY = sha256(b"").hexdigest()


class TokenBook:
    """Implements ``ports.Access``."""

    def __init__(self, clock: Clock, tell: Tell, keep: Keep, commit: Callable[[], Awaitable[object]]) -> None:
        """Say what happens through ``tell``, remember it through ``keep``, at once through ``commit``."""
        self._clock = clock
        self._tell = tell
        self._keep = keep
        self._commit = commit
        self._tokens: dict[str, Token] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up the tokens of an earlier Salus.

        Raises:
            StoreUnreadableError: a row cannot be understood; then none is known, and nobody gets in by a token.
        """
        self._tokens = recall(memos, "token", Token)

    def tokens(self) -> Sequence[Token]:
        """Return all tokens, by name."""
        return sorted(self._tokens.values(), key=lambda one: (one.name, one.id))

    def known(self, text: str) -> Token | None:
        """Return the token that this text is, unless it has expired.

        1. The id in it, which may be seen, finds the row; where there is none, one that fits nothing takes its place.
        2. The digests are compared in constant time. So the time it takes tells nothing about any secret.
        """
        prefix, _, rest = text[:_LONGEST].partition("_")
        name, _, secret = rest.partition("_")
        token = self._tokens.get(name)
        given = sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        same = hmac.compare_digest(given, token.digest if token else _NOBODY)
        if token is None or not same or not secret or prefix != PREFIX:
            return None
        return self._used(token)

    def valid(self, token: str) -> Token | None:
        """Return the token of that id, unless it was revoked or has expired."""
        found = self._tokens.get(token)
        return None if found is None else self._used(found)

    def _used(self, token: Token) -> Token | None:
        now = self._clock.now()
        if token.expired(now):
            return None
        if token.used_at is None or now - token.used_at >= _USED_EVERY:
            token = self._put(replace(token, used_at=now))
        return token

    async def create(self, name: str, role: Role, seconds: float | None, *, by: str = "") -> tuple[Token, Secret]:
        """Make a token.

        Raises:
            ConflictError: another one has that name, or there are too many.
        """
        now = self._clock.now()
        if any(one.name == name for one in self._tokens.values()):
            message = f"there is a token {name!r} already"
            raise ConflictError(message, remedy=f"choose another name, or `salus token revoke {name}` first")
        if len(self._tokens) >= MOST:
            raise ConflictError(f"there are {MOST} tokens already", remedy="revoke some: `salus token list`")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        token = Token(
            id=secrets.token_hex(4),
            name=name,
            role=role,
            digest=sha256(secret.encode()).hexdigest(),
            created_at=now,
            expires_at=None if seconds is None else now + timedelta(seconds=seconds),
            by=by,
        )
        self._put(token)
        until = f"until {token.expires_at:%Y-%m-%d %H:%M:%S} UTC" if token.expires_at else "without an end"
        self._tell(
            EventKind.TOKEN_CREATED, reason=token.id, message=f"{_called(token)}{_by(by)}, {until}", data={"by": by}
        )
        await self._commit()
        return token, Secret(f"{PREFIX}_{token.id}_{secret}")

    async def revoke(self, token: str, *, by: str = "") -> Token:
        """Refuse a token from now on.

        Raises:
            NotFoundError: there is none of that id or name.
        """
        found = next((one for one in self._tokens.values() if token in (one.id, one.name)), None)
        if found is None:
            raise NotFoundError(f"there is no token {token[:200]!r}", remedy="`salus token list` shows them")
        del self._tokens[found.id]
        self._keep(memo(f"token:{found.id}", None))
        self._tell(EventKind.TOKEN_REVOKED, reason=found.id, message=f"{_called(found)}{_by(by)}", data={"by": by})
        await self._commit()
        return found

    def _put(self, token: Token) -> Token:
        self._tokens[token.id] = token
        self._keep(memo(f"token:{token.id}", token))
        return token


def _called(token: Token) -> str:
    return f"{token.role} token {token.name!r} ({token.id})"


def _by(by: str) -> str:
    return f" by {by}" if by else ""
