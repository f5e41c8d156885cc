"""The keys of the section ``alerts``: what the reading, the schema and the reference share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from salus.config.receive import ReceiveShape
from salus.config.shapes import Count, Positive, Shape
from salus.model import Happening, Level
from salus.units import Bound, Duration


class ChannelShape(Shape, frozen=True, kw_only=True):
    """What every channel can say beside its kind.

    The channels ``log`` and ``console`` are there without being named here.

    Attributes:
        send_resolved: also tell when an alert has ended.
        rate_limit: notifications within ``rate_period`` at most; what is more waits, and goes out as one.
        rate_period: what ``rate_limit`` is counted over.
        give_up_after: how long a notification is tried; then it is a dead letter.
        timeout: how long one try may take.
        enabled: false sends nothing.
    """

    send_resolved: bool = True
    rate_limit: Count = 20
    rate_period: Positive = Duration(600)
    give_up_after: Positive = Duration(86400)
    timeout: Positive = Duration(15)
    enabled: bool = True


class AlertRuleShape(Shape, frozen=True, kw_only=True):
    """When an alert is raised: by exactly one of ``status``, ``metric``, ``when`` and ``on``.

    The name of a rule is its check, unless one of ``check``, ``checks``, ``tags``, ``services`` and ``all_checks`` says
    otherwise. A rule that is named like one of Salus' own replaces it; where it says neither what raises it nor for
    which checks, it is that one, but for what it does say.

    Attributes:
        check: the check it watches, where the rule has another name.
        checks: watch these checks.
        tags: watch every check that has one of these tags.
        services: watch every check of these services.
        all_checks: watch every check; must be spelled out.
        status: raised while a check is at least this bad; ``unknown``: while it cannot tell.
        metric: raised by this number, which the check observes, with one of ``above``, ``below``, ``equals`` and
            ``not_equals``.
        above: it is more than this, such as ``0.9``, ``90%``, ``512MiB`` or ``1h``.
        below: it is less than this.
        equals: it is this.
        not_equals: it is not this.
        when: raised while this condition holds, a CEL expression such as ``metrics.rss_bytes > 1e9``.
        on: raised when one of these things happened, such as ``exhausted``; needs no checks unless only some are meant.
        hold: it must last this long before anybody is told.
        level: how much it matters: ``info``, ``warning`` or ``critical``; without it, critical where a critical check
            is unhealthy, else warning.
        message: what people are told; ``{check}``, ``{status}``, ``{message}``, ``{component}``, ``{service}``,
            ``{level}``, ``{value}``, ``{rule}`` and ``{since}`` stand for what they name.
        labels: further labels of its alerts, to match by.
        runbook: link for whoever is called.
        cooldown: how long after it was told it is not told again as new.
        enabled: false raises nothing.
    """

    check: str | None = None
    checks: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    services: tuple[str, ...] | None = None
    all_checks: bool = False
    status: Literal["degraded", "unhealthy", "unknown"] | None = None
    metric: str | None = None
    above: Bound | None = None
    below: Bound | None = None
    equals: Bound | None = None
    not_equals: Bound | None = None
    when: str | None = None
    on: Happening | tuple[Happening, ...] | None = None
    hold: Duration = msgspec.field(name="for", default=Duration(0))
    level: Level | None = None
    message: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    runbook: str = ""
    cooldown: Duration = Duration(0)
    enabled: bool = True


class EscalationShape(Shape, frozen=True, kw_only=True):
    """Who else hears of an alert that nobody acknowledged.

    Attributes:
        after: how long after it began to fire.
        channels: names of channels.
    """

    after: Positive
    channels: Annotated[tuple[str, ...], Meta(min_length=1)]


class RouteShape(Shape, frozen=True, kw_only=True):
    """Which alerts go where, and how. The first route that matches takes an alert.

    The labels to match by: ``alertname`` (its rule), ``level``, ``component`` (its service, else its check; ``salus``
    for Salus itself), ``check``, ``service``, ``tags`` (joined by commas), ``happening`` and ``subject`` where
    something happened, and those that ``alerts.labels`` and its rule add.

    Attributes:
        match: matchers such as ``level="critical", component=~"web.*"``, as one text or a list: all must match;
            without any it takes everything.
        channels: names of channels; an empty list tells nobody.
        go_on: later routes may take the alert too.
        group_by: labels whose alerts share a notification; ``[...]`` tells each by itself.
        group_wait: how long the first notification of a group waits for others.
        group_interval: from one notification of a group to the next that tells of something new.
        repeat_interval: after which what still fires is told again; 0 never.
        escalate: who else hears of it when nobody acknowledged it.
        mute_during: names of time intervals in which nobody is told.
        active_during: names of time intervals outside of which nobody is told.
    """

    match: str | tuple[str, ...] = ()
    channels: tuple[str, ...]
    go_on: bool = msgspec.field(name="continue", default=False)
    group_by: tuple[str, ...] | None = None
    group_wait: Duration | None = None
    group_interval: Positive | None = None
    repeat_interval: Duration | None = None
    escalate: tuple[EscalationShape, ...] = ()
    mute_during: tuple[str, ...] = ()
    active_during: tuple[str, ...] = ()


class InhibitShape(Shape, frozen=True, kw_only=True):
    """While an alert of the source is open, those of the target are not told; that they ended always is.

    Attributes:
        source: matchers, as one text or a list.
        target: matchers, as one text or a list.
        equal: labels that must be the same on both.
    """

    source: str | tuple[str, ...]
    target: str | tuple[str, ...]
    equal: tuple[str, ...] = ()


class ClockShape(Shape, frozen=True, kw_only=True):
    """A part of the day, as Alertmanager writes it.

    Attributes:
        start_time: when it begins, such as ``09:00``.
        end_time: when it has ended, such as ``17:00``.
    """

    start_time: str
    end_time: str


class TimeRangeShape(Shape, frozen=True, kw_only=True):
    """One part of a time interval: all that is given must hold. A range such as ``monday:friday`` holds both its ends.

    Attributes:
        times: times of day such as ``09:00-17:00``, up to the second, which ``24:00`` can be.
        weekdays: names of days, or ranges of them.
        days_of_month: days such as ``1`` or ``1:5``; negative ones count from the end of the month.
        months: names or numbers of months, or ranges of them.
        years: years, or ranges of them.
    """

    times: tuple[str | ClockShape, ...] | None = None
    weekdays: tuple[str, ...] | None = None
    days_of_month: tuple[int | str, ...] | None = None
    months: tuple[int | str, ...] | None = None
    years: tuple[int | str, ...] | None = None


class TimeIntervalShape(Shape, frozen=True, kw_only=True):
    """A named time, such as office hours. It holds while any of its ranges does.

    Attributes:
        ranges: the parts.
        time_zone: in which they are read, such as ``Europe/Berlin``.
    """

    ranges: Annotated[tuple[TimeRangeShape, ...], Meta(min_length=1)]
    time_zone: str = "UTC"


class TargetsShape(Shape, frozen=True, kw_only=True):
    """Where channels may connect to: names of hosts, wildcards such as ``*.example.org``, addresses and networks.

    Attributes:
        allow: nowhere else; nothing here allows all that is not denied.
        deny: never there, whatever is allowed; replaces the default.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ("169.254.0.0/16", "fe80::/10")


