"""The nouns of Salus. Frozen, slotted, keyword-only; no I/O and no clock.

Durations are seconds as ``float``; instants are aware UTC ``datetime``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NOTHING: Mapping[str, Json] = {}


class Status(StrEnum):
    """What a look or a check says. ``unknown`` never counts as healthy and never triggers recovery."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"

    @property
    def bad(self) -> bool:
        """Tell whether this is a verdict against the target: degraded or unhealthy."""
        return self in _BAD

    def at_least(self, other: Status) -> bool:
        """Tell whether this is a bad verdict at least as bad as ``other``."""
        return self.bad and _RANK[self] >= _RANK[other]


_BAD = frozenset({Status.DEGRADED, Status.UNHEALTHY})
_RANK = {Status.UNKNOWN: 0, Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}


class Metric(NamedTuple):
    """One number that a look saw, with its unit (``bytes``, ``seconds``, ``ratio``, ``celsius``; empty for a count)."""

    value: float
    unit: str = ""


NO_METRICS: Mapping[str, Metric] = {}


# ── Checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """What to look at, how often, and when to believe it.

    Attributes:
        name: unique among checks.
        kind: the registered kind, such as ``http``.
        options: the raw options of that kind, as configured.
        interval: seconds from the start of one look to the start of the next.
        timeout: seconds one look may take.
        retry_interval: seconds between the starts of looks from the first bad (or first good) one to the verdict.
        failure_threshold: bad looks in a row that make the verdict bad.
        success_threshold: good looks in a row that make the verdict healthy.
        start_period: seconds after the first look, or after the target was replaced, in which bad looks do not count.
        critical: an unhealthy critical check makes the whole unhealthy.
        liveness: part of ``/livez``.
        tags: free labels, for grouping and for rules.
        depends_on: names of checks that must be well before this one is healed.
        service: name of the service that a recovery of this check heals, or None.
        description: one line for people.
    """

    name: str
    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    interval: float = 30.0
    timeout: float = 10.0
    retry_interval: float = 1.0
    failure_threshold: int = 1
    success_threshold: int = 1
    start_period: float = 0.0
    critical: bool = False
    liveness: bool = False
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    service: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one look saw.

    Attributes:
        status: the verdict of this look alone.
        message: one line for people: expected against actual when it is bad.
        at: when the look began.
        duration: seconds the look took.
        metrics: the numbers it saw.
        metadata: further facts, for people.
        incarnation: identity of the target that was looked at (a process, a container); None when it has none.
    """

    status: Status
    message: str = ""
    at: datetime
    duration: float = 0.0
    metrics: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)
    metadata: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    incarnation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """The folded truth about one check.

    Attributes:
        status: the verdict after thresholds.
        since: when the verdict last changed.
        started: when counting began: the first look, or the moment the target was replaced.
        settled: a good look has been seen since ``started``, so the start period is over.
        consecutive_failures: bad looks (degraded or unhealthy) in a row.
        consecutive_unhealthy: unhealthy looks in a row.
        consecutive_successes: healthy looks in a row.
        consecutive_better: looks in a row that were not unhealthy.
        consecutive_unknown: looks in a row that could not tell.
        failing_since: when the current run of bad looks began, or None.
        flapping: the verdict changes too often to be believed.
        last: the last observation, or None before the first look.
    """

    status: Status = Status.UNKNOWN
    since: datetime | None = None
    started: datetime | None = None
    settled: bool = False
    consecutive_failures: int = 0
    consecutive_unhealthy: int = 0
    consecutive_successes: int = 0
    consecutive_better: int = 0
    consecutive_unknown: int = 0
    failing_since: datetime | None = None
    flapping: bool = False
    last: Observation | None = None


# ── Services ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """What can be started, stopped and restarted: a name, a registered kind and its raw options."""

    name: str
    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)


