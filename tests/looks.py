"""Looking at something from a test: a real clock, a made-up place, and no prober around."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from salus.clock import SystemClock
from salus.model import CheckSpec, Observation, ServiceState, ServiceStatus
from salus.ports import Check, Clock, Heartbeat, Look, Service, Site

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


@dataclass
class Reports:
    """Heartbeats that were reported."""

    by_slug: dict[str, Heartbeat] = field(default_factory=dict)

    def last(self, slug: str) -> Heartbeat | None:
        return self.by_slug.get(slug)


@dataclass
class ServiceInView:
    """A service that only has a status."""

    state: ServiceState = ServiceState.RUNNING
    pid: int | None = None
    wanted: bool = True
    message: str = ""

    @property
    def status(self) -> ServiceStatus:
        return ServiceStatus(
            name="web",
            kind="process",
            state=self.state,
            wanted=self.wanted,
            pid=self.pid,
            incarnation=f"copy-{self.pid}" if self.pid else None,
            message=self.message,
        )


def site(
    *,
    services: Mapping[str, Any] | None = None,
    reports: Reports | None = None,
    clock: Clock | None = None,
    state_dir: Path = Path("state"),
) -> Site:
    """Make a place to stand."""
    known: Mapping[str, Service] = services or {}
    return Site(
        clock=clock or SystemClock(),
        state_dir=state_dir,
        state_id="tests",
        services=known,
        heartbeats=reports or Reports(),
        tell=lambda *_, **__: None,
        remember=lambda _: None,
        nudge=lambda _: None,
    )


def look_from(
    place: Site,
    *,
    timeout: float = 10.0,
    previous: Observation | None = None,
    at: datetime | None = None,
    name: str = "checked",
) -> Look:
    """Begin a look now, or at a made-up moment of the wall clock."""
    spec = CheckSpec(name=name, kind="any", timeout=timeout)
    return Look(spec=spec, site=place, at=at or place.clock.now(), started=place.clock.monotonic(), previous=previous)


async def look_once(check: Any, place: Site | None = None, **details: Any) -> Observation:
    """Look as the prober does: built at its place, under its deadline; and let go of it afterwards."""
    place = place or site()
    built: Check = check.build(place) if hasattr(check, "build") else check
    look = look_from(place, **details)
    try:
        async with asyncio.timeout(look.spec.timeout):
            return await built.look(look)
    finally:
        await built.aclose()
