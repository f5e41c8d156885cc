"""The keys that each section of a config knows, beside the kinds: what the reading and the schema share.

A field that is ``None`` by default takes its value from ``defaults:`` or from the model.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from salus.units import Duration, Share

Positive = Annotated[Duration, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Looks = Annotated[int, Meta(ge=0, le=30)]
Factor = Annotated[float, Meta(ge=1, le=1000)]
ModeWord = Literal["observe", "approve", "auto"]
Interval = Annotated[Duration, Meta(ge=0.01)]
LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the shapes."""


class AgentShape(Shape, frozen=True, kw_only=True):
    """The agent itself: where it listens, where it keeps its ledger, how much it remembers.

    Attributes:
        listen: address and port of the health endpoints, such as ``127.0.0.1:8787`` or ``[::1]:8787``;
            ``none`` where an application answers them itself.
        state_dir: folder of the ledger and the service logs; relative to the folder of the config.
        store: ``sqlite`` keeps the ledger across restarts, ``memory`` forgets it.
        name: what this Salus is called, in pages and reports: the application's name; none where the host's is enough.
        environment: a word for people, such as ``production``; shown in ``/health``.
        show_details: who sees more than the bare status in ``/health``.
        metrics: who reads ``/metrics``: ``local`` whoever asks from this host or has a token, ``public`` everybody,
            ``token`` only who has one.
        trusted_proxies: addresses and networks of reverse proxies; what they say of who asks, and how
            (``X-Forwarded-For``, ``-Proto``, ``-Prefix``, ``-Host``), is believed. Of anybody else it is not.
        log_level: what is logged.
        log_format: ``console``, text for people, or ``json``, one object a line.
        keep_events: how long the ledger keeps events.
        keep_observations: how long the history of looks is kept.
        keep_days: how long it is kept how each check was on each day.
        observe_every: at most one look per check and this long goes into the history; one that says something else than
            the one before always does.
    """

    listen: str = "127.0.0.1:8787"
    state_dir: str = "./.salus"
    store: Literal["sqlite", "memory"] = "sqlite"
    name: str = ""
    environment: str = "production"
    show_details: Literal["never", "when_authorized", "always"] = "when_authorized"
    metrics: Literal["local", "public", "token"] = "local"
    trusted_proxies: tuple[str, ...] = ()
    log_level: LogLevel = "info"
    log_format: LogFormat = "console"
    keep_events: Positive = Duration(90 * 86400)
    keep_observations: Positive = Duration(7 * 86400)
    keep_days: Positive = Duration(400 * 86400)
    observe_every: Duration = Duration(60)


class DefaultsShape(Shape, frozen=True, kw_only=True):
    """What every check takes that does not say otherwise.

    Attributes:
        interval: from the start of one look to the start of the next (30s).
        timeout: how long one look may take (10s, or the interval where that is shorter).
        retry_interval: from the first bad (or first good) look to the next, until the verdict (1s, or the interval).
        failure_threshold: bad looks that make the verdict bad (1).
        failure_window: looks among which they are counted, at most 30 (m of n); 0: they follow each other (0).
        success_threshold: good looks in a row that make the verdict healthy (1).
        start_period: how long after the start, or after a recovery, bad looks do not count (0s).
        low_flap_threshold: share of changes among the last 21 looks under which flapping ends (20%).
        high_flap_threshold: share of changes from which a check is flapping, and is not healed; 0 never (30%).
    """

    interval: Interval | None = None
    timeout: Positive | None = None
    retry_interval: Interval | None = None
    failure_threshold: Count | None = None
    failure_window: Looks | None = None
    success_threshold: Count | None = None
    start_period: Duration | None = None
    low_flap_threshold: Share | None = None
    high_flap_threshold: Share | None = None


