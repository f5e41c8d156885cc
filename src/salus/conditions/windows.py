"""The functions that look back: what each makes of the samples of a window, and how many it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from salus import trends
from salus.trends import Series
from salus.units import format_duration

# A look may be this much late against the window's beginning (rounding of clocks), and still cover it.
_EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Measure:
    """A function over a window.

    Attributes:
        compute: what it makes of the samples.
        fewest: samples without which it cannot tell.
    """

    compute: Callable[[Series], float]
    fewest: int


MEASURES: Mapping[str, Measure] = {
    "avg": Measure(trends.average, 1),
    "lowest": Measure(lambda series: min(value for _, value in series), 1),
    "highest": Measure(lambda series: max(value for _, value in series), 1),
    "change": Measure(trends.change, 2),
    "rate": Measure(trends.growth, 2),
    "slope": Measure(trends.slope, 2),
    "trend": Measure(trends.trend, trends.FEWEST_FOR_TREND),
}


class CannotTellError(ValueError):
    """There is not enough to judge by."""


def measure(name: str, samples: Sequence[tuple[float, float]], seconds: float, now: float) -> float:
    """Compute a function over the last ``seconds``.

    Args:
        name: one of ``MEASURES``.
        samples: ``(monotonic seconds, value)``, oldest first; one before the window shows that it is covered.
        seconds: length of the window.
        now: monotonic seconds.

    Raises:
        CannotTellError: the window is not covered yet, or holds too few samples.
    """
    begin = now - seconds + _EDGE
    if not samples:
        raise CannotTellError("it was not observed yet")
    if samples[0][0] > begin:
        known = format_duration(max(0.0, now - samples[0][0]))
        raise CannotTellError(f"it is known for {known} of {format_duration(seconds)}")
    inside = [sample for sample in samples if sample[0] > begin - 2 * _EDGE]
    fewest = MEASURES[name].fewest
    if len(inside) < fewest:
        raise CannotTellError(f"{len(inside)} of at least {fewest} samples within {format_duration(seconds)}")
    return MEASURES[name].compute(inside)
