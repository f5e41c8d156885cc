"""The numbers of ``/metrics`` as attributes and values, read on Salus' own loop in small steps."""

from __future__ import annotations

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from salus.model import CheckState, Level, Outcome, Status, Suppression
from salus.surfaces.metrics import table
from salus.surfaces.metrics.scrape import LONGEST_NAME, MOST_NUMBERS, OPEN, STEP, TRIES, Parts
from salus.surfaces.metrics.table import Family

Point: TypeAlias = "tuple[float, Mapping[str, str]]"
Points: TypeAlias = "dict[Family, list[Point]]"


class Reading:
    """One look at all numbers: go through ``steps`` to the end, then take the ``points``."""

    def __init__(self, parts: Parts) -> None:
        """Read nothing yet."""
        self._parts = parts
        self.points: Points = defaultdict(list)

    def steps(self) -> Iterator[None]:
        """Read, and stop after each small part of the work."""
        view, counts = self._parts.view, self._parts.counts
        for count, (spec, state) in enumerate(view.pairs(), start=1):
            self._check(spec.name, state)
            if count % STEP == 0:
                yield
        yield
        self._add(table.BUILD, 1, version=view.agent().version, python=platform.python_version())
        self._counted(table.ACTIONS, counts.actions.items())
        tries = {(channel, result): 0 for channel in self._parts.channels() for result in TRIES}
        tries.update(counts.notifications)
        self._counted(table.NOTIFICATIONS, tries.items())
        suppressed = _from_zero(Suppression, self._parts.suppressed())
        self._counted(table.SUPPRESSED, [((reason,), count) for reason, count in suppressed.items()])
        yield
        alerts = [one for one in self._parts.alerts() if one.state in OPEN and not one.moment]
        yield
        found = Counter({(level.value, state.value): 0 for level in Level for state in OPEN})
        found.update((one.level.value, one.state.value) for one in alerts)
        self._counted(table.ALERTS, found.items())

    def _check(self, name: str, state: CheckState) -> None:
        self._looks(name, state)
        self._healing(name)
        for status in Status:
            own = {"check": name, table.STATUS.labels[1]: status.value}
            self.points[table.STATUS].append((int(status is state.status), own))
        for number, metric in islice(state.last.metrics.items() if state.last else (), MOST_NUMBERS):
            if (value := _number(metric.value)) is not None:
                self._add(table.METRIC, value, check=name, name=number[:LONGEST_NAME])

    def _looks(self, name: str, state: CheckState) -> None:
        last, well_at = state.last, None
        if (runs := self._parts.counts.runs.get(name)) is not None:
            well_at = runs.well_at
            seen = (runs.healthy, runs.degraded, runs.unhealthy, runs.unknown)
            for status, count in zip(("healthy", "degraded", "unhealthy", "unknown"), seen, strict=True):
                self._add(table.RUNS, count, check=name, status=status)
        if last is not None:
            self._add(table.LAST_RUN, last.at.timestamp(), check=name)
            well_at = last.at if well_at is None and last.status is Status.HEALTHY else well_at
        if well_at is not None:
            self._add(table.LAST_SUCCESS, well_at.timestamp(), check=name)

    def _healing(self, name: str) -> None:
        counts = self._parts.counts
        exhausted = counts.exhausted(name)
        if exhausted is not None:
            self._add(table.EXHAUSTED, int(exhausted), check=name)
        ended = counts.recoveries.get(name)
        if ended or exhausted is not None:
            for outcome, count in _from_zero(Outcome, ended or {}).items():
                self._add(table.RECOVERIES, count, check=name, outcome=outcome)
        for reason, count in counts.refusals.get(name, {}).items():
            self._add(table.REFUSALS, count, check=name, reason=reason)

    def _add(self, family: Family, value: float, /, **labels: str) -> None:
        self.points[family].append((value, labels))

    def _counted(self, family: Family, counts: Iterable[tuple[Sequence[str], int]]) -> None:
        for values, count in counts:
            self.points[family].append((count, dict(zip(family.labels, _texts(values), strict=True))))


def _texts(values: Sequence[str]) -> list[str]:
    return [str(value) for value in values]


def _from_zero(names: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    every = {str(name): 0 for name in names}
    every.update({str(name): count for name, count in counts.items()})
    return every


def _number(value: object) -> float | None:
    """Return what a float can hold: numbers come from strangers' checks, too."""
    try:
        return float(value)  # type: ignore[arg-type]  # whatever it is
    except (OverflowError, TypeError, ValueError):
        return None
