"""What is looked at and what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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

LOOKS_KEPT = 31
"""How many of the newest looks ``CheckState.recent`` keeps."""

_BAD_BITS = int("10" * LOOKS_KEPT, 2)


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
        failure_threshold: bad looks that make the verdict bad.
        failure_window: looks among which they are counted; 0 means that they must follow each other.
        success_threshold: good looks in a row that make the verdict healthy.
        start_period: seconds after the first look, or after the target was replaced, in which bad looks do not count.
        low_flap_threshold: weighted share of changes (0 to 1) among the last 21 looks under which flapping ends.
        high_flap_threshold: the share from which the check is flapping; 0 switches this off.
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
    failure_window: int = 0
    success_threshold: int = 1
    start_period: float = 0.0
    low_flap_threshold: float = 0.2
    high_flap_threshold: float = 0.3
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
        cause: what failed, as one word that looks of different checks share, such as ``timeout``, ``exit_127`` or
            ``dns``; empty when there is none to name.
    """

    status: Status
    message: str = ""
    at: datetime
    duration: float = 0.0
    metrics: Mapping[str, Metric] = field(default_factory=lambda: NO_METRICS)
    metadata: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    incarnation: str | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """The folded truth about one check.

    Attributes:
        status: the verdict after thresholds.
        since: when the verdict last changed.
        started: when counting began: the first look, or the moment a new copy of the target was seen.
        settled: a good look has been seen since ``started``, so the start period is over.
        consecutive_failures: bad looks (degraded or unhealthy) in a row.
        consecutive_unhealthy: unhealthy looks in a row.
        consecutive_successes: healthy looks in a row.
        consecutive_better: looks in a row that were not unhealthy.
        consecutive_unknown: looks in a row that could not tell.
        failing_since: when the current run of bad looks began, or None.
        counted: when the last bad look was in that counted, or None.
        recent: the last looks since the target was replaced or Salus acted, two bits each, the newest lowest (see
            ``salus.state``).
        flapping: the looks change too often for the verdict to be believed.
        incarnation: the last copy of the target that a look named; None while none did.
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
    counted: datetime | None = None
    recent: int = 0
    flapping: bool = False
    incarnation: str | None = None
    last: Observation | None = None

    def start_period_left(self, spec: CheckSpec, now: datetime) -> float:
        """Return for how many seconds more bad looks do not count; 0 once the start period is over."""
        if self.settled or not spec.start_period or self.started is None:
            return 0.0
        if self.incarnation is not None and self.last is not None and self.last.incarnation is None:
            return 0.0  # the copy that was starting is not there any more
        return max(0.0, spec.start_period - (now - self.started).total_seconds())

    def bad_looks(self, window: int = 0, at_least: Status = Status.DEGRADED) -> int:
        """Count the looks that were at least that bad: in a row, or among the last ``window`` ones.

        Args:
            window: how many of the newest looks count, at most ``LOOKS_KEPT``; 0 counts the newest run only.
            at_least: degraded or unhealthy.
        """
        if not window:
            return self.consecutive_unhealthy if at_least is Status.UNHEALTHY else self.consecutive_failures
        among = self.recent & ((1 << 2 * window) - 1)
        bad = among & _BAD_BITS
        if at_least is Status.UNHEALTHY:
            bad &= (among << 1) & _BAD_BITS
        return bad.bit_count()
