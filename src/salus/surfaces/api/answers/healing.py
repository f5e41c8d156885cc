"""Checks, rules, recoveries, services, and what holds them."""

from __future__ import annotations

from salus.model import Mode, Outcome, RecoveryPhase, RefusalReason, ServiceState, Status, StepResult
from salus.surfaces.api.answers.base import Answer, Facts, Instant, Seconds
from salus.surfaces.explain import Stand

# ── as a whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Agent(Answer, frozen=True, kw_only=True):
    """The Salus that speaks."""

    version: str
    hostname: str
    name: str
    pid: int
    started_at: Instant
    uptime: Seconds
    environment: str
    healing_off: str
    problems: list[str]


class Overall(Answer, frozen=True, kw_only=True):
    """All checks in one word."""

    status: Status
    message: str
    ready: bool
    live: bool
    started: bool
    culprits: list[str]
    paused: int


class Whole(Answer, frozen=True, kw_only=True):
    """How it is as a whole."""

    agent: Agent
    overall: Overall
    checks: dict[Status, int]
    services: dict[ServiceState, int]
    recoveries: int
    paused: bool


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Pause(Answer, frozen=True, kw_only=True):
    """A pause, of all recovery or of one check."""

    since: Instant
    until: Instant | None
    reason: str
    by: str


class Metric(Answer, frozen=True, kw_only=True):
    """One number that a look saw."""

    value: float
    unit: str


class Look(Answer, frozen=True, kw_only=True):
    """One look at a check."""

    status: Status
    message: str
    at: Instant
    duration: Seconds
    metrics: dict[str, Metric]
    metadata: Facts


class Check(Answer, frozen=True, kw_only=True):
    """A check: what it is, what is believed, and the last look.

    `recent` is what the last looks saw (31 at most), one letter each, the newest last: `h` healthy, `d` degraded,
    `u` unhealthy, `?` could not tell.
    """

    name: str
    kind: str
    status: Status
    since: Instant | None
    message: str
    last_checked: Instant | None
    duration: Seconds | None
    critical: bool
    liveness: bool
    healing: bool
    paused: Pause | None
    flapping: bool
    failing_since: Instant | None
    consecutive_failures: int
    consecutive_successes: int
    recent: str
    interval: Seconds
    timeout: Seconds
    service: str | None
    depends_on: list[str]
    tags: list[str]
    description: str
    metrics: dict[str, Metric]
    metadata: Facts


# ── the long past ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Point(Answer, frozen=True, kw_only=True):
    """A few looks together: when the first began, how many, their number, and the worst of their verdicts."""

    at: Instant
    looks: int
    low: float
    mean: float
    high: float
    status: Status


class Series(Answer, frozen=True, kw_only=True):
    """A number of a check over time, the oldest point first; `metrics` names the numbers there are."""

    check: str
    metric: str
    unit: str
    since: Instant
    until: Instant
    metrics: list[str]
    points: list[Point]


class Times(Answer, frozen=True, kw_only=True):
    """Seconds in each status. `availability` (0 to 1) is the share of the judged time in which it was not unhealthy."""

    availability: float | None
    healthy: Seconds
    degraded: Seconds
    unhealthy: Seconds
    unknown: Seconds


class Day(Times, frozen=True, kw_only=True):
    """How a check was on a day (UTC), and how many looks there were."""

    date: str
    looks: int


class Days(Answer, frozen=True, kw_only=True):
    """How a check was on each day, the oldest first, today's so far included."""

    check: str
    days: list[Day]


class Windows(Answer, frozen=True, kw_only=True):
    """How available: over the last 24 hours, and over 7, 30 and 90 days, of which today is the last."""

    day: Times
    week: Times
    month: Times
    quarter: Times


class Availability(Windows, frozen=True, kw_only=True):
    """How available a check was."""

    name: str
    status: Status


class AvailabilityPage(Answer, frozen=True, kw_only=True):
    """How available the checks of a page were, and all checks together."""

    items: list[Availability]
    next: str | None
    total: int
    whole: Windows


# ── rules and recoveries ──────────────────────────────────────────────────────────────────────────────────────────────


class Refused(Answer, frozen=True, kw_only=True):
    """Why a rule does not act."""

    reason: RefusalReason
    detail: str
    until: Instant | None


class Approval(Answer, frozen=True, kw_only=True):
    """What a rule asks of a person, and what they said."""

    id: str
    answer: str | None
    asked_at: Instant
    expires_at: Instant
    answered_at: Instant | None
    by: str
    note: str


