"""Alerts: what raises them, what they are, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from salus.model.checks import Status
from salus.model.policy import Selector

Labels: TypeAlias = Mapping[str, str]

NO_LABELS: Labels = {}

ALERT_WORDS = ("check", "status", "message", "component", "service", "level", "value", "rule", "since")
"""What the message of an alert rule may hold in braces."""

RESERVED_LABELS = frozenset(
    {"alertname", "check", "component", "service", "level", "host", "environment", "happening", "subject"}
)
"""Labels that Salus itself gives to alerts."""


class Level(StrEnum):
    """How much an alert matters, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """Where an alert stands. Acknowledged is firing, and a person has it."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"

    @property
    def open(self) -> bool:
        """Tell whether it is people's business now: firing or acknowledged."""
        return self in _OPEN


_OPEN = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED})


class Happening(StrEnum):
    """What may happen to Salus or its healing, and is worth an alert of its own."""

    EXHAUSTED = "exhausted"  # a rule gave up
    RECURRING = "recurring"  # healed, but back
    RECOVERED = "recovered"  # a recovery succeeded: told once, nothing to resolve
    NOT_RECOVERED = "not_recovered"  # an attempt failed
    STORM_BRAKE = "storm_brake"
    APPROVAL_WANTED = "approval_wanted"
    CIRCUIT_OPEN = "circuit_open"
    RIVAL_HEALER = "rival_healer"
    SHARED_CAUSE = "shared_cause"
    OVERLOADED = "overloaded"
    HEALING_OFF = "healing_off"
    PAUSED = "paused"
    LEDGER_FAILED = "ledger_failed"
    CONFIG_REJECTED = "config_rejected"
    CHANNEL_FAILED = "channel_failed"


class Comparison(StrEnum):
    """How a metric is compared with a bound."""

    ABOVE = "above"
    BELOW = "below"
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When an alert is raised. It asks exactly one of: a status, a metric, a condition, a happening.

    Attributes:
        name: unique among alert rules; the label ``alertname``.
        level: how much it matters; None takes it from the check: critical where a critical check is unhealthy, else
            warning.
        members: the checks it watches; for a happening, those that it must be about (nothing: any).
        status: fires while the check's verdict is at least that bad; ``unknown``: while it cannot tell.
        metric: name of a number that the check observes.
        comparison, bound: what is wrong with that number.
        when: a CEL condition over what checks observe.
        on: what happened.
        hold: seconds that it must last before the alert fires (``for``).
        cooldown: seconds after a notification of this alert in which it is not told again as new.
        message: template of the summary; empty for the words of whatever raised it.
        labels: further labels of its alerts.
        runbook: link for whoever is called.
        enabled: false raises nothing.
        builtin: one of Salus' own.
    """

    name: str
    level: Level | None = None
    members: Selector = field(default_factory=Selector)
    status: Status | None = None
    metric: str = ""
    comparison: Comparison | None = None
    bound: float = 0.0
    when: str = ""
    on: tuple[Happening, ...] = ()
    hold: float = 0.0
    cooldown: float = 0.0
    message: str = ""
    labels: Labels = field(default_factory=lambda: NO_LABELS)
    runbook: str = ""
    enabled: bool = True
    builtin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that Salus did about an alert: a step of a recovery, or how the recovery ended.

    Attributes:
        at: when it ended.
        recovery: id of the recovery; empty where a rule was held back, and the message says why.
        action: kind of the action; empty for the end of the recovery.
        result: how it ended: a ``StepResult``, an ``Outcome`` or a ``RefusalReason``.
        duration: seconds.
        message: one line for people.
        verified: whether the check passed afterwards; None where nothing was verified.
        attempt: which attempt of the rule.
    """

    at: datetime
    recovery: str
    action: str = ""
    result: str = ""
    duration: float | None = None
    message: str = ""
    verified: bool | None = None
    attempt: int = 1

    @property
    def held_back(self) -> bool:
        """Tell whether this is why nothing was done."""
        return not self.recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one channel knows of an alert.

    Attributes:
        state: what it was told last: firing, acknowledged or resolved.
        key: the deduplication key under which it was told; the resolution goes out under the same.
        at: when that notification was made.
        count: how often it was told as firing.
        flapping: it was told that the alert flaps.
        level: how much the alert mattered then; None where that was not kept.
    """

    state: AlertState
    key: str
    at: datetime
    count: int = 1
    flapping: bool = False
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One trouble, from its beginning to its end. A trouble that comes back is a new alert of the same fingerprint.

    Attributes:
        id: unique.
        fingerprint: identity: 16 hexadecimal digits over the labels that make it (``salus.alerts.labels``).
        labels: identity and further facts to match by: ``alertname``, ``check``, ``component``, ``service``, ``level``.
        rule: name of its alert rule.
        level: how much it matters.
        state: where it stands.
        check: the check it is about, or None.
        summary: one line: what is wrong.
        detail: expected against actual, as the newest bad look said it.
        runbook: link, or an empty string.
        first_seen: when the trouble began.
        last_seen: when it was last seen to last.
        count: how often it was seen to begin since ``first_seen``: more than once where it came back while it flapped.
        fired_at: when it began to fire; None while it is pending.
        resolved_at: when it ended, or None.
        resolution: how it ended, one line.
        acknowledged_at, acknowledged_by, note: a person has it.
        flapping: it comes and goes: told once, and resolved when it has been quiet for a while.
        quiet_since: since when its trouble is gone while it flaps, or None.
        dismissed: a person resolved it while it lasts: not told again before it ended.
        moment: it has no duration, such as a recovery that succeeded: it is resolved from its beginning, and told once.
        deeds: what was done about it, oldest first, the newest few.
        told: what each channel knows, by channel.
    """

    id: str
    fingerprint: str
    labels: Labels
    rule: str
    level: Level
    state: AlertState
    check: str | None = None
    summary: str = ""
    detail: str = ""
    runbook: str = ""
    first_seen: datetime
    last_seen: datetime
    count: int = 1
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    flapping: bool = False
    quiet_since: datetime | None = None
    dismissed: bool = False
    moment: bool = False
    deeds: tuple[Deed, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)
