"""The tokens: who may come in, with which role, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from salus.model import Role, Token
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

ON_A_PAGE = 100
_SOON = timedelta(days=14)


class TokensPage:
    """Makes the page of the tokens; whoever sees it may make one that may do everything."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.ADMIN

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        tokens = self._source.parts.access.tokens()
        pages = max(1, -(-len(tokens) // ON_A_PAGE))
        asked = visit.asked("page", 6)
        number = min(max(1, int(asked)), pages) if asked.isdecimal() else 1
        shown = tokens[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
        end = {
            "found": len(tokens),
            "number": number,
            "pages": pages,
            "before": visit.address_with(page=str(number - 1)) if number > 1 else "",
            "after": visit.address_with(page=str(number + 1)) if number < pages else "",
        }
        parts: list[Region | Rows] = [
            Rows(id="tokens", rows=[_row(one, visit.now) for one in shown], tag="tbody"),
            Region(id="tokens-end", template="tokens_end.html", facts=end, key=tuple(end.values()), classes="end"),
        ]
        facts = {"roles": tuple(Role)}
        return Page(title="Tokens", template="tokens.html", parts=parts, facts=facts, nav="tokens", refresh=5.0)


def _row(one: Token, now: datetime) -> Region:
    expired = one.expired(now)
    soon = not expired and one.expires_at is not None and one.expires_at - now < _SOON
    return Region(
        id=f"token-{one.id}",
        template="token_row.html",
        facts={"token": one, "expired": expired, "soon": soon},
        key=(one.id, one.name, one.role, one.expires_at, one.used_at, expired, soon),
        tag="tr",
    )