class Recurrence(Answer, frozen=True, kw_only=True):
    """Healed, but back."""

    threshold: int
    window: Seconds
    recoveries: int
    since: Instant | None
    escalations: int


class Override(Answer, frozen=True, kw_only=True):
    """The mode that a person has set for a rule."""

    mode: Mode
    since: Instant
    by: str


class Rule(Answer, frozen=True, kw_only=True):
    """A rule: its bounds, what is spent of them, and why it last did not act."""

    name: str
    check: str
    enabled: bool
    mode: Mode
    mode_configured: Mode
    mode_override: Override | None
    trigger_on: Status | None
    when: str | None
    min_failure_count: int
    failure_window: Seconds
    ladders: list[list[str]]
    next_ladder: int
    on_exhausted: list[str]
    attempts: int
    max_recovery_attempts: int
    cooldown_period: Seconds
    cooldown_multiplier: float
    cooldown_max: Seconds
    cooldown_until: Instant | None
    exhausted_since: Instant | None
    half_open_tries: int
    half_open_at: Instant | None
    last_started: Instant | None
    last_finished: Instant | None
    last_outcome: Outcome | None
    recurrence: Recurrence
    approval: Approval | None
    last_refusal: Refused | None


class Step(Answer, frozen=True, kw_only=True):
    """One action of a recovery."""

    position: int
    action: str
    result: StepResult
    message: str
    started_at: Instant
    duration: Seconds
    verified: bool | None
    evidence: Facts


class Current(Answer, frozen=True, kw_only=True):
    """What a recovery does at this moment."""

    phase: RecoveryPhase
    action: str | None
    position: int | None
    since: Instant
    until: Instant


class Recovery(Answer, frozen=True, kw_only=True):
    """One recovery with its steps.

    `evidence`, also that of the steps, is what was recorded. It is empty for a viewer: programs write secrets, too.
    """

    id: str
    rule: str
    check: str
    targets: list[str]
    attempt: int
    trigger: str
    failing_since: Instant | None
    decided_at: Instant
    started_at: Instant
    finished_at: Instant | None
    outcome: Outcome | None
    message: str
    initiation: Seconds | None
    duration: Seconds | None
    ladder: int
    half_open: bool
    manual: bool
    approved_by: str
    needless: bool
    steps: list[Step]
    evidence: Facts
    current: Current | None


class Stage(Answer, frozen=True, kw_only=True):
    """What one stage of the decision says."""

    stage: RefusalReason
    question: str
    passes: bool
    detail: str
    until: Instant | None


class ExplainedRule(Answer, frozen=True, kw_only=True):
    """Why one rule acts, or does not."""

    verdict: str
    stand: Stand
    reason: RefusalReason | None
    until: Instant | None
    remedy: str
    rule: Rule
    stages: list[Stage]
    running: Recovery | None


class Explained(Answer, frozen=True, kw_only=True):
    """Why the rules of a check act, or do not."""

    check: Check
    rules: list[ExplainedRule]


class Statistics(Answer, frozen=True, kw_only=True):
    """How well healing works; `salus stats` says what each number counts."""

    since: Instant
    until: Instant
    total: Facts
    rules: list[Facts]
    actions: list[Facts]
    complete: bool


# ── services and what holds ───────────────────────────────────────────────────────────────────────────────────────────


class Service(Answer, frozen=True, kw_only=True):
    """A service."""

    name: str
    kind: str
    state: ServiceState
    wanted: bool
    since: Instant | None
    pid: int | None
    starts: int
    message: str


class Output(Answer, frozen=True, kw_only=True):
    """The last lines of a service, the oldest first."""

    service: str
    lines: list[str]


class CheckPause(Pause, frozen=True, kw_only=True):
    """A check that a person has set aside."""

    check: str


class Members(Answer, frozen=True, kw_only=True):
    """Which checks are meant."""

    checks: list[str]
    tags: list[str]
    services: list[str]
    everything: bool


class Maintenance(Answer, frozen=True, kw_only=True):
    """A maintenance window."""

    name: str
    since: Instant
    until: Instant
    members: Members
    reason: str
    by: str


class Policy(Answer, frozen=True, kw_only=True):
    """What holds healing now, beyond single rules."""

    mode: Mode
    pause: Pause | None
    checks_paused: list[CheckPause]
    maintenance: list[Maintenance]
    brakes: list[Facts]
    circuits: list[Facts]
    causes: list[str]
    overload: str
    rivals: list[str]
    disabled: list[str]
    refusals: dict[str, dict[str, int]]