class CheckShape(DefaultsShape, frozen=True, kw_only=True):
    """What every check can say beside its kind.

    Attributes:
        critical: the whole is unhealthy when this check is.
        liveness: part of ``/livez``: say so only for what a restart of the whole would cure.
        tags: free labels, for grouping and for rules.
        depends_on: checks that must be well before this one is healed.
        service: the service that a recovery of this check heals; the one that it looks at itself, unless given.
        description: one line for people.
    """

    critical: bool = False
    liveness: bool = False
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    service: str | None = None
    description: str = ""


class ServiceShape(Shape, frozen=True, kw_only=True):
    """What every service can say beside its kind.

    Attributes:
        depends_on: services that are started before this one, and must be well before it is healed.
    """

    depends_on: tuple[str, ...] = ()


class RuleShape(Shape, frozen=True, kw_only=True):
    """When to act on a check, how, and how often.

    The name of a rule is its check, unless ``check`` or ``tags`` say otherwise.

    Attributes:
        actions: the ladder: each is tried in order until the check passes.
        ladders: instead of ``actions``: one list of them per attempt; the last serves all attempts that follow.
        on_exhausted: actions for the moment of giving up; run once.
        check: the check it watches, where the rule has another name.
        tags: watch every check that has one of these tags: one rule each, named ``<rule>[<check>]``.
        all_checks: watch every check; must be spelled out.
        trigger_on: act when the look is at least this bad: ``degraded`` or ``unhealthy`` (degraded).
        when: act when this condition holds instead, a CEL expression such as ``metrics.rss_bytes > 1e9``.
        min_failure_count: looks at least that bad (or with that condition) before acting.
        failure_window: looks among which they are counted, at most 30; 0: they follow each other.
        recovery_timeout: how long one attempt may take, from the first action to the last verification.
        cooldown_period: from the end of one attempt to the start of the next.
        cooldown_multiplier: what the cooldown is multiplied with after every further attempt.
        cooldown_max: the longest that it grows to; never less than ``cooldown_period``.
        cooldown_jitter: share by which a cooldown may be longer, so that rules do not act in step.
        max_recovery_attempts: attempts per incident.
        reset_after: proven health after which attempts are forgotten.
        verify_timeout: after each acting step, the check must pass within this.
        exhausted_retry: from giving up to one further attempt; doubles each time.
        exhausted_retry_max: the longest that wait grows to.
        recurrence_threshold: recoveries within ``recurrence_window`` that are no cure and call a person; 0 never.
        recurrence_window: how far back they are counted.
        dependency_grace: how long a check may come back by itself after what it depends on is well again.
        mode: ``observe`` only says what it would do, ``approve`` waits for a person, ``auto`` acts.
        approval_timeout: after which a question to a person, or their permission, lapses.
        enabled: false leaves the rule in view and never acts.
    """

    actions: list[object] | None = None
    ladders: list[list[object]] | None = None
    on_exhausted: list[object] | None = None
    check: str | None = None
    tags: tuple[str, ...] | None = None
    all_checks: bool = False
    trigger_on: Literal["degraded", "unhealthy"] | None = None
    when: str | None = None
    min_failure_count: Count = 1
    failure_window: Looks = 0
    recovery_timeout: Positive = Duration(30)
    cooldown_period: Duration = Duration(60)
    cooldown_multiplier: Factor = 1.0
    cooldown_max: Duration = Duration(3600)
    cooldown_jitter: Share = Share(0)
    max_recovery_attempts: Count = 3
    reset_after: Duration = Duration(600)
    verify_timeout: Positive = Duration(10)
    exhausted_retry: Positive = Duration(1800)
    exhausted_retry_max: Positive = Duration(86400)
    recurrence_threshold: Annotated[int, Meta(ge=0, le=1000)] = 3
    recurrence_window: Positive = Duration(3600)
    dependency_grace: Duration = Duration(5)
    mode: ModeWord = "auto"
    approval_timeout: Positive = Duration(900)
    enabled: bool = True


