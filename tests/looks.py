"""Looking at something from a test: a real clock, a made-up place, and no prober around."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from salus.clock import SystemClock
from salus.model import CheckSpec, Observation, ServiceState, ServiceStatus
from salus.options import CheckOptions
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
    try:
        return await look_at(built, place, **details)
    finally:
        await built.aclose()


async def look_at(check: Check, place: Site | None = None, **details: Any) -> Observation:
    """Look once, as the prober does, and leave the check open."""
    look = look_from(place or site(), **details)
    async with deadline(look.spec.timeout):
        return await check.look(look)


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """End what runs after so many seconds; where the loop comes late to that, by that much later.

    On a busy machine, what was due before would else be cut off in the same turn of the loop in which it has its say.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    async with asyncio.timeout(None) as bound:
        timer = loop.call_at(due, lambda: bound.reschedule(2 * loop.time() - due))
        try:
            yield
        finally:
            timer.cancel()


class Prober:
    """Looks as the engine's prober does, always from one place."""

    def __init__(self, folder: Path) -> None:
        self.site = site(state_dir=folder)

    async def __call__(self, options: CheckOptions, *, timeout: float = 10.0) -> Observation:
        assert options.problems() == []
        return await look_once(options, self.site, timeout=timeout)

    async def look(self, check: Check, *, timeout: float = 10.0) -> Observation:
        return await look_at(check, self.site, timeout=timeout)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, bounded."""
    try:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")
