"""What people are told: alerts and their rules, routes, silences, notifications and their delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from salus.model.checks import Json, Status
from salus.model.policy import Selector
from salus.secret import Secret

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


# ── Who hears what ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """Where notifications go.

    Attributes:
        name: unique among channels.
        kind: the registered kind, such as ``webhook``.
        options: the raw options of that kind, as configured.
        send_resolved: also tell when an alert has ended.
        rate_limit: notifications within ``rate_period`` at most; what is more waits, and goes out as one.
        rate_period: seconds.
        give_up_after: seconds for which a notification is tried; then it is a dead letter.
        timeout: seconds one try may take.
        enabled: false sends nothing.
    """

    name: str
    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    send_resolved: bool = True
    rate_limit: int = 20
    rate_period: float = 600.0
    give_up_after: float = 86400.0
    timeout: float = 15.0
    enabled: bool = True


class Matching(StrEnum):
    """How a label is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison with a label; a missing label is the empty string. Regular expressions match the whole value."""

    label: str
    matching: Matching
    value: str

    def __str__(self) -> str:
        """Write it as config and command line have it."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.matching}"{escaped}"'


Matchers: TypeAlias = tuple[Matcher, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Who else hears of an alert that nobody acknowledged.

    Attributes:
        after: seconds since it fired.
        channels: names.
    """

    after: float
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """Which alerts go where, and how.

    Attributes:
        match: all of these must match; none matches everything.
        channels: names; may be empty: then nobody is told.
        group_by: labels whose alerts share a notification; ``("...",)`` tells each by itself.
        group_wait: seconds that the first notification of a group waits for others.
        group_interval: seconds between two notifications of one group that tell of something new.
        repeat_interval: seconds after which an alert that still fires is told again; 0 never.
        escalate: who else hears, and when.
        mute_during, active_during: names of time intervals.
        go_on: later routes may take the alert too (``continue``).
    """

    match: Matchers = ()
    channels: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ("component",)
    group_wait: float = 10.0
    group_interval: float = 60.0
    repeat_interval: float = 14400.0
    escalate: tuple[Escalation, ...] = ()
    mute_during: tuple[str, ...] = ()
    active_during: tuple[str, ...] = ()
    go_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitRule:
    """While an alert of the source is open, those of the target are not told.

    Attributes:
        name: for people.
        source, target: matchers.
        equal: labels that must be the same on both; one that is missing on either side is not the same.
    """

    name: str
    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """One part of a time interval: every field that is given must hold. Ranges hold both their ends, but for times.

    Attributes:
        times: pairs of minutes since midnight, from the first up to, without, the second.
        weekdays: pairs, Monday is 0.
        days: pairs of days of the month; negative ones count from its end (-1 is the last).
        months: pairs, January is 1.
        years: pairs.
    """

    times: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    days: tuple[tuple[int, int], ...] = ()
    months: tuple[tuple[int, int], ...] = ()
    years: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInterval:
    """A named time: office hours, the weekend. It holds while any of its ranges does.

    Attributes:
        name: unique.
        ranges: the parts.
        time_zone: IANA name in which they are read.
    """

    name: str
    ranges: tuple[TimeRange, ...]
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Somebody does not want to hear of some alerts for a while.

    Attributes:
        id: unique.
        match: all must match; there is at least one.
        since, until: when it holds.
        by: who.
        comment: why.
    """

    id: str
    match: Matchers
    since: datetime
    until: datetime
    by: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Where channels may connect to: a guard against requests that somebody else made up (SSRF).

    An entry is a name (``hooks.example.org``), all names below one (``*.example.org``), an address (``10.0.0.7``), a
    network (``10.0.0.0/8``), or ``localhost`` for this machine's own loopback. What counts is the address that is
    really connected to.

    Attributes:
        allow: connect to these only; empty for everything that is not denied.
        deny: never connect to these, even where they are allowed too.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ("169.254.0.0/16", "fe80::/10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """How alerts of others are taken in; without it the doors for them are shut.

    Attributes:
        token: what a sender must know.
        resolve_timeout: seconds after which an alert that came without an end counts as not repeated.
        webhook_timeout: the same for alerts of a webhook, which is told of one that lasts only now and then.
    """

    token: Secret
    resolve_timeout: float = 300.0
    webhook_timeout: float = 43200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """The section ``alerts:`` of a config.

    Attributes:
        rules: in the order of the file, and then Salus' own.
        channels: by name; ``log`` and ``console`` are always among them.
        routes: in order; the first that matches takes an alert, and the next ones where it says ``continue``.
        inhibit: which alerts keep others quiet, beside the dependencies of checks.
        intervals: by name.
        flap_threshold: alerts of one fingerprint that fire within ``flap_window`` make it flapping; 0 never.
        flap_window: seconds.
        link: base of the links to pages (``https://salus.example.org``), or an empty string.
        labels: labels of every alert, such as a data centre.
        targets: where channels may connect to.
        receive: how alerts of others are taken in; None: not at all.
    """

    rules: tuple[AlertRule, ...] = ()
    channels: Mapping[str, ChannelSpec] = field(default_factory=dict)
    routes: tuple[RouteSpec, ...] = ()
    inhibit: tuple[InhibitRule, ...] = ()
    intervals: Mapping[str, TimeInterval] = field(default_factory=dict)
    flap_threshold: int = 4
    flap_window: float = 3600.0
    link: str = ""
    labels: Labels = field(default_factory=lambda: NO_LABELS)
    targets: Targets = field(default_factory=Targets)
    receive: Receive | None = None


class Suppression(StrEnum):
    """Why an alert is not told. In the order of the stages. It never keeps a resolution from being told."""

    DISMISSED = "dismissed"
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    MUTED = "muted"
    DEPENDENCY = "dependency"
    INHIBITED = "inhibited"
    COOLING_DOWN = "cooling_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """One stage's word that an alert is not to be told now, and, when that is known, until when."""

    reason: Suppression
    detail: str = ""
    until: datetime | None = None


# ── What is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Occasion(StrEnum):
    """Why a notification is made, the most urgent first."""

    FIRING = "firing"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    REMINDER = "reminder"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    REFRESH = "refresh"  # a receiver that forgets what is not repeated is told again; nothing is new
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What one channel is to be told at one time.

    Attributes:
        id: unique, and the same at every try: receivers may tell repeated ones by it.
        channel: name.
        key: deduplication key: the same for all that is told of one group, from firing to resolved.
        occasion: why it is made, the most urgent of all.
        state: of the whole: firing while any alert is, then acknowledged, then resolved.
        at: when it was made.
        group: the labels that its alerts share a notification for.
        alerts: the alerts it is about, as they were, the newest first; bounded.
        fresh: fingerprints of those among them that it has news of.
        more: alerts that were left out.
        digest: it stands for several groups, which came faster than the rate allows.
        environment: as configured.
        host: where Salus runs.
        link: base of the links to pages, or an empty string.
    """

    id: str
    channel: str
    key: str
    occasion: Occasion
    state: AlertState
    at: datetime
    group: Labels = field(default_factory=lambda: NO_LABELS)
    alerts: tuple[Alert, ...] = ()
    fresh: frozenset[str] = frozenset()
    more: int = 0
    digest: bool = False
    environment: str = ""
    host: str = ""
    link: str = ""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notification on its way: one row of the outbox.

    Attributes:
        id: of the notification.
        channel: name.
        key: deliveries of one channel and key go out in the order of ``number``.
        number: grows with every delivery.
        notification: what is to be told.
        created_at: when it was made.
        state: where it stands.
        attempts: tries so far.
        due_at: when it is tried next.
        claimed_by: id of the Salus that is trying now, or an empty string.
        claimed_at: since when.
        error: why the last try failed, without secrets.
        ended_at: when it was sent, or given up.
    """

    id: str
    channel: str
    key: str
    number: int
    notification: Notification
    created_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    due_at: datetime
    claimed_by: str = ""
    claimed_at: datetime | None = None
    error: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReport:
    """How a channel is doing.

    Attributes:
        spec: the channel.
        waiting: notifications on their way.
        sent, failed, dead: since the start: delivered, tries that failed, given up.
        failing_since: since when nothing gets through, or None.
        error: why, without secrets.
        held_until: when it is tried again, or None.
    """

    spec: ChannelSpec
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    failing_since: datetime | None = None
    error: str = ""
    held_until: datetime | None = None
