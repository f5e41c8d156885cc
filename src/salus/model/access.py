"""Who may do what: roles, and the tokens that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each may do all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Tell whether this role is enough where ``needed`` is asked for."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is remembered of a token; the token itself is known to its holder alone.

    Attributes:
        id: the part of it that may be seen.
        name: whose it is, or what for; stands in the audit as who did it.
        role: what it allows.
        digest: SHA-256 of its secret, in hexadecimal. The secret is 256 random bits: there is no dictionary to try, so
            a slow hash would protect nothing and cost every request.
        created_at: when it was made.
        expires_at: from when it is refused; None: never.
        used_at: when it was last used, to the hour; None: not yet.
        by: who made it.
    """

    id: str
    name: str
    role: Role
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    by: str = ""

    def expired(self, now: datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at