class AlertsShape(Shape, frozen=True, kw_only=True):
    """Who hears what, when, and how often.

    Attributes:
        channels: where notifications go, by name.
        rules: when an alert is raised, by name.
        default_rules: Salus' own rules (below) hold where yours say nothing about a check.
        routes: which alerts go where; without them everything goes to every channel, and to ``log`` when there is none.
        group_by: of every route that does not say otherwise.
        group_wait: of every route that does not say otherwise.
        group_interval: of every route that does not say otherwise.
        repeat_interval: of every route that does not say otherwise.
        inhibit: which alerts keep others quiet, by name; what checks depend on does so anyway.
        time_intervals: times that routes name.
        flap_threshold: alerts of one fingerprint within ``flap_window`` that make it flapping; 0 never.
        flap_window: how far back they are counted.
        link: base of the links to pages, such as ``https://salus.example.org``.
        labels: labels of every alert, such as a data centre.
        targets: where channels may connect to.
        receive: take alerts of others in.
    """

    channels: dict[str, object] = msgspec.field(default_factory=dict)
    rules: dict[str, AlertRuleShape] = msgspec.field(default_factory=dict)
    default_rules: bool = True
    routes: Annotated[tuple[RouteShape, ...], Meta(min_length=1)] | None = None
    group_by: tuple[str, ...] = ("component",)
    group_wait: Duration = Duration(10)
    group_interval: Positive = Duration(60)
    repeat_interval: Duration = Duration(14400)
    inhibit: dict[str, InhibitShape] = msgspec.field(default_factory=dict)
    time_intervals: dict[str, TimeIntervalShape] = msgspec.field(default_factory=dict)
    flap_threshold: Annotated[int, Meta(ge=0, le=1000)] = 4
    flap_window: Positive = Duration(3600)
    link: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    targets: TargetsShape | None = None
    receive: ReceiveShape | None = None