class ActionShape(Shape, frozen=True, kw_only=True):
    """What every action can say beside its kind.

    Attributes:
        timeout: how long it may take; without it, what is left of ``recovery_timeout``.
    """

    timeout: Positive | None = None


class SelectorShape(Shape, frozen=True, kw_only=True):
    """Which checks are meant: at least one of these must be given.

    Attributes:
        checks: these checks.
        tags: checks that have one of these tags.
        services: checks of these services.
        everything: all checks; must be spelled out.
    """

    checks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    everything: bool = False


class GroupShape(SelectorShape, frozen=True, kw_only=True):
    """Targets of which only some may be out of service because of Salus.

    Attributes:
        max_unavailable: this many, or this share of them; at least one of the two bounds must be given.
        max_unavailable_share: this share of them, rounded down, at least one; both bounds bind.
    """

    max_unavailable: int | Share | None = None
    max_unavailable_share: Share | None = None


class MaintenanceShape(SelectorShape, frozen=True, kw_only=True):
    """A window in which somebody works on something: nothing there is healed, and no new alert about it is told.

    Attributes:
        cron: when it begins: ``minute hour day month weekday``.
        duration: how long it lasts.
        time_zone: in which ``cron`` is read, such as ``Europe/Berlin``.
        description: one line for people.
    """

    cron: str
    duration: Positive
    time_zone: str = "UTC"
    description: str = ""


class LimitsShape(Shape, frozen=True, kw_only=True):
    """The blast radius of all recoveries together.

    Attributes:
        mode: how far any rule may go: ``observe``, ``approve`` or ``auto``; the more careful of this and the rule's.
        recoveries_at_once: recoveries that may run at the same time.
        recoveries_per_hour: recoveries that may start in any hour.
        storm_brake: this share of targets (of all, of a tag, of a kind of check) turning bad together stops healing.
        storm_window: what counts as together.
        storm_min_checks: fewer newly bad targets than this are never a storm.
        storm_hold: after this, one recovery is let through to see whether healing helps; doubles while it does not.
        storm_hold_max: the longest that wait grows to.
        circuit_threshold: failures of one action in a row after which it is skipped; 0 never.
        circuit_retry: after this, one run is let through; doubles while it fails.
        circuit_retry_max: the longest that wait grows to.
        overload_lag: how late Salus' own loop may be before its time-outs prove nothing.
        overload_pressure: share of time that work on this host waits, from which time-outs prove nothing.
        overload_hold: how long time-outs are held at most while the overload lasts.
        rival_threshold: replacements by somebody else, within an hour, of what is bad, that make a rival; 0 never.
        rival_hold: how long after the last of them a target is left alone.
        groups: of which only some may be out of service because of Salus, by name.
    """

    mode: ModeWord = "auto"
    recoveries_at_once: Count = 2
    recoveries_per_hour: Count = 20
    storm_brake: Annotated[Share, Meta(gt=0)] = Share(0.5)
    storm_window: Positive = Duration(60)
    storm_min_checks: Count = 3
    storm_hold: Positive = Duration(120)
    storm_hold_max: Positive = Duration(3600)
    circuit_threshold: Annotated[int, Meta(ge=0, le=1000)] = 3
    circuit_retry: Positive = Duration(300)
    circuit_retry_max: Positive = Duration(3600)
    overload_lag: Positive = Duration(0.25)
    overload_pressure: Annotated[Share, Meta(gt=0)] = Share(0.4)
    overload_hold: Duration = Duration(300)
    rival_threshold: Annotated[int, Meta(ge=0, le=1000)] = 2
    rival_hold: Duration = Duration(600)
    groups: dict[str, GroupShape] = {}


SECTIONS = (
    "salus",
    "defaults",
    "services",
    "checks",
    "rules",
    "limits",
    "maintenance",
    "alerts",
    "status_page",
    "telemetry",
    "pings",
)
NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
