"""The fakes we ship, tested like everything else: time that jumps, checks that follow a script, actions that note.

with virtual_time() as runner:
    runner.run(scenario())     # hours pass in milliseconds
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from salus.errors import ActionError
from salus.home import Home
from salus.model import (
    NO_METRICS,
    Effect,
    Event,
    EventKind,
    Metric,
    Observation,
    ServiceRecord,
    ServiceState,
    ServiceStatus,
    Status,
)
from salus.ports import ActionResult, Heartbeat, Look, NothingReceived, Received, Scene, Service, Site
from salus.virtual import EPOCH, VirtualClock, VirtualLoop, virtual_time

__all__ = [
    "EPOCH",
    "EventLog",
    "FakeService",
    "NoHeartbeats",
    "RecordingAction",
    "ScriptedCheck",
    "VirtualClock",
    "VirtualLoop",
    "following",
    "make_site",
    "run_until",
    "statuses",
    "virtual_time",
]


async def run_until(condition: Callable[[], bool], clock: VirtualClock, *, within: float = 3600.0) -> None:
    """Let virtual time pass until ``condition`` holds.

    Raises:
        AssertionError: it did not within that many virtual seconds.
    """
    deadline = clock.monotonic() + within
    while not condition():
        if clock.monotonic() >= deadline:
            message = f"the condition did not hold within {within:g} virtual seconds"
            raise AssertionError(message)
        await clock.sleep(0.01)


# ── Checks, actions, services ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class ScriptedCheck:
    """Answers what ``script`` says: a status, or a function of the look."""

    script: Status | Callable[[Look], Observation | Status]
    takes: float = 0.0
    metrics: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)
    looks: list[float] = field(default_factory=list)
    closed: bool = False

    async def look(self, look: Look) -> Observation:
        """Answer after ``takes`` seconds."""
        self.looks.append(look.started)
        if self.takes:
            await look.site.clock.sleep(self.takes)
        answer = self.script(look) if callable(self.script) else self.script
        if isinstance(answer, Observation):
            return answer
        return look.observe(answer, f"scripted {answer}", metrics=self.metrics)

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


@dataclass(slots=True)
class RecordingAction:
    """Notes when it ran, and then does what it is told."""

    does: Callable[[Scene], None] | None = None
    effect: Effect = Effect.CHANGES
    takes: float = 0.0
    fails: str = ""
    touches: frozenset[str] = frozenset()
    runs: list[float] = field(default_factory=list)

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the services it touches."""
        return self.touches

    async def run(self, scene: Scene) -> ActionResult:
        """Run, after ``takes`` seconds."""
        self.runs.append(scene.site.clock.monotonic())
        if self.takes:
            await scene.site.clock.sleep(self.takes)
        if self.fails:
            raise ActionError(self.fails)
        if self.does:
            self.does(scene)
        return ActionResult(message="done")


@dataclass(slots=True)
class FakeService:
    """A service that runs when it is told to; ``crash`` ends it."""

    name: str
    site: Site
    starts_in: float = 0.0
    up: bool = True
    wanted: bool = True
    copies: int = 1

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now."""
        return ServiceStatus(
            name=self.name,
            kind="fake",
            state=ServiceState.RUNNING if self.up else ServiceState.EXITED,
            wanted=self.wanted,
            incarnation=f"{self.name}-{self.copies}" if self.up else None,
            starts=self.copies,
        )

    def crash(self) -> None:
        """End it, and nudge its checks."""
        self.up = False
        self.site.nudge(self.name)

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Start it if it should run."""
        self.wanted = record.wanted if record else True
        if start and self.wanted:
            await self.start()

    async def start(self) -> None:
        """Start it."""
        self.wanted = True
        if not self.up:
            await self.site.clock.sleep(self.starts_in)
            self.copies += 1
            self.up = True

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it."""
        self.up = False
        self.wanted = self.wanted and not by_person

    async def restart(self) -> None:
        """Replace it."""
        self.up = False
        await self.start()

    async def signal(self, number: int) -> None:
        """Take a signal: 9 ends it."""
        if number == 9:
            self.crash()

    def last_output(self, lines: int = 50) -> list[str]:
        """Return what it wrote."""
        return [f"{self.name} copy {self.copies}"][:lines]

    async def aclose(self) -> None:
        """Let go."""


class EventLog:
    """Keeps every event that was told, with a few ways to ask."""

    def __init__(self) -> None:
        """Begin empty."""
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Take an event (give this object to ``Bus.subscribe``)."""
        self.events.append(event)

    def of(self, *kinds: EventKind) -> list[Event]:
        """Return the events of these kinds, oldest first."""
        return [event for event in self.events if event.kind in kinds]


class NoHeartbeats:
    """Nobody reports in."""

    def last(self, slug: str) -> Heartbeat | None:
        """Return nothing."""
        return None


def make_site(
    clock: VirtualClock,
    *,
    services: Mapping[str, Service] | None = None,
    state_dir: Path = Path("/nonexistent/salus"),
    tell: Callable[..., None] | None = None,
    remember: Callable[[ServiceRecord], None] | None = None,
    nudge: Callable[[str], None] | None = None,
    received: Received | None = None,
    home: Home | None = None,
) -> Site:
    """Make a site of fakes; what is not given does nothing."""
    return Site(
        clock=clock,
        state_dir=state_dir,
        state_id="0" * 32,
        services=services if services is not None else {},
        heartbeats=NoHeartbeats(),
        tell=tell or _ignore,
        remember=remember or _ignore,
        nudge=nudge or _ignore,
        received=NothingReceived() if received is None else received,
        home=home or Home(),
    )


def _ignore(*_: object, **__: object) -> None:
    pass


def statuses(*runs: tuple[Status, int]) -> Sequence[Status]:
    """Spell out a script: ``statuses((Status.HEALTHY, 3), (Status.UNHEALTHY, 2))``."""
    return [status for status, count in runs for _ in range(count)]


def following(script: Iterable[Status], then: Status = Status.HEALTHY) -> Callable[[Look], Status]:
    """Give the statuses of a script one look after the other, then always the last word."""
    rest = iter(script)
    return lambda _: next(rest, then)
