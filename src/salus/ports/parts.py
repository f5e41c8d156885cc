"""What the parts of Salus are given and what they must do: checks, actions, services, channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from salus.home import Home
from salus.model import (
    NO_METRICS,
    NOTHING,
    CheckSpec,
    Effect,
    EventKind,
    Json,
    Metric,
    Notification,
    Observation,
    Plan,
    ServiceRecord,
    ServiceStatus,
    Status,
    Targets,
)
from salus.ports.received import NothingReceived, Received


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back. Equal to ``loop.time()`` of the running loop."""
        ...

    def boottime(self) -> float:
        """Return seconds that never go back and count suspended time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        ...


# ── What a part is given when it is built ─────────────────────────────────────────────────────────────────────────────


class Heartbeats(Protocol):
    """Where jobs report in, and where the ``heartbeat`` check looks."""

    def last(self, slug: str) -> Heartbeat | None:
        """Return the last report under that slug, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One report of a job: ``ok``, ``start``, ``fail`` or ``exit``, with its exit code where it gave one."""

    slug: str
    at: datetime
    signal: str = "ok"
    exit_code: int | None = None
    started_at: datetime | None = None
    message: str = ""


def _nobody_looks(_check: str) -> None:
    """Do nothing: where looks are taken one by one, nothing asks for more of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a check, an action or a service stands: everything it may reach besides its own options.

    Attributes:
        clock: time.
        state_dir: folder of Salus' own files; service logs go to ``state_dir/services/<name>/``.
        state_id: unique id of that folder. Every child process carries ``SALUS_CHILD=<state_id>:<kind>:<name>`` in its
            environment, so that it and its descendants can be found again after Salus was killed.
        services: all services by name (filled before anything runs).
        heartbeats: reports of jobs.
        tell: writes an event (``tell(EventKind.SERVICE_EXITED, service="web", message="killed by SIGKILL")``).
        remember: hands a service's record to the recorder; returns at once.
        nudge: asks for a look now at every check of the named service.
        look_now: asks for a look now at the named check; from any thread, and returns at once.
        received: alerts of others.
        home: the application that Salus lives in, whose coroutine functions run on a loop of their own.
    """

    clock: Clock
    state_dir: Path
    state_id: str
    services: Mapping[str, Service]
    heartbeats: Heartbeats
    tell: Tell
    remember: Callable[[ServiceRecord], None]
    nudge: Callable[[str], None]
    look_now: Callable[[str], None] = _nobody_looks
    received: Received = field(default_factory=NothingReceived)
    home: Home = field(default_factory=Home)


class Tell(Protocol):
    """Write one event."""

    def __call__(  # noqa: PLR0913 - an event's optional subjects, each named at the call
        self,
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
        """Write it; never blocks and never raises."""
        ...


# ── Checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Look:
    """One look: what the check may know, and the four ways to answer.

    Attributes:
        spec: the check.
        site: where it stands.
        at: wall clock at the start.
        started: monotonic clock at the start.
        previous: the observation before this one, for rates and growth.
        incarnation: of the check's service, at the start of the look.
    """

    spec: CheckSpec
    site: Site
    at: datetime
    started: float
    previous: Observation | None = None
    incarnation: str | None = None

    @property
    def elapsed(self) -> float:
        """Return seconds since the start."""
        return self.site.clock.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Return seconds until the deadline, never negative."""
        return max(0.0, self.spec.timeout - self.elapsed)

    def observe(
        self,
        status: Status,
        message: str = "",
        *,
        metrics: Mapping[str, Metric] = NO_METRICS,
        metadata: Mapping[str, Json] = NOTHING,
        incarnation: str | None = None,
        cause: str = "",
    ) -> Observation:
        """Answer with a status."""
        return Observation(
            status=status,
            message=message,
            at=self.at,
            duration=self.elapsed,
            metrics=metrics,
            metadata=metadata,
            incarnation=incarnation or self.incarnation,
            cause=cause,
        )

    def healthy(
        self, message: str = "", *, metrics: Mapping[str, Metric] = NO_METRICS, metadata: Mapping[str, Json] = NOTHING
    ) -> Observation:
        """Answer: all is well."""
        return self.observe(Status.HEALTHY, message, metrics=metrics, metadata=metadata)

    def degraded(
        self, message: str = "", *, metrics: Mapping[str, Metric] = NO_METRICS, metadata: Mapping[str, Json] = NOTHING
    ) -> Observation:
        """Answer: it works, and not as it should."""
        return self.observe(Status.DEGRADED, message, metrics=metrics, metadata=metadata)

    def unhealthy(
        self, message: str = "", *, metrics: Mapping[str, Metric] = NO_METRICS, metadata: Mapping[str, Json] = NOTHING
    ) -> Observation:
        """Answer: it does not work."""
        return self.observe(Status.UNHEALTHY, message, metrics=metrics, metadata=metadata)

    def unknown(
        self, message: str = "", *, metrics: Mapping[str, Metric] = NO_METRICS, metadata: Mapping[str, Json] = NOTHING
    ) -> Observation:
        """Answer: could not tell."""
        return self.observe(Status.UNKNOWN, message, metrics=metrics, metadata=metadata)


