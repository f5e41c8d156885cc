"""Salus itself and its host: what it needs, how late it is, what it was told to do. Never an option, never a secret."""

from __future__ import annotations

from typing import ClassVar

from salus.model import Json, Role
from salus.surfaces.dashboard.page import Page, Region, Visit
from salus.surfaces.dashboard.source import Source

_KEPT = 60


class System:
    """Makes the page about Salus itself."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        # CPU seconds and when they were read: what was used in between is what a person wants to know.
        self._before: tuple[float, float] | None = None
        self._used: float | None = None
        self._lags: list[float] = []

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        told = await self._source.read(visit.caller, "/system")
        assert isinstance(told, dict)  # noqa: S101 - as the API's table says
        self._count(told)
        agent = self._source.view.agent()
        facts = {"system": told, "agent": agent, "used": self._used, "lags": list(self._lags)}
        parts = [Region(id="system", template="system_now.html", facts=facts), await self._config(visit)]
        return Page(title="System", template="system.html", parts=parts, nav="system", refresh=5.0)

    async def _config(self, visit: Visit) -> Region:
        """Show the config to whom the API shows it."""
        config = await self._source.read(visit.caller, "/config") if visit.may_rule else None
        return Region(id="config", template="system_config.html", facts={"config": config}, key=str(config))

    def _count(self, told: dict[str, Json]) -> None:
        cpu, lag = told["cpu"], told["loop_lag"]
        seconds = float(cpu["seconds"]) if isinstance(cpu, dict) and isinstance(cpu["seconds"], float | int) else 0.0
        now = self._source.clock.monotonic()
        if self._before and now - self._before[1] > 1:
            self._used = max(0.0, seconds - self._before[0]) / (now - self._before[1])
            self._before = seconds, now
        self._before = self._before or (seconds, now)
        if isinstance(lag, float | int):
            self._lags = [*self._lags, float(lag)][-_KEPT:]
