"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass

from salus.model import Role, Token
from salus.surfaces.access.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever sent a request, as far as it could be proved.

    Attributes:
        name: stands in the audit, and as ``by``; empty for a stranger.
        role: what they may do; None for a stranger.
        token: what they proved it with.
        session: their browser session, where that is how they came.
        address: where the request came from.
        secure: it came over TLS, by a proxy that is trusted.
        prefix: the path under which that proxy offers Salus.
        host: the name by which that proxy was asked for, where it says so.
        wrong: credentials were sent, and are not good.
        wait: so many of them were wrong lately that the answer is to come later; seconds.
    """

    name: str = ""
    role: Role | None = None
    token: Token | None = None
    session: Session | None = None
    address: str = ""
    secure: bool = False
    prefix: str = ""
    host: str = ""
    wrong: bool = False
    wait: float = 0.0

    def may(self, needed: Role) -> bool:
        """Tell whether they may do what needs that role."""
        return self.role is not None and self.role.may(needed)


STRANGER = Caller()