class Check(Protocol):
    """Looks once and says what it saw. Never decides anything."""

    async def look(self, look: Look) -> Observation:
        """Look once.

        The prober sets the deadline (``look.spec.timeout``) and cancels; a check need not watch the time, and must let
        ``CancelledError`` pass.

        Raises:
            CheckBrokenError: it could not tell (``unknown``). Any other exception counts as ``unknown`` too.
        """
        ...

    async def aclose(self) -> None:
        """Let go of kept connections. Called once, after the last look."""
        ...


# ── Actions ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where an action acts.

    Attributes:
        site: where it stands.
        plan: the attempt it is part of.
        check: the check to heal.
        observation: the newest look at it.
        service: the check's own service, or None.
        steps: how many rungs were tried before this one.
    """

    site: Site
    plan: Plan
    check: CheckSpec
    observation: Observation | None
    service: Service | None
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an action did: one line for people and what it recorded (bounded by the engine)."""

    message: str = ""
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


class Action(Protocol):
    """Carries out one step of a recovery."""

    @property
    def effect(self) -> Effect:
        """Return what it can do to the world; may depend on its options."""
        ...

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the services it touches, given the check's own service (or None)."""
        ...

    async def run(self, scene: Scene) -> ActionResult:
        """Do it. The healer sets the deadline and cancels; whatever was started must end with it.

        Raises:
            ActionError: it failed; the ladder goes on with the next rung.
            ServiceError: likewise.
        """
        ...


# ── Services ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Service(Protocol):
    """What can be started, stopped and restarted. All calls on one service are serialised by the service itself."""

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now; costs nothing."""
        ...

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Take over what still runs from an earlier Salus, by proof of identity; then start it if wanted.

        Args:
            record: what the ledger remembers, or None.
            start: also start it if it should run and does not; false only looks (for ``salus check``).
        """
        ...

    async def start(self) -> None:
        """Start it, and return when it is ready; at once if it runs already. Marks it wanted.

        Raises:
            StartError: it did not get ready within its start time-out (nothing is left behind).
        """
        ...

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it and its whole process tree; at once if it is stopped. ``by_person`` marks it unwanted.

        Raises:
            StopError: something is still there.
        """
        ...

    async def restart(self) -> None:
        """Replace the running copy with a new one, and return when that is ready.

        Raises:
            ServiceError: as for stop and start.
        """
        ...

    async def signal(self, number: int) -> None:
        """Send a signal to its main process.

        Raises:
            ServiceError: nothing runs, or this kind takes no signals.
        """
        ...

    def last_output(self, lines: int = 50) -> list[str]:
        """Return the last lines it wrote, oldest first (each bounded); empty where output is not captured."""
        ...

    async def aclose(self) -> None:
        """Let go of it. What runs goes on running, to be adopted by the next Salus."""
        ...


# ── Channels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Where a channel stands.

    Attributes:
        clock: time.
        state_dir: folder of Salus' own files.
        state_id: unique id of that folder, as in ``Site``.
        targets: where it may connect to.
    """

    clock: Clock
    state_dir: Path
    state_id: str
    targets: Targets = field(default_factory=Targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One try to deliver a notification.

    Attributes:
        notification: what is to be told.
        attempt: 1 for the first.
        late: seconds since it was made, where that is worth a word; else 0.
        timeout: seconds this try may take.
    """

    notification: Notification
    attempt: int = 1
    late: float = 0.0
    timeout: float = 15.0


class Channel(Protocol):
    """Tells people. One try at a time; when to try again, and whether, is not its business."""

    @property
    def resend(self) -> float | None:
        """Return seconds after which it must be told again what still fires (an Alertmanager forgets); None never."""
        ...

    async def send(self, letter: Letter) -> str:
        """Deliver it. Returns one line on what the other side said (without secrets), or nothing.

        The courier sets the deadline and cancels.

        Raises:
            DeliveryError: it did not arrive; ``permanent`` when it never will, ``retry_after`` when the other side
                said so. Any other exception counts as passing.
        """
        ...

    async def aclose(self) -> None:
        """Let go of kept connections. Called once, after the last letter."""
        ...
