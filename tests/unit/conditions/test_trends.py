"""The statistics behind the functions that look back."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus import trends

VALUES = st.lists(st.integers(min_value=-(10**6), max_value=10**6), min_size=2, max_size=80)
INTERVAL = 10.0


def series(values: list[float] | list[int]) -> list[tuple[float, float]]:
    return [(INTERVAL * place, float(value)) for place, value in enumerate(values)]


def noise(rng: random.Random, count: int, lasting: float = 0.0) -> list[float]:
    """Make noise of which each sample keeps a share of the one before: an AR(1) process with a variance of 1."""
    fresh = math.sqrt(1 - lasting * lasting)
    values = [rng.gauss(0, 1)]
    while len(values) < count:
        values.append(lasting * values[-1] + fresh * rng.gauss(0, 1))
    return values


@given(value=st.floats(min_value=-1e12, max_value=1e12), count=st.integers(min_value=2, max_value=300))
def test_what_stays_the_same_has_no_slope_and_no_trend(value: float, count: int) -> None:
    flat = series([value] * count)
    assert trends.slope(flat) == trends.trend(flat) == trends.change(flat) == 0.0
    assert trends.mann_kendall(flat) == 0.0


@given(values=VALUES, constant=st.integers(min_value=-(10**6), max_value=10**6))
def test_adding_a_constant_changes_nothing(values: list[int], constant: int) -> None:
    moved = series([value + constant for value in values])
    assert trends.slope(moved) == trends.slope(series(values))
    assert trends.mann_kendall(moved) == trends.mann_kendall(series(values))
    assert trends.change(moved) == trends.change(series(values))


@given(values=VALUES, power=st.integers(min_value=-8, max_value=8))
def test_scaling_scales_the_slope_and_leaves_the_certainty(values: list[int], power: int) -> None:
    scaled = series([value * 2.0**power for value in values])
    assert trends.slope(scaled) == trends.slope(series(values)) * 2.0**power
    assert trends.mann_kendall(scaled) == trends.mann_kendall(series(values))
    assert trends.trend(scaled) == trends.trend(series(values)) * 2.0**power


@given(values=VALUES)
def test_upside_down_everything_turns_its_sign(values: list[int]) -> None:
    turned = series([-value for value in values])
    assert trends.slope(turned) == -trends.slope(series(values))
    assert trends.mann_kendall(turned) == -trends.mann_kendall(series(values))
    assert trends.trend(turned) == -trends.trend(series(values))


@given(values=st.lists(st.integers(min_value=-(10**6), max_value=10**6), min_size=2, max_size=119))
def test_the_slope_is_the_median_over_all_pairs(values: list[int]) -> None:
    points = series(values)
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for place, a in enumerate(points) for b in points[place + 1 :]]
    assert trends.slope(points) == pytest.approx(median(pairs))


@given(values=VALUES)
def test_the_score_counts_pairs_that_rise_less_pairs_that_fall(values: list[int]) -> None:
    score = sum((b > a) - (b < a) for place, a in enumerate(values) for b in values[place + 1 :])
    certainty = trends.mann_kendall(series(values))
    assert (certainty > 0) == (score > 1)  # one is taken off for continuity
    assert (certainty < 0) == (score < -1)


def test_the_score_of_a_known_series() -> None:
    # S = 9 - 1 = 8 of 10 pairs, var = 5 * 4 * 15 / 18: z = 7 / sqrt(16.667)
    assert trends.mann_kendall(series([1, 2, 4, 3, 5])) == pytest.approx(7 / math.sqrt(50 / 3))
    # One tie of two: S = 9, var = (300 - 2 * 1 * 9) / 18
    assert trends.mann_kendall(series([1, 2, 2, 3, 4])) == pytest.approx(8 / math.sqrt(282 / 18))


def test_a_quarter_of_wild_values_does_not_move_the_slope_far() -> None:
    rng = random.Random(4)
    values = [2.0 * place + rng.gauss(0, 1) for place in range(80)]
    for place in rng.sample(range(80), 16):
        values[place] += rng.choice((-1, 1)) * 10_000
    assert trends.slope(series(values)) == pytest.approx(0.2, rel=0.15)


def test_a_slope_looks_at_a_bounded_number_of_samples_and_always_at_the_newest() -> None:
    values = [0.0] * 239 + [1000.0]
    few = series(values)[::-1][::2]
    assert trends.slope(series([float(value) for value in range(240)])) == pytest.approx(0.1)
    assert len(few) <= trends.MOST_FOR_SLOPE
    assert few[0] == (2390.0, 1000.0)


@pytest.mark.parametrize(
    "values, grown",
    [([1, 2, 5], 4), ([5, 6, 0, 1], 2), ([9, 3], 3), ([4, 4, 4], 0), ([0, 100, 50, 60], 160)],
)
def test_a_counter_that_falls_began_again_at_zero(values: list[int], grown: float) -> None:
    assert trends.growth(series(values)) == pytest.approx(grown / (INTERVAL * (len(values) - 1)))


def false_alarms(make: Callable[[random.Random], list[float]], windows: int) -> float:
    rng = random.Random(20)
    return sum(trends.trend(series(make(rng))) != 0.0 for _ in range(windows)) / windows


@pytest.mark.parametrize("count", [30, 60, 240])
def test_noise_is_no_trend(count: int) -> None:
    """Of 400 windows of independent noise none; by theory one in some 16,000."""
    assert false_alarms(lambda rng: noise(rng, count), 400) == 0.0


@pytest.mark.parametrize(
    "lasting, count, most",
    [(0.5, 60, 0.01), (0.8, 60, 0.01), (0.95, 60, 0.02), (0.5, 240, 0.01), (0.8, 240, 0.01), (0.95, 240, 0.01)],
)
def test_noise_that_lasts_is_no_trend(lasting: float, count: int, most: float) -> None:
    """Memory in use wanders; without the correction up to half of these windows would be taken for leaks."""
    assert false_alarms(lambda rng: noise(rng, count, lasting), 200) <= most


def test_a_saw_tooth_is_no_trend() -> None:
    def garbage_collected(rng: random.Random) -> list[float]:
        start = rng.random() * 17
        return [(place + start) % 17 + rng.gauss(0, 0.5) for place in range(120)]

    assert false_alarms(garbage_collected, 100) == 0.0


def test_warming_up_is_no_trend() -> None:
    def warms(rng: random.Random) -> list[float]:
        return [10 * (1 - math.exp(-place / 7.5)) + rng.gauss(0, 0.5) for place in range(60)]

    assert false_alarms(warms, 100) <= 0.02


@pytest.mark.parametrize("count", [60, 120, 240])
def test_a_leak_is_found_in_noise_and_its_pace_told(count: int) -> None:
    rng = random.Random(count)
    for _ in range(100):
        leak = [1e8 + 20_000 * INTERVAL * place + rng.gauss(0, 2e6) for place in range(count)]
        assert trends.trend(series(leak)) == pytest.approx(20_000, rel=0.5)


def test_a_leak_in_steps_is_found() -> None:
    rng = random.Random(1)
    for _ in range(50):
        leak = [place // 6 + rng.gauss(0, 0.1) for place in range(60)]
        assert trends.trend(series(leak)) == pytest.approx(1 / 60, rel=0.1)


def test_a_leak_without_any_noise_is_found_for_all_that_rounding_does() -> None:
    assert trends.trend(series([0.1 * place for place in range(100)])) == pytest.approx(0.01)


def test_what_shrinks_has_a_negative_trend() -> None:
    rng = random.Random(3)
    free = [1e9 - 5e5 * place + rng.gauss(0, 1e5) for place in range(60)]
    assert trends.trend(series(free)) == pytest.approx(-5e4, rel=0.05)
