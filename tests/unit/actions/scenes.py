"""A place for an action to act in: a service that only remembers what was asked of it, and a clock that jumps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from salus.errors import ServiceError
from salus.model import (
    NOTHING,
    ActionSpec,
    CheckSpec,
    EventKind,
    Json,
    Metric,
    Observation,
    Plan,
    RecoveryRule,
    ServiceRecord,
    ServiceState,
    ServiceStatus,
    Status,
)
from salus.ports import Heartbeat, Scene, Service, Site

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@dataclass
class JumpingClock:
    """Sleeping takes no time."""

    start: datetime = NOW
    slept: float = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def boottime(self) -> float:
        return self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass
class FakeService:
    """Remembers what was asked of it."""

    name: str = "web"
    state: ServiceState = ServiceState.RUNNING
    wanted: bool = True
    pid: int | None = 100
    output: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def status(self) -> ServiceStatus:
        return ServiceStatus(name=self.name, kind="fake", state=self.state, wanted=self.wanted, pid=self.pid)

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        self.asked.append("adopt")

    async def start(self) -> None:
        self.asked.append("start")
        self.state, self.pid = ServiceState.RUNNING, 200

    async def stop(self, *, by_person: bool = False) -> None:
        self.asked.append("stop")
        self.state, self.pid = ServiceState.STOPPED, None

    async def restart(self) -> None:
        self.asked.append("restart")
        self.state, self.pid = ServiceState.RUNNING, 200

    async def signal(self, number: int) -> None:
        if self.pid is None:
            raise ServiceError("nothing runs")
        self.asked.append(f"signal {number}")

    def last_output(self, lines: int = 50) -> list[str]:
        return self.output[-lines:]

    async def aclose(self) -> None:
        self.asked.append("aclose")


class _NoHeartbeats:
    def last(self, slug: str) -> Heartbeat | None:
        return None


def _tell(
    kind: EventKind,
    *,
    message: str = "",
    check: str | None = None,
    rule: str | None = None,
    service: str | None = None,
    recovery: str | None = None,
    action: str | None = None,
    reason: str | None = None,
    data: Mapping[str, Json] = NOTHING,
) -> None:
    """Nobody listens."""


def make_site(*services: FakeService, state_dir: Path = Path("/nonexistent/salus")) -> Site:
    return Site(
        clock=JumpingClock(),
        state_dir=state_dir,
        state_id="test",
        services={service.name: service for service in services},
        heartbeats=_NoHeartbeats(),
        tell=_tell,
        remember=lambda _: None,
        nudge=lambda _: None,
    )


def make_scene(
    site: Site | None = None,
    *,
    service: Service | None = None,
    message: str = "status 500, expected 200",
    attempt: int = 1,
) -> Scene:
    name = service.status.name if service else None
    observation = Observation(
        status=Status.UNHEALTHY,
        message=message,
        at=NOW,
        metrics={"latency_seconds": Metric(0.25, "seconds"), "free-ratio.root": Metric(0.5, "ratio")},
    )
    rule = RecoveryRule(name="web-http", check="web-http", ladders=((ActionSpec(kind="log"),),))
    plan = Plan(id="r1", rule=rule, check="web-http", targets=frozenset(), attempt=attempt, decided_at=NOW)
    return Scene(
        site=site or make_site(*([service] if isinstance(service, FakeService) else [])),
        plan=replace(plan, trigger=observation),
        check=CheckSpec(name="web-http", kind="http", service=name, tags=("web",)),
        observation=observation,
        service=service,
    )
