"""Who hears what: channels, routes, silences, and what keeps alerts quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from salus.model.alerts import NO_LABELS, AlertRule, Labels
from salus.model.checks import Json
from salus.secret import Secret


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
