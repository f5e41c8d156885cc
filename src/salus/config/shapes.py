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
Interval = Annotated[Duration, Meta(ge=0.01)]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the shapes."""


class AgentShape(Shape, frozen=True, kw_only=True):
    """The agent itself: where it listens, where it keeps its ledger, how much it remembers.

    Attributes:
        listen: address and port of the health endpoints, such as ``127.0.0.1:8787`` or ``[::1]:8787``.
        state_dir: folder of the ledger and the service logs; relative to the folder of the config.
        store: ``sqlite`` keeps the ledger across restarts, ``memory`` forgets it.
        environment: a word for people, such as ``production``; shown in ``/health``.
        show_details: who sees more than the bare status in ``/health``.
        log_level: what is logged.
        keep_events: how long the ledger keeps events.
        keep_observations: how long the history of looks is kept.
        observe_every: at most one look per check and this long goes into the history (every change does).
    """

    listen: str = "127.0.0.1:8787"
    state_dir: str = "./.salus"
    store: Literal["sqlite", "memory"] = "sqlite"
    environment: str = "production"
    show_details: Literal["never", "when_authorized", "always"] = "when_authorized"
    log_level: LogLevel = "info"
    keep_events: Positive = Duration(90 * 86400)
    keep_observations: Positive = Duration(7 * 86400)
    observe_every: Duration = Duration(60)


class DefaultsShape(Shape, frozen=True, kw_only=True):
    """What every check takes that does not say otherwise.

    Attributes:
        interval: from the start of one look to the start of the next (30s).
        timeout: how long one look may take (10s, or the interval where that is shorter).
        retry_interval: from the first bad (or first good) look to the next, until the verdict (1s, or the interval).
        failure_threshold: bad looks in a row that make the verdict bad (1).
        success_threshold: good looks in a row that make the verdict healthy (1).
        start_period: how long after the start, or after a recovery, bad looks do not count (0s).
    """

    interval: Interval | None = None
    timeout: Positive | None = None
    retry_interval: Interval | None = None
    failure_threshold: Count | None = None
    success_threshold: Count | None = None
    start_period: Duration | None = None


class CheckShape(DefaultsShape, frozen=True, kw_only=True):
    """What every check can say beside its kind.

    Attributes:
        critical: the whole is unhealthy when this check is.
        liveness: part of ``/livez``: say so only for what a restart of the whole would cure.
        tags: free labels, for grouping and for rules.
        depends_on: checks that must be well before this one is healed.
        service: the service that a recovery of this check heals.
        description: one line for people.
    """

    critical: bool = False
    liveness: bool = False
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    service: str | None = None
    description: str = ""


class RuleShape(Shape, frozen=True, kw_only=True):
    """When to act on a check, how, and how often.

    The name of a rule is its check, unless ``check`` or ``tags`` say otherwise.

    Attributes:
        actions: the ladder: each is tried in order until the check passes.
        check: the check it watches, where the rule has another name.
        tags: watch every check that has one of these tags: one rule each, named ``<rule>[<check>]``.
        trigger_on: act when the look is at least this bad.
        min_failure_count: looks at least that bad in a row before acting.
        recovery_timeout: how long one attempt may take, from the first action to the last verification.
        cooldown_period: from the end of one attempt to the start of the next.
        max_recovery_attempts: attempts per incident.
        reset_after: proven health after which attempts are forgotten.
        verify_timeout: after each acting step, the check must pass within this.
        exhausted_retry: from giving up to one further attempt; doubles each time.
        exhausted_retry_max: the longest that wait grows to.
        enabled: false leaves the rule in view and never acts.
    """

    actions: list[object]
    check: str | None = None
    tags: tuple[str, ...] | None = None
    trigger_on: Literal["degraded", "unhealthy"] = "degraded"
    min_failure_count: Count = 1
    recovery_timeout: Positive = Duration(30)
    cooldown_period: Duration = Duration(60)
    max_recovery_attempts: Count = 3
    reset_after: Duration = Duration(600)
    verify_timeout: Positive = Duration(10)
    exhausted_retry: Positive = Duration(1800)
    exhausted_retry_max: Positive = Duration(86400)
    enabled: bool = True


class ActionShape(Shape, frozen=True, kw_only=True):
    """What every action can say beside its kind.

    Attributes:
        timeout: how long it may take; without it, what is left of ``recovery_timeout``.
    """

    timeout: Positive | None = None


class LimitsShape(Shape, frozen=True, kw_only=True):
    """The blast radius of all recoveries together.

    Attributes:
        recoveries_at_once: recoveries that may run at the same time.
        recoveries_per_hour: recoveries that may start in any hour.
        storm_brake: this share of checks turning bad together stops all healing and calls a person.
        storm_window: what counts as together.
        storm_min_checks: fewer newly bad checks than this are never a storm.
    """

    recoveries_at_once: Count = 2
    recoveries_per_hour: Count = 20
    storm_brake: Annotated[Share, Meta(gt=0)] = Share(0.5)
    storm_window: Positive = Duration(60)
    storm_min_checks: Count = 5


SECTIONS = ("salus", "defaults", "services", "checks", "rules", "limits")
NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
