"""Browser sessions: a cookie that stands for a token, for a while. In memory: a restart signs everybody out."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, replace
from hashlib import sha256

from salus.model import Token
from salus.ports import Clock

COOKIE = "salus_session"
IDLE = 1800.0
LONGEST = 12 * 3600.0
MOST = 256
_LONGEST_COOKIE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser.

    Attributes:
        token: id of the token that it stands for; revoked or expired, it ends the session too.
        csrf: what a page of ours knows and another site cannot: goes with every write.
        began, seen: on the clock that counts suspended time.
    """

    token: str
    csrf: str
    began: float
    seen: float

    def knows(self, csrf: str) -> bool:
        """Compare what came with a write, in constant time."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "surrogatepass"))


class Sessions:
    """All of them, at most ``MOST``: one more ends the one that has been idle longest."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        # By the digest of the cookie: the time that a look-up takes tells nothing about any cookie.
        self._by_digest: dict[str, Session] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._by_digest)

    def begin(self, token: Token) -> tuple[str, Session]:
        """Sign in; returns the cookie's value and the session."""
        now = self._clock.boottime()
        self._tidy(now)
        if len(self._by_digest) >= MOST:
            del self._by_digest[min(self._by_digest, key=lambda one: self._by_digest[one].seen)]
        cookie = secrets.token_urlsafe(32)
        session = Session(token=token.id, csrf=secrets.token_urlsafe(32), began=now, seen=now)
        self._by_digest[_digest(cookie)] = session
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, unless its time is over; it has been seen now."""
        digest = _digest(cookie)
        session = self._by_digest.get(digest)
        if session is None:
            return None
        now = self._clock.boottime()
        if _over(session, now):
            del self._by_digest[digest]
            return None
        self._by_digest[digest] = session = replace(session, seen=now)
        return session

    def end(self, csrf: str) -> None:
        """Sign out."""
        self._by_digest = {digest: one for digest, one in self._by_digest.items() if one.csrf != csrf}

    def _tidy(self, now: float) -> None:
        self._by_digest = {digest: one for digest, one in self._by_digest.items() if not _over(one, now)}


def _over(session: Session, now: float) -> bool:
    return now - session.seen >= IDLE or now - session.began >= LONGEST


def _digest(cookie: str) -> str:
    return sha256(cookie[:_LONGEST_COOKIE].encode("utf-8", "surrogatepass")).hexdigest()
