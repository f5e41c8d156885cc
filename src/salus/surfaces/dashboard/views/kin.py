"""What a check depends on, and what depends on it."""

from __future__ import annotations

from typing import TypeAlias

from salus.config import Settings
from salus.model import CheckReport, Status
from salus.surfaces.dashboard.source import Source

MOST = 50

Relative: TypeAlias = "tuple[str, Status | None, str]"
"""Name, status (None: it is not there), and its last message."""


class Kin:
    """Knows who depends on whom; gone through once for each config."""

    def __init__(self, source: Source) -> None:
        """Know that of ``source``."""
        self._source = source
        self._settings: Settings | None = None
        self._needed: dict[str, list[str]] = {}

    async def around(self, report: CheckReport) -> tuple[tuple[Relative, ...], tuple[Relative, ...]]:
        """Return what a check depends on, and what depends on it."""
        settings = self._source.settings
        if self._settings is not settings:
            needed: dict[str, list[str]] = {}
            for one in (await self._source.survey()).reports:
                for name in one.spec.depends_on:
                    needed.setdefault(name, []).append(one.spec.name)
            self._needed, self._settings = needed, settings
        needs = tuple(self._relative(name) for name in report.spec.depends_on[:MOST])
        return needs, tuple(self._relative(name) for name in self._needed.get(report.spec.name, ())[:MOST])

    def _relative(self, name: str) -> Relative:
        found = self._source.view.check(name)
        if found is None:
            return name, None, ""
        return name, found.state.status, found.state.last.message if found.state.last and found.state.status.bad else ""