class ServiceState(StrEnum):
    """What a service is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service at this moment.

    Attributes:
        name: its name.
        kind: its kind.
        state: what it is doing.
        wanted: it should be running; false after a person stopped it.
        since: when ``state`` was reached.
        pid: its main process, if it has one.
        incarnation: identity of the running copy; a replaced copy has another. None when nothing runs.
        starts: how often this Salus has started it.
        message: one line for people, such as ``exited with 1 after 0.1 s`` or ``killed by SIGKILL``.
    """

    name: str
    kind: str
    state: ServiceState
    wanted: bool = True
    since: datetime | None = None
    pid: int | None = None
    incarnation: str | None = None
    starts: int = 0
    message: str = ""

    @property
    def running(self) -> bool:
        """Tell whether a copy is up."""
        return self.state in (ServiceState.RUNNING, ServiceState.STARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """What must be remembered about a service across a death of Salus.

    Attributes:
        service: its name.
        wanted: it should be running.
        launch: what its kind needs to find the running copy again (boot id, pid, start time, ...).
    """

    service: str
    wanted: bool
    launch: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


# ── Recovery ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Effect(StrEnum):
    """What an action can do to the world. Decides whether the check is run afresh after it."""

    RECORDS = "records"  # log, evidence: can never count as success
    WAITS = "waits"  # lets time pass: worth a fresh look if something acted before it
    CHANGES = "changes"  # changes the world: always verified
    REPLACES = "replaces"  # gives the target a new incarnation: evidence first, then always verified


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One rung of a ladder: a registered kind, its raw options, and seconds it may take (None: what is left)."""

    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRule:
    """When to act on a check, how, and how often.

    Attributes:
        name: unique among rules.
        check: the check it watches.
        actions: the ladder, tried in order until the check passes.
        trigger_on: act when the look is at least this bad.
        min_failure_count: looks at least that bad in a row before acting.
        recovery_timeout: seconds one attempt may take, from the first action to the last verification.
        cooldown_period: seconds from the end of one attempt to the start of the next.
        max_recovery_attempts: attempts per incident.
        reset_after: seconds of proven health after which attempts are forgotten.
        verify_timeout: seconds after each acting step in which the check must pass.
        exhausted_retry: seconds from giving up to the one half-open attempt; doubles each time.
        exhausted_retry_max: the longest that wait grows to.
        enabled: false leaves the rule in view and never acts.
    """

    name: str
    check: str
    actions: tuple[ActionSpec, ...]
    trigger_on: Status = Status.DEGRADED
    min_failure_count: int = 1
    recovery_timeout: float = 30.0
    cooldown_period: float = 60.0
    max_recovery_attempts: int = 3
    reset_after: float = 600.0
    verify_timeout: float = 10.0
    exhausted_retry: float = 1800.0
    exhausted_retry_max: float = 86400.0
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The blast radius of all recoveries together.

    Attributes:
        recoveries_at_once: recoveries that may run at the same time.
        recoveries_per_hour: recoveries that may start in any hour.
        storm_brake: share of all checks (0 to 1) which, turned bad together within ``storm_window``, stops healing.
        storm_window: seconds that count as together.
        storm_min_checks: fewer than this many newly bad checks are never a storm.
    """

    recoveries_at_once: int = 2
    recoveries_per_hour: int = 20
    storm_brake: float = 0.5
    storm_window: float = 60.0
    storm_min_checks: int = 5


class RefusalReason(StrEnum):
    """Why a rule does not act. The same words stand in log, ledger, metric and page. In the order of the stages."""

    DISABLED = "disabled"
    HEALING_OFF = "healing_off"
    UNKNOWN = "unknown"
    BELOW_THRESHOLD = "below_threshold"
    STOPPED_BY_PERSON = "stopped_by_person"
    ON_HOLD = "on_hold"
    ALREADY_HEALING = "already_healing"
    DEPENDENCY_FAILING = "dependency_failing"
    COOLING_DOWN = "cooling_down"
    EXHAUSTED = "exhausted"
    TOO_MANY_AT_ONCE = "too_many_at_once"
    HOURLY_BUDGET_SPENT = "hourly_budget_spent"
    STORM_BRAKE = "storm_brake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no plan, and, when that is known, the moment from which there may be one."""

    rule: str
    check: str
    reason: RefusalReason
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One recovery attempt to carry out.

    Attributes:
        id: unique.
        rule: the rule as it is now; a later edit has no effect on this attempt.
        check: the check to heal.
        targets: what this attempt holds exclusively (``service:web`` or ``check:disk``).
        attempt: 1 for the first of an incident.
        decided_at: when the deciding observation was in.
        trigger: the deciding observation.
        half_open: the one try after giving up.
        manual: a person asked for it.
    """

    id: str
    rule: RecoveryRule
    check: str
    targets: frozenset[str]
    attempt: int
    decided_at: datetime
    trigger: Observation | None = None
    half_open: bool = False
    manual: bool = False


class Outcome(StrEnum):
    """How a recovery ended."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class StepResult(StrEnum):
    """How one action ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One rung that was tried.

    Attributes:
        position: 1 for the first action of the ladder.
        action: its kind.
        result: how the action itself ended.
        message: one line for people.
        started_at: when it began.
        duration: seconds it took, without the verification.
        verified: the check passed afterwards; None where there was nothing to verify.
        evidence: what it recorded (bounded).
    """

    position: int
    action: str
    result: StepResult
    message: str = ""
    started_at: datetime
    duration: float = 0.0
    verified: bool | None = None
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRecord:
    """One recovery as the ledger keeps it: the row exists before the first action.

    Attributes:
        id: unique.
        rule: name of the rule.
        check: name of the check.
        targets: what it holds exclusively.
        attempt: 1 for the first of an incident.
        trigger: message of the deciding observation.
        failing_since: when the run of bad looks began.
        decided_at: when the deciding observation was in.
        started_at: when the row was written.
        finished_at: None while it runs.
        outcome: None while it runs.
        message: one line for people on how it ended.
        initiation: seconds from the deciding observation to the first action; None if no action ran.
        duration: seconds from the deciding observation to the outcome.
        half_open: the one try after giving up.
        manual: a person asked for it.
        steps: what was tried, in order.
        evidence: what was captured before anything was destroyed (bounded).
    """

    id: str
    rule: str
    check: str
    targets: tuple[str, ...] = ()
    attempt: int = 1
    trigger: str = ""
    failing_since: datetime | None = None
    decided_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    message: str = ""
    initiation: float | None = None
    duration: float | None = None
    half_open: bool = False
    manual: bool = False
    steps: tuple[StepRecord, ...] = ()
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """What a rule must remember, across a death of Salus too: the budget of one incident.

    Attributes:
        rule: name of the rule.
        attempts: attempts spent in this incident.
        last_started: when the last attempt was reserved.
        last_finished: when it ended; None while it runs.
        last_outcome: how it ended.
        acted_on: incarnation that the last replacing action acted on.
        exhausted_since: when the rule gave up, or None.
        half_open_tries: half-open attempts since then.
        healthy_since: since when the check has been well after an attempt, or None.
    """

    rule: str
    attempts: int = 0
    last_started: datetime | None = None
    last_finished: datetime | None = None
    last_outcome: Outcome | None = None
    acted_on: str | None = None
    exhausted_since: datetime | None = None
    half_open_tries: int = 0
    healthy_since: datetime | None = None

    def shifted(self, by: timedelta) -> RuleState:
        """Return the same state after the wall clock jumped, so that every wait lasts as long as it should."""

        def move(instant: datetime | None) -> datetime | None:
            return instant + by if instant else None

        return RuleState(
            rule=self.rule,
            attempts=self.attempts,
            last_started=move(self.last_started),
            last_finished=move(self.last_finished),
            last_outcome=self.last_outcome,
            acted_on=self.acted_on,
            exhausted_since=move(self.exhausted_since),
            half_open_tries=self.half_open_tries,
            healthy_since=move(self.healthy_since),
        )


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class EventKind(StrEnum):
    """What can happen. One row in the ledger each."""

    AGENT_STARTED = "agent_started"
    AGENT_STOPPED = "agent_stopped"
    CONFIG_RELOADED = "config_reloaded"
    CONFIG_REJECTED = "config_rejected"
    CLOCK_JUMPED = "clock_jumped"
    HOST_RESUMED = "host_resumed"
    STATUS_CHANGED = "status_changed"
    CHECK_STUCK = "check_stuck"
    RECOVERY_STARTED = "recovery_started"
    RECOVERY_REFUSED = "recovery_refused"
    RECOVERY_FINISHED = "recovery_finished"
    ACTION_STARTED = "action_started"
    ACTION_FINISHED = "action_finished"
    VERIFIED = "verified"
    RULE_EXHAUSTED = "rule_exhausted"
    RULE_RESET = "rule_reset"
    SERVICE_STARTED = "service_started"
    SERVICE_ADOPTED = "service_adopted"
    SERVICE_EXITED = "service_exited"
    SERVICE_STOPPED = "service_stopped"
    SERVICE_FAILED = "service_failed"
    HEALING_OFF = "healing_off"
    HEALING_ON = "healing_on"
    STORE_FAILED = "store_failed"
    STORE_RECOVERED = "store_recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened: the ledger's row, the log line, the live message, the metric's label.

    Attributes:
        id: microseconds since the epoch, strictly increasing; the cursor of every live view.
        at: when.
        kind: what.
        message: one line for people.
        check, rule, service, recovery, action: what it is about, where that applies.
        old, new: statuses, for a change.
        reason: an enum's value, where there is one.
        data: further facts (bounded).
    """

    id: int
    at: datetime
    kind: EventKind
    message: str = ""
    check: str | None = None
    rule: str | None = None
    service: str | None = None
    recovery: str | None = None
    action: str | None = None
    old: str | None = None
    new: str | None = None
    reason: str | None = None
    data: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


# ── What surfaces show ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """A check as surfaces show it."""

    spec: CheckSpec
    state: CheckState
    healing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """A rule as surfaces show it: its budget, and why it last did not act."""

    rule: RecoveryRule
    state: RuleState
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """All checks in one word and one sentence, with the names behind it."""

    status: Status
    message: str
    ready: bool
    live: bool
    started: bool
    culprits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInfo:
    """The Salus that is speaking.

    Attributes:
        healing_off: why automatic recovery is off, or an empty string.
        problems: its own troubles, one line each.
        show_details: ``never``, ``when_authorized`` or ``always``.
    """

    version: str
    hostname: str
    pid: int
    started_at: datetime
    environment: str = ""
    show_details: str = "when_authorized"
    healing_off: str = ""
    problems: tuple[str, ...] = ()
