"""One scrape: everything is gone through once, in small steps, so that healing is never kept waiting."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from salus.model import Alert, AlertState, CheckState, Level, Metric, Outcome, Status, Suppression
from salus.ports import View
from salus.ports.metrics import Counts
from salus.surfaces.metrics import table
from salus.surfaces.metrics.table import FAMILIES, Family
from salus.surfaces.metrics.words import escape, histogram, instant, number

MOST_NUMBERS = 100
LONGEST_NAME = 128
STEP = 20
TRIES = ("sent", "failed", "dead")
OPEN = (AlertState.PENDING, AlertState.FIRING, AlertState.ACKNOWLEDGED)

_Thing = TypeVar("_Thing")
_Labels = TypeVar("_Labels", tuple[str], tuple[str, str])


def _begin(family: Family) -> str:
    """Return how each sample about a check begins."""
    return f'{family.name}{{check="'


# What is the same for many checks is written once, with a zero byte where the name belongs, which never has one.
_STATES = {
    status: "".join(f'{_begin(table.STATUS)}\0",salus_check_status="{one}"}} {int(one is status)}\n' for one in Status)
    for status in Status
}
_NO_RECOVERIES = "".join(f'{_begin(table.RECOVERIES)}\0",outcome="{one}"}} 0\n' for one in Outcome)
_RUNS, _LAST_RUN, _LAST_SUCCESS = _begin(table.RUNS), _begin(table.LAST_RUN), _begin(table.LAST_SUCCESS)
_METRIC, _EXHAUSTED = _begin(table.METRIC), _begin(table.EXHAUSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a scrape looks at.

    Attributes:
        view: the checks, and which Salus this is.
        counts: what was counted.
        alerts: all alerts that there are.
        channels: the names of the channels.
        suppressed: how often an alert began to be kept quiet, by reason.
    """

    view: View
    counts: Counts
    alerts: Callable[[], Iterable[Alert]]
    channels: Callable[[], Sequence[str]]
    suppressed: Callable[[], Mapping[str, int]]


