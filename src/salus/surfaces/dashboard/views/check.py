"""One check: how it is, what it saw, what depends on it, and why its rules act or do not."""

from __future__ import annotations

from typing import ClassVar

from salus.errors import NotFoundError
from salus.model import Role
from salus.surfaces.dashboard.page import Page, Region, Visit
from salus.surfaces.dashboard.source import Source


class CheckPage:
    """Makes the page of one check."""

    shown: ClassVar[bool] = True
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError."""
        report = self._source.view.check(visit.name)
        if report is None:
            raise NotFoundError(f"there is no check {visit.name[:200]!r}", remedy="the overview lists them")
        head = Region(id="head", template="check_head.html", facts={"check": report})
        return Page(title=report.spec.name, template="check.html", parts=[head], nav="overview")
