"""The fakes we ship, tested like everything else: time that jumps, checks that follow a script, actions that note.

with virtual_time() as runner:
    runner.run(scenario())     # hours pass in milliseconds
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from salus.errors import ActionError
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
from salus.ports import ActionResult, Heartbeat, Look, Scene, Service, Site

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: when nothing is ready it moves virtual time on to the next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Only a thread or a signal can wake the loop now: give it a moment of real time.
            return super().select(0.05)
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can run, and jumps when nothing can."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return virtual seconds."""
        return self._jumping.now


class VirtualClock:
    """The clock of a ``VirtualLoop``, with hands that a test may move."""

    def __init__(self, loop: VirtualLoop, start: datetime = EPOCH) -> None:
        """Show ``start`` when the loop shows zero."""
        self._loop = loop
        self._start = start
        self._slept = 0.0

    def now(self) -> datetime:
        """Return the wall clock."""
        return self._start + timedelta(seconds=self._loop.time() + self._slept)

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return self._loop.time()

    def boottime(self) -> float:
        """Return the loop's seconds and those that the machine was suspended."""
        return self._loop.time() + self._slept

    async def sleep(self, seconds: float) -> None:
        """Wait virtual seconds."""
        await asyncio.sleep(seconds)

    def set_wall(self, by: timedelta) -> None:
        """Let the wall clock jump."""
        self._start += by

    def suspend(self, seconds: float) -> None:
        """Suspend the machine: wall clock and boot time go on, the monotonic clock stands still."""
        self._slept += seconds


@contextmanager
def virtual_time() -> Iterator[tuple[asyncio.Runner, VirtualClock]]:
    """Give a runner on a virtual loop, and its clock."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        yield runner, VirtualClock(loop)


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
