"""Chance that is the same again for the same seed: one stream for each thing, so that no one of them moves another."""

from __future__ import annotations

import math
from random import Random

from salus.simulate.faults import Spread

_P95 = 1.6448536269514722  # standard deviations above the median of a normal distribution
_NEVER = 2.0**62


def stream(seed: int, name: str) -> Random:
    """Return the stream of a name. Python seeds with a hash of the text that is the same in every process."""
    return Random(f"{seed}:{name}")  # noqa: S311 - a simulation, no secret


def draw(spread: Spread, chance: Random) -> float:
    """Draw seconds from a spread (log-normal when it has a 95th percentile)."""
    if spread.p95 is None or spread.p95 == spread.median:
        return float(spread.median)
    sigma = math.log(spread.p95 / spread.median) / _P95
    return float(spread.median) * math.exp(sigma * chance.gauss(0.0, 1.0))


def looks_until(rate: float, chance: Random) -> int:
    """Draw after how many looks one goes wrong, at a rate per look (geometric); 0 for never."""
    if rate <= 0:
        return 0
    if rate >= 1:
        return 1
    return 1 + int(min(math.log(1.0 - chance.random()) / math.log1p(-rate), _NEVER))
