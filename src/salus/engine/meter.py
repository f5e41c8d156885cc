"""Counts what happens, from the beginning on, so that a Prometheus that comes late has missed nothing.

A look costs one look-up and one search among a dozen bounds, an event that is counted one look-up more: a few hundred
nanoseconds each, whether anybody scrapes or not. What is counted of a check leaves with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from salus.engine.units import CheckUnit
from salus.model import Event, EventKind, Observation, RecoveryRecord, Status
from salus.ports.metrics import Example

LOOKS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LATENESS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
INITIATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DURATIONS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)

_HEALTHY, _DEGRADED, _UNHEALTHY = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY


class Timer:
    """How often what took how long, in buckets; implements ``ports.metrics.Times``.

    Attributes:
        tap: is told of each one, too, where somebody counts by buckets of their own.
    """

    __slots__ = ("bounds", "counts", "examples", "tap", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Count by these upper bounds, and above the last of them."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.examples: dict[int, Example] = {}
        self.total = 0.0
        self.tap: Callable[[float], None] | None = None

    def add(self, seconds: float) -> int:
        """Count one; returns its bucket. A clock that went back makes nothing shorter than no time at all."""
        seconds = max(0.0, seconds)
        place = bisect_left(self.bounds, seconds)
        self.counts[place] += 1
        self.total += seconds
        if self.tap is not None:
            self.tap(seconds)
        return place

    def show(self, recovery: str, seconds: float, at: datetime) -> None:
        """Count a recovery, and keep it as the example of its bucket."""
        self.examples[self.add(seconds)] = Example(recovery, seconds, at)


class CheckRuns:
    """How often one check was looked at, by what the look said; implements ``ports.metrics.Runs``."""

    __slots__ = ("degraded", "healthy", "unhealthy", "unknown", "well_at")

    def __init__(self) -> None:
        """Begin with none."""
        self.healthy = self.degraded = self.unhealthy = self.unknown = 0
        self.well_at: datetime | None = None


class Meter:
    """The counts of one engine; implements ``ports.metrics.Counts``."""

    def __init__(
        self, units: Callable[[], Mapping[str, CheckUnit]], record: Callable[[str], RecoveryRecord | None]
    ) -> None:
        """Begin with nothing.

        Args:
            units: the checks that there are.
            record: finds a recovery that runs, or has ended this very moment, by its id.
        """
        self._units = units
        self._record = record
        self.runs: dict[str, CheckRuns] = {}
        self.recoveries: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.refusals: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.actions: Counter[tuple[str, str]] = Counter()
        self.notifications: Counter[tuple[str, str]] = Counter()
        self.looks = Timer(LOOKS)
        self.lateness = Timer(LATENESS)
        self.initiations = Timer(INITIATIONS)
        self.durations = Timer(DURATIONS)
        self._counting: dict[EventKind, Callable[[Event], None]] = {
            EventKind.RECOVERY_FINISHED: self._finished,
            EventKind.RECOVERY_REFUSED: self._refused,
            EventKind.ACTION_FINISHED: self._acted,
            EventKind.NOTIFICATION_SENT: lambda event: self._tried(event, "sent"),
            EventKind.NOTIFICATION_FAILED: lambda event: self._tried(event, "failed"),
            EventKind.NOTIFICATION_DEAD: lambda event: self._tried(event, "dead"),
        }

    # ── what happens ──

    def looked(self, name: str, seen: Observation) -> None:
        """Count a look."""
        runs = self.runs.get(name)
        if runs is None:
            runs = self.runs[name] = CheckRuns()
        status = seen.status
        if status is _HEALTHY:
            runs.healthy += 1
            runs.well_at = seen.at
        elif status is _UNHEALTHY:
            runs.unhealthy += 1
        elif status is _DEGRADED:
            runs.degraded += 1
        else:
            runs.unknown += 1
        self.looks.add(seen.duration)

    def __call__(self, event: Event) -> None:
        """Count an event (the bus calls this)."""
        count = self._counting.get(event.kind)
        if count is not None:
            count(event)

    def _finished(self, event: Event) -> None:
        self.recoveries[event.check or ""][event.reason or ""] += 1
        record = self._record(event.recovery or "")
        if record is None:  # the last Salus died in it: nobody knows how long it took
            return
        if record.initiation is not None:
            self.initiations.show(record.id, record.initiation, event.at)
        if record.duration is not None:
            self.durations.show(record.id, record.duration, event.at)

    def _refused(self, event: Event) -> None:
        self.refusals[event.check or ""][event.reason or ""] += 1

    def _acted(self, event: Event) -> None:
        self.actions[event.action or "", event.reason or ""] += 1

    def _tried(self, event: Event, result: str) -> None:
        self.notifications[event.reason or "", result] += 1

    # ── which checks there are ──

    def keep(self, names: Collection[str]) -> None:
        """Forget the checks that are none of these."""
        for counts in (self.runs, self.recoveries, self.refusals):
            for gone in [name for name in counts if name not in names]:
                del counts[gone]

    def exhausted(self, check: str) -> bool | None:
        """Tell whether a rule of a check has given up; None where it has no rule."""
        unit = self._units().get(check)
        if unit is None or not unit.rules:
            return None
        return any(rule.memory.exhausted_since is not None for rule in unit.rules)