class Scrape:
    """What is written for one request: go through ``steps`` to the end, then take the ``body``."""

    def __init__(self, parts: Parts, *, openmetrics: bool) -> None:
        """Write nothing yet."""
        self._parts = parts
        self._counts = parts.counts
        self._openmetrics = openmetrics
        self._lines: dict[Family, list[str]] = {family: [] for family in FAMILIES}
        self._written: list[bytes] = []
        self._number_names = _Written()

    @property
    def body(self) -> bytes:
        """Return what was written."""
        return b"".join(self._written)

    def steps(self) -> Iterator[None]:
        """Write, and stop after each small part of the work."""
        yield from self._checks()
        self._build()
        self._times()
        yield
        self._counted(table.ACTIONS, self._counts.actions)
        self._counted(table.NOTIFICATIONS, self._tries())
        suppressed = _from_zero(Suppression, self._parts.suppressed())
        self._counted(table.SUPPRESSED, {(reason,): count for reason, count in suppressed.items()})
        yield
        yield from self._alerts()
        for family, lines in self._lines.items():
            self._written.append(family.head(openmetrics=self._openmetrics).encode())
            for some in _in_steps(lines, 25 * STEP):
                self._written.append("".join(some).encode())
                yield
            lines.clear()
        if self._openmetrics:
            self._written.append(b"# EOF\n")

    # ── checks ──

    def _checks(self) -> Iterator[None]:
        known: set[str] = set()
        for count, (spec, state) in enumerate(self._parts.view.pairs(), start=1):
            check = escape(spec.name)
            if check not in known:  # two names that are written alike would be one series with two values
                known.add(check)
                self._check(check, spec.name, state)
            if count % STEP == 0:
                yield
        yield

    def _check(self, check: str, name: str, state: CheckState) -> None:
        lines, last, well_at = self._lines, state.last, None
        lines[table.STATUS].append(_STATES[state.status].replace("\0", check))
        if (runs := self._counts.runs.get(name)) is not None:
            well_at = runs.well_at
            lines[table.RUNS].append(
                f'{_RUNS}{check}",status="healthy"}} {runs.healthy}\n'
                f'{_RUNS}{check}",status="degraded"}} {runs.degraded}\n'
                f'{_RUNS}{check}",status="unhealthy"}} {runs.unhealthy}\n'
                f'{_RUNS}{check}",status="unknown"}} {runs.unknown}\n'
            )
        if last is not None:
            at = instant(last.at)
            lines[table.LAST_RUN].append(f'{_LAST_RUN}{check}"}} {at}\n')
            if well_at is None and last.status is Status.HEALTHY:
                well_at = last.at  # an earlier Salus saw it
            if well_at is not None:
                at = at if well_at is last.at else instant(well_at)
                lines[table.LAST_SUCCESS].append(f'{_LAST_SUCCESS}{check}"}} {at}\n')
            if last.metrics:
                self._numbers(check, last.metrics)
        self._healing(check, name)

    def _numbers(self, check: str, metrics: Mapping[str, Metric]) -> None:
        # By their written names: two that are written alike would be one series with two values.
        found = {self._number_names[name]: metric.value for name, metric in islice(metrics.items(), MOST_NUMBERS)}
        begin = f'{_METRIC}{check}",name="'
        lines = [f'{begin}{name}"}} {number(value)}\n' for name, value in found.items()]
        self._lines[table.METRIC].append("".join(lines))

    def _healing(self, check: str, name: str) -> None:
        counts, exhausted = self._counts, self._counts.exhausted(name)
        if exhausted is not None:
            self._lines[table.EXHAUSTED].append(f'{_EXHAUSTED}{check}"}} {int(exhausted)}\n')
        if ended := counts.recoveries.get(name):
            outcomes = _from_zero(Outcome, ended)
            self._counted(table.RECOVERIES, {(name, outcome): count for outcome, count in outcomes.items()})
        elif exhausted is not None:
            self._lines[table.RECOVERIES].append(_NO_RECOVERIES.replace("\0", check))
        if refused := counts.refusals.get(name):
            self._counted(table.REFUSALS, {(name, reason): count for reason, count in refused.items()})

    # ── the whole ──

    def _build(self) -> None:
        version, python = escape(self._parts.view.agent().version), platform.python_version()
        self._lines[table.BUILD].append(f'{table.BUILD.name}{{version="{version}",python="{python}"}} 1\n')

    def _times(self) -> None:
        counts = self._counts
        for family, times in (
            (table.LOOKS, counts.looks),
            (table.LATENESS, counts.lateness),
            (table.DURATIONS, counts.durations),
            (table.INITIATIONS, counts.initiations),
        ):
            self._lines[family].extend(histogram(family.name, times, examples=self._openmetrics))

    def _tries(self) -> dict[tuple[str, str], int]:
        tries = {(channel, result): 0 for channel in self._parts.channels() for result in TRIES}
        tries.update(self._counts.notifications)
        return tries

    def _alerts(self) -> Iterator[None]:
        found: Counter[tuple[str, str]] = Counter({(level, state): 0 for level in Level for state in OPEN})
        for some in _in_steps(list(self._parts.alerts()), 25 * STEP):
            found.update((one.level, one.state) for one in some if one.state in OPEN and not one.moment)
            yield
        self._counted(table.ALERTS, found)

    def _counted(self, family: Family, counts: Mapping[_Labels, int]) -> None:
        names = [f'{label}="' for label in family.labels]
        for values, count in counts.items():
            labels = ",".join([f'{name}{escape(value)}"' for name, value in zip(names, values, strict=True)])
            self._lines[family].append(f"{family.name}{{{labels}}} {count}\n")


class _Written(dict[str, str]):
    """The names of numbers, as they are written: most checks of a kind call theirs alike."""

    def __missing__(self, name: str) -> str:
        written = self[name] = escape(name[:LONGEST_NAME])
        return written


def _from_zero(names: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts, and 0 for what never happened: a rate needs to see where a counter began."""
    every = dict.fromkeys(names, 0)
    every.update(counts)
    return every


def _in_steps(things: Collection[_Thing], step: int) -> Iterator[Sequence[_Thing]]:
    every = list(things)
    return (every[place : place + step] for place in range(0, len(every), step))
