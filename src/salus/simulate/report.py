"""A result as lines for people: what it is called, how it reads, and which of two is the better one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from salus.simulate.score import Result, Times
from salus.units import format_duration

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure.

    Attributes:
        name: what it is called.
        value: takes it from a result; None where there is none.
        text: writes it.
        better: 1 when more is better, -1 when less is, 0 when neither.
    """

    name: str
    value: Callable[[Result], float | None]
    text: Callable[[float], str]
    better: int = 0

    def shown(self, result: Result) -> str:
        """Write the figure of a result."""
        value = self.value(result)
        return NOTHING if value is None else self.text(value)

    def winner(self, one: Result, other: Result) -> int:
        """Tell which of two is better: 0 the one, 1 the other, -1 neither."""
        first, second = self.value(one), self.value(other)
        # What reads the same is the same: a thousandth of a second is no reason to change a config.
        if not self.better or first is None or second is None or self.text(first) == self.text(second):
            return -1
        return 0 if (first > second) == (self.better > 0) else 1


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float) -> str:
    return f"{value:.2%}"


def _availability(value: float) -> str:
    return f"{value:.4%}"


def _time(value: float) -> str:
    return format_duration(value if value < 10 else round(value))


def _median(times: Callable[[Result], Times]) -> Callable[[Result], float | None]:
    return lambda result: times(result).median


def _p95(times: Callable[[Result], Times]) -> Callable[[Result], float | None]:
    return lambda result: times(result).p95


LINES: tuple[Line, ...] = (
    Line("incidents", lambda result: result.incidents, _count),
    Line("healable", lambda result: result.healable, _count),
    Line("healed", lambda result: result.healed, _count, 1),
    Line("recall", lambda result: result.recall, _share, 1),
    Line("acting steps", lambda result: result.acting_steps, _count, -1),
    Line("needless", lambda result: result.needless, _count, -1),
    Line("precision", lambda result: result.precision, _share, 1),
    Line("called off in time", lambda result: result.called_off, _count),
    Line("time to detect, median", _median(lambda result: result.detect), _time, -1),
    Line("time to detect, 95%", _p95(lambda result: result.detect), _time, -1),
    Line("time to recover, median", _median(lambda result: result.recover), _time, -1),
    Line("time to recover, 95%", _p95(lambda result: result.recover), _time, -1),
    Line("availability", lambda result: result.availability, _availability, 1),
    Line("calls to a person", lambda result: sum(result.calls.values()), _count, -1),
    Line("alerts", lambda result: sum(result.alerts.values()), _count, -1),
    Line("notifications", lambda result: sum(result.notifications.values()), _count, -1),
    Line("exhausted", lambda result: result.calls.get("exhausted", 0), _count, -1),
    Line("recurring", lambda result: result.calls.get("recurring", 0), _count),
    Line("refusals", lambda result: sum(result.refusals.values()), _count),
)


def fault_rows(result: Result) -> list[list[str]]:
    """Return one row for each kind of fault: how often, how it ended, how fast."""
    rows = []
    for kind, score in result.by_kind.items():
        ends = {"healed": score.healed, "passed": score.passed, "repaired": score.repaired, "open": score.open}
        ended = ", ".join(f"{count} {end}" for end, count in ends.items() if count)
        times = (score.detect.median, score.recover.median, score.recover.p95)
        shown = [NOTHING if one is None else _time(one) for one in times]
        rows.append([kind.replace("_", " "), _count(score.incidents), *shown, ended])
    return rows


FAULT_COLUMNS = ("fault", "struck", "detected", "over", "95%", "ended")
