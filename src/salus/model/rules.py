"""When to act, how often at most, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from salus.model.checks import Json, Status
from salus.model.policy import Approval, GroupSpec, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One rung of a ladder: a registered kind, its raw options, and seconds it may take (None: what is left)."""

    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    timeout: float | None = None


Rungs: TypeAlias = tuple[ActionSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRule:
    """When to act on a check, how, and how often.

    Attributes:
        name: unique among rules.
        check: the check it watches.
        ladders: one ladder per attempt; the last one serves all attempts that follow. Each is a list of actions, tried
            in order until the check passes.
        on_exhausted: actions for the moment of giving up.
        trigger_on: act when the look is at least this bad.
        when: act when this condition holds instead (a CEL expression over what checks observe); empty for none.
        min_failure_count: looks at least that bad (or with that condition) before acting.
        failure_window: looks among which they are counted; 0 means that they must follow each other.
        recovery_timeout: seconds one attempt may take, from the first action to the last verification.
        cooldown_period: seconds from the end of one attempt to the start of the next.
        cooldown_multiplier: what the cooldown is multiplied with after every further attempt; 1 keeps it fixed.
        cooldown_max: the longest that it grows to.
        cooldown_jitter: share of the cooldown (0 to 1) by which it may be longer, so that rules do not act in step.
        max_recovery_attempts: attempts per incident.
        reset_after: seconds of proven health after which attempts are forgotten.
        verify_timeout: seconds after each acting step in which the check must pass.
        exhausted_retry: seconds from giving up to the one half-open attempt; doubles each time.
        exhausted_retry_max: the longest that wait grows to.
        recurrence_threshold: recoveries that succeed within ``recurrence_window`` and are needed again: this many are
            no cure, and call a person; each time the rule moves on to its next ladder. 0 switches this off.
        recurrence_window: seconds.
        dependency_grace: seconds that a check has to come back by itself after what it depends on is well again.
        mode: how far this rule may go.
        approval_timeout: seconds after which a question to a person, or their permission, lapses.
        enabled: false leaves the rule in view and never acts.
    """

    name: str
    check: str
    ladders: tuple[Rungs, ...]
    on_exhausted: Rungs = ()
    trigger_on: Status = Status.DEGRADED
    when: str = ""
    min_failure_count: int = 1
    failure_window: int = 0
    recovery_timeout: float = 30.0
    cooldown_period: float = 60.0
    cooldown_multiplier: float = 1.0
    cooldown_max: float = 3600.0
    cooldown_jitter: float = 0.0
    max_recovery_attempts: int = 3
    reset_after: float = 600.0
    verify_timeout: float = 10.0
    exhausted_retry: float = 1800.0
    exhausted_retry_max: float = 86400.0
    recurrence_threshold: int = 3
    recurrence_window: float = 3600.0
    dependency_grace: float = 5.0
    mode: Mode = Mode.AUTO
    approval_timeout: float = 900.0
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The blast radius of all recoveries together.

    Attributes:
        mode: how far any rule may go.
        recoveries_at_once: recoveries that may run at the same time.
        recoveries_per_hour: recoveries that may start in any hour.
        storm_brake: share of all targets (0 to 1) which, turned bad together within ``storm_window``, stops healing;
            likewise of the targets of one tag.
        storm_window: seconds that count as together.
        storm_min_checks: fewer than this many newly bad targets are never a storm.
        storm_hold: seconds until one recovery is let through to see whether healing helps; doubles while it does not.
        storm_hold_max: the longest that wait grows to.
        circuit_threshold: failures of one action in a row that open its circuit; 0 switches circuits off.
        circuit_retry: seconds until one run is let through; doubles while it fails.
        circuit_retry_max: the longest that wait grows to.
        overload_lag: seconds that Salus' own loop may be late before its time-outs prove nothing.
        overload_pressure: share of time (0 to 1) that work on this host waits for a CPU, memory or a disk, from which
            on time-outs prove nothing.
        overload_hold: seconds that time-outs are held at most while the overload lasts.
        rival_threshold: replacements by somebody else of what Salus heals, within an hour, that make a rival; 0
            switches this off.
        rival_hold: seconds after the last one in which a rival's target is left alone.
        groups: of which only some may be out of service.
    """

    mode: Mode = Mode.AUTO
    recoveries_at_once: int = 2
    recoveries_per_hour: int = 20
    storm_brake: float = 0.5
    storm_window: float = 60.0
    storm_min_checks: int = 3
    storm_hold: float = 120.0
    storm_hold_max: float = 3600.0
    circuit_threshold: int = 3
    circuit_retry: float = 300.0
    circuit_retry_max: float = 3600.0
    overload_lag: float = 0.25
    overload_pressure: float = 0.4
    overload_hold: float = 300.0
    rival_threshold: int = 2
    rival_hold: float = 600.0
    groups: tuple[GroupSpec, ...] = ()


class RefusalReason(StrEnum):
    """Why a rule does not act. The same words stand in log, ledger, metric and page. In the order of the stages."""

    DISABLED = "disabled"
    HEALING_OFF = "healing_off"
    PAUSED = "paused"
    CHECK_PAUSED = "check_paused"
    MAINTENANCE = "maintenance"
    OVERLOADED = "overloaded"
    UNKNOWN = "unknown"
    BELOW_THRESHOLD = "below_threshold"
    STOPPED_BY_PERSON = "stopped_by_person"
    FLAPPING = "flapping"
    ON_HOLD = "on_hold"
    RIVAL_HEALER = "rival_healer"
    ALREADY_HEALING = "already_healing"
    DEPENDENCY_FAILING = "dependency_failing"
    SHARED_CAUSE = "shared_cause"
    COOLING_DOWN = "cooling_down"
    EXHAUSTED = "exhausted"
    CIRCUIT_OPEN = "circuit_open"
    STORM_BRAKE = "storm_brake"
    GROUP_UNAVAILABLE = "group_unavailable"
    HOURLY_BUDGET_SPENT = "hourly_budget_spent"
    TOO_MANY_AT_ONCE = "too_many_at_once"
    OBSERVE_ONLY = "observe_only"
    REJECTED = "rejected"
    AWAITING_APPROVAL = "awaiting_approval"

    @property
    def everyday(self) -> bool:
        """Tell whether this is nothing that holds a rule back: it has no reason to act yet, or is not to act at all."""
        return self in _EVERYDAY


_EVERYDAY = frozenset({RefusalReason.DISABLED, RefusalReason.UNKNOWN, RefusalReason.BELOW_THRESHOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no plan, and, when that is known, the moment from which there may be one."""

    rule: str
    check: str
    reason: RefusalReason
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one stage says, for people who ask why.

    Attributes:
        reason: the stage, by the reason it would give.
        question: what it asks, in words.
        refusal: what it answers; None when it lets the rule act.
    """

    reason: RefusalReason
    question: str
    refusal: Refusal | None = None


class Outcome(StrEnum):
    """How a recovery ended."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


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
        recoveries: when recoveries succeeded, within the recurrence window, oldest first. They outlive the incident.
        recurring_since: since when the rule heals what comes back, or None.
        escalations: how many ladders further the recurrence has moved the rule.
        approval: what was asked of a person, or None.
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
    recoveries: tuple[datetime, ...] = ()
    recurring_since: datetime | None = None
    escalations: int = 0
    approval: Approval | None = None

    def shifted(self, by: timedelta) -> RuleState:
        """Return the same state after the wall clock jumped, so that every wait lasts as long as it should."""

        def move(instant: datetime | None) -> datetime | None:
            return instant + by if instant else None

        asked = self.approval
        if asked:
            asked = replace(asked, asked_at=asked.asked_at + by, expires_at=asked.expires_at + by)
        return replace(
            self,
            last_started=move(self.last_started),
            last_finished=move(self.last_finished),
            exhausted_since=move(self.exhausted_since),
            healthy_since=move(self.healthy_since),
            recoveries=tuple(at + by for at in self.recoveries),
            recurring_since=move(self.recurring_since),
            approval=asked,
        )
