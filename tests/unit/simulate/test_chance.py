"""Chance: the same for the same seed, of the shape that was asked for, and no stream moves another."""

from __future__ import annotations

from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.simulate.chance import draw, looks_until, stream
from salus.simulate.faults import Spread
from salus.units import Duration


@given(seed=st.integers(), name=st.text())
def test_a_stream_is_the_same_again_for_the_same_seed_and_name(seed: int, name: str) -> None:
    assert stream(seed, name).random() == stream(seed, name).random()


def test_streams_of_other_names_and_seeds_are_others() -> None:
    found = {stream(seed, name).random() for seed in range(20) for name in ("a", "b")}
    assert len(found) == 40


def test_a_spread_without_a_percentile_is_always_the_same() -> None:
    assert draw(Spread(median=Duration(3)), stream(1, "a")) == 3.0


def test_a_spread_has_the_median_and_the_percentile_that_were_asked_for() -> None:
    chance = stream(1, "a")
    drawn = sorted(draw(Spread(median=Duration(2), p95=Duration(10)), chance) for _ in range(20_000))
    assert median(drawn) == pytest.approx(2, rel=0.05)
    assert drawn[19_000] == pytest.approx(10, rel=0.1)


def test_looks_go_wrong_at_the_rate_that_was_asked_for() -> None:
    chance = stream(1, "a")
    assert fmean(looks_until(0.01, chance) for _ in range(20_000)) == pytest.approx(100, rel=0.05)


@given(rate=st.floats(0, 1), seed=st.integers())
def test_a_look_goes_wrong_never_or_later(rate: float, seed: int) -> None:
    drawn = looks_until(rate, stream(seed, "a"))
    assert (drawn == 0) if rate == 0 else (drawn >= 1)
