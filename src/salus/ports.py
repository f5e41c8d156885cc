"""The shapes that rooms meet through: a room imports these and never its siblings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from salus.model import (
    NO_METRICS,
    NOTHING,
    AgentInfo,
    Approval,
    CheckReport,
    CheckSpec,
    CheckState,
    Effect,
    Event,
    EventKind,
    Json,
    Maintenance,
    Memo,
    Metric,
    Observation,
    Overall,
    Pause,
    Plan,
    PolicyReport,
    RecoveryRecord,
    RuleExplanation,
    RuleReport,
    RuleState,
    Selector,
    ServiceRecord,
    ServiceStatus,
    Status,
)


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
    """

    clock: Clock
    state_dir: Path
    state_id: str
    services: Mapping[str, Service]
    heartbeats: Heartbeats
    tell: Tell
    remember: Callable[[ServiceRecord], None]
    nudge: Callable[[str], None]


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


# ── Store ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows to write in one transaction. States, records and recoveries replace the row of the same key.

    Attributes:
        events: new rows.
        observations: (check name, look) pairs; new rows.
        check_states: by check name.
        rule_states: keyed by their rule.
        services: keyed by their service.
        recoveries: keyed by their id.
        memos: keyed by their key; one without a value is forgotten.
        forget_checks, forget_rules, forget_services: names whose state rows go.
    """

    events: Sequence[Event] = ()
    observations: Sequence[tuple[str, Observation]] = ()
    check_states: Mapping[str, CheckState] = field(default_factory=dict)
    rule_states: Sequence[RuleState] = ()
    services: Sequence[ServiceRecord] = ()
    recoveries: Sequence[RecoveryRecord] = ()
    memos: Sequence[Memo] = ()
    forget_checks: Sequence[str] = ()
    forget_rules: Sequence[str] = ()
    forget_services: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a starting Salus needs to know of its past.

    Attributes:
        last_event_id: highest id in the ledger, 0 when empty.
        unfinished: recoveries without an outcome: the last Salus died in them.
        recent_starts: instants at which recoveries started in the last hour, oldest first.
        memos: what each key remembers.
    """

    check_states: Mapping[str, CheckState] = field(default_factory=dict)
    rule_states: Mapping[str, RuleState] = field(default_factory=dict)
    services: Mapping[str, ServiceRecord] = field(default_factory=dict)
    unfinished: Sequence[RecoveryRecord] = ()
    recent_starts: Sequence[datetime] = ()
    memos: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    last_event_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events, newest first. ``before`` and ``after`` are event ids, both exclusive."""

    check: str | None = None
    rule: str | None = None
    service: str | None = None
    recovery: str | None = None
    kinds: Sequence[EventKind] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryQuery:
    """Which recoveries, newest first. ``before`` is the ``started_at`` of the last row of the page before."""

    id: str | None = None
    check: str | None = None
    rule: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    limit: int = 100


class Store(Protocol):
    """The ledger, the states, the history."""

    async def open(self) -> None:
        """Make it ready: create or migrate, and verify that it can be read.

        Raises:
            StoreUnreadableError: it is there and cannot be trusted. It is left untouched.
            StoreUnwritableError: it cannot be created or written.
        """
        ...

    async def load(self, now: datetime) -> Snapshot:
        """Read what a starting Salus needs.

        Raises:
            StoreUnreadableError: rows cannot be read or understood.
        """
        ...

    async def write(self, batch: Batch) -> None:
        """Write all rows in one transaction; on return they survive a kill of this process.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        ...

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first."""
        ...

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        ...

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        ...

    async def prune(self, now: datetime, *, events_before: datetime, observations_before: datetime) -> int:
        """Forget old rows, in bounded steps. Returns how many rows went.

        Unfinished recoveries stay, and so do those that started within the last day: budgets are counted from them.
        """
        ...

    async def close(self) -> None:
        """Write what is pending and let go."""
        ...


# ── What surfaces see ─────────────────────────────────────────────────────────────────────────────────────────────────


class View(Protocol):
    """Read-only truth for surfaces. Everything is in memory; nothing here runs a check."""

    @property
    def version(self) -> int:
        """Return a number that grows with every change that could be seen."""
        ...

    def agent(self) -> AgentInfo:
        """Return who is speaking."""
        ...

    def overall(self, exclude: frozenset[str] = frozenset()) -> Overall:
        """Return all checks in one word, leaving out the named ones."""
        ...

    def checks(self) -> Sequence[CheckReport]:
        """Return all checks, by name."""
        ...

    def check(self, name: str) -> CheckReport | None:
        """Return one check, or None."""
        ...

    def services(self) -> Sequence[ServiceStatus]:
        """Return all services, by name."""
        ...

    def rules(self) -> Sequence[RuleReport]:
        """Return all rules, by name."""
        ...

    def recoveries(self) -> Sequence[RecoveryRecord]:
        """Return the recoveries that run now."""
        ...

    def policy(self) -> PolicyReport:
        """Return what holds healing now, beyond single rules."""
        ...

    def explain(self, check: str) -> Sequence[RuleExplanation]:
        """Say for every rule of a check why it acts or does not, stage by stage. Raises NotFoundError."""
        ...


class Control(Protocol):
    """What a person may ask for. Every call is audited by the event it writes."""

    async def check_now(self, name: str) -> Observation:
        """Look afresh. Raises NotFoundError."""
        ...

    async def heal(self, rule: str) -> RecoveryRecord:
        """Run a rule now, whatever its thresholds and budgets; single flight and verification still hold.

        Raises NotFoundError, ConflictError.
        """
        ...

    async def reset(self, rule: str) -> None:
        """Forget a rule's attempts and its giving up. Raises NotFoundError."""
        ...

    async def pause(self, seconds: float | None, *, reason: str = "", by: str = "") -> Pause:
        """Stop all automatic recovery, for that long or until ``resume``; survives a restart of Salus."""
        ...

    async def resume(self, *, by: str = "") -> None:
        """End the pause, and look at what is bad. Raises ConflictError when nothing is paused."""
        ...

    async def start_maintenance(
        self, members: Selector, seconds: float, *, name: str = "", reason: str = "", by: str = ""
    ) -> Maintenance:
        """Open a window in which nothing of ``members`` is healed; survives a restart of Salus.

        Raises NotFoundError (a check, tag or service that is not there), ConflictError (the name is taken).
        """
        ...

    async def end_maintenance(self, name: str, *, by: str = "") -> None:
        """Close a window before its time, also one of the config. Raises NotFoundError."""
        ...

    async def enable_rule(self, rule: str, *, enabled: bool, by: str = "") -> None:
        """Switch a rule on or off; survives a restart of Salus. Raises NotFoundError."""
        ...

    async def answer(self, approval: str, *, approve: bool, by: str = "", note: str = "") -> Approval:
        """Answer a rule that asks for approval, by the id of its question or by the rule's name.

        Raises NotFoundError, ConflictError (answered already, or lapsed).
        """
        ...

    async def start_service(self, name: str) -> ServiceStatus:
        """Start a service. Raises NotFoundError, ServiceError."""
        ...

    async def stop_service(self, name: str) -> ServiceStatus:
        """Stop a service; Salus will not start it again until asked. Raises NotFoundError, ServiceError."""
        ...

    async def restart_service(self, name: str) -> ServiceStatus:
        """Restart a service. Raises NotFoundError, ServiceError."""
        ...

    async def reload(self) -> str:
        """Read the config again; says what changed. Raises ConfigError and keeps the last good config."""
        ...

    def beat(self, heartbeat: Heartbeat) -> bool:
        """Take a job's report; false when no check listens to that slug."""
        ...


Subscriber: TypeAlias = Callable[[Event], None]
