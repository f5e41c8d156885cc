"""Statistics of a short series: does it rise or fall, how fast, and is that more than noise. Pure.

A series is a sequence of ``(seconds, value)``, oldest first, with growing times.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

Series: TypeAlias = "Sequence[tuple[float, float]]"

# Theil-Sen looks at every pair: 120 samples are 7,140 pairs and about a millisecond, 240 would be five.
MOST_FOR_SLOPE = 120
# The smallest z that counts as a trend: one false alarm in some 16,000 windows of independent noise.
SIGNIFICANT = 4.0
# With fewer samples the correction for noise that lasts cannot be estimated.
FEWEST_FOR_TREND = 30


def average(series: Series) -> float:
    """Return the mean of all samples."""
    return math.fsum(value for _, value in series) / len(series)


def change(series: Series) -> float:
    """Return the last value minus the first."""
    return series[-1][1] - series[0][1]


def growth(series: Series) -> float:
    """Return the growth per second of a counter, where a value that falls means that it began again at zero.

    The rule is the one of Prometheus' ``rate()`` (promql, counter resets), without its extrapolation to the ends of
    the window: only what was seen counts.
    """
    risen = sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(series))
    return risen / (series[-1][0] - series[0][0])


def slope(series: Series) -> float:
    """Return the Theil-Sen slope per second: the median of the slopes of all pairs.

    Up to 29% of the samples may be wild without moving it far. Of more than ``MOST_FOR_SLOPE`` samples every second
    (third, ...) is taken, counted from the newest.

    Sources: Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; Sen, "Estimates of the
    regression coefficient based on Kendall's tau", JASA 63, 1968.
    """
    step = -(-len(series) // MOST_FOR_SLOPE)
    chosen = series[::-1][::step]  # newest first; the sign of both differences turns, their quotient does not
    slopes = sorted(
        (value - other) / (at - then)
        for place, (at, value) in enumerate(chosen)
        for then, other in chosen[place + 1 :]
        if at != then
    )
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2


def mann_kendall(series: Series) -> float:
    """Return how surely the series rises (positive) or falls (negative), in standard deviations of pure chance.

    ``S`` counts the pairs that rise less those that fall; its variance under chance, with ties, is that of Kendall;
    one is taken off ``S`` for continuity. Sources: Mann, "Nonparametric tests against trend", Econometrica 13, 1945;
    Kendall, "Rank Correlation Methods", 1975.
    """
    seen: list[float] = []
    score = 0
    for _, value in series:
        score += bisect_left(seen, value) - (len(seen) - bisect_right(seen, value))
        insort(seen, value)
    ties = Counter(seen).values()
    variance = (_spread(len(seen)) - sum(_spread(count) for count in ties if count > 1)) / 18
    if variance <= 0 or not score:
        return 0.0
    return (score - math.copysign(1, score)) / math.sqrt(variance)


def _spread(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def persistence(series: Series, per_second: float) -> float:
    """Return by what the variance of a trend's score grows, because what is left of the series without its slope lasts.

    Mann-Kendall takes samples for independent, and memory in use is not: without this, half of all windows of a slowly
    wandering value look like a trend. The correlation ``r`` of neighbours in the detrended series makes ``n`` samples
    worth ``n (1 - r) / (1 + r)``. A correlation that chance explains (one-sided 5%), or a negative one, changes
    nothing; nor does what rounding leaves of a perfect line.

    Sources: Bayley and Hammersley, "The 'effective' number of independent observations in an autocorrelated time
    series", 1946; Yue and Wang, "The Mann-Kendall test modified by effective sample size to detect trend in serially
    correlated hydrological series", Water Resources Management 18, 2004.
    """
    start = series[0][0]
    left = [value - per_second * (at - start) for at, value in series]
    middle = math.fsum(left) / len(left)
    left = [value - middle for value in left]
    whole = math.fsum(value * value for value in left)
    if math.sqrt(whole / len(left)) <= 1e-9 * max(abs(value) for _, value in series):
        return 1.0
    correlation = math.fsum(a * b for a, b in pairwise(left)) / whole
    if correlation <= 1.645 / math.sqrt(len(left)):
        return 1.0
    return (1 + correlation) / max(1 - correlation, 1e-9)


def trend(series: Series) -> float:
    """Return the slope per second of a series that surely rises or falls, and 0.0 of every other one.

    Surely: Mann-Kendall's z, corrected for noise that lasts, is beyond ``SIGNIFICANT``.
    """
    score = mann_kendall(series)
    if abs(score) <= SIGNIFICANT:
        return 0.0  # most series end here, after a tenth of the work
    per_second = slope(series)
    if abs(score) / math.sqrt(persistence(series, per_second)) <= SIGNIFICANT:
        return 0.0
    return per_second
