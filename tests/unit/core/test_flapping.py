"""Flapping, and bad looks counted among the last ones."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import LOOKS_KEPT, CheckSpec, CheckState, Observation, Status
from salus.state import change_share, fold, forgiven
from salus.testing import EPOCH

LOOKS = st.lists(st.sampled_from([Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY]), max_size=60)


def after(looks: list[Status], spec: CheckSpec, state: CheckState | None = None) -> CheckState:
    state = state or CheckState()
    for place, status in enumerate(looks):
        at = EPOCH + timedelta(seconds=place)
        state, _ = fold(state, Observation(status=status, at=at), spec, at)
    return state


def spec(**options: float) -> CheckSpec:
    return CheckSpec(name="web", kind="http", **options)  # type: ignore[arg-type]  # whatever a case needs


@given(LOOKS)
def test_the_share_of_change_is_nagios_weighted_sum_over_the_last_21_looks(looks: list[Status]) -> None:
    bad = [look.bad for look in reversed(looks)][:21]
    weights = [1.25 - place * 0.5 / 19 for place in range(20)]
    expected = sum(weight for weight, new, old in zip(weights, bad, bad[1:], strict=False) if new != old) / 20
    assert change_share(after(looks, spec()).recent) == pytest.approx(expected)


@given(LOOKS, st.integers(1, LOOKS_KEPT))
def test_bad_looks_within_a_window_are_counted_as_one_would_by_hand(looks: list[Status], window: int) -> None:
    state = after(looks, spec())
    newest = looks[-window:]
    assert state.bad_looks(window) == sum(look.bad for look in newest)
    assert state.bad_looks(window, Status.UNHEALTHY) == newest.count(Status.UNHEALTHY)


def test_alternating_looks_flap_and_a_steady_verdict_ends_it() -> None:
    turns = [Status.HEALTHY, Status.UNHEALTHY] * 5
    assert after(turns, spec()).flapping
    assert not after(turns, spec(high_flap_threshold=0)).flapping
    assert not after(turns + [Status.UNHEALTHY] * 20, spec()).flapping
    assert not after([Status.UNHEALTHY] * 10 + [Status.HEALTHY] * 5 + [Status.UNHEALTHY] * 5, spec()).flapping


def test_degraded_and_unhealthy_in_turn_is_one_long_trouble_and_no_flapping() -> None:
    assert not after([Status.DEGRADED, Status.UNHEALTHY] * 10, spec()).flapping


def test_a_new_copy_and_an_act_of_salus_begin_a_clean_sheet() -> None:
    state = after([Status.HEALTHY, Status.UNHEALTHY] * 5, spec())
    assert state.flapping
    assert change_share(forgiven(state).recent) == 0.0
    assert not after([Status.UNHEALTHY], spec(), forgiven(state)).flapping


def test_three_bad_looks_among_five_make_the_verdict_bad_and_it_stays_until_fewer_are_left() -> None:
    well, bad = Status.HEALTHY, Status.UNHEALTHY
    window = spec(failure_threshold=3, failure_window=5)
    assert after([well, bad, well, bad], window).status is Status.HEALTHY
    assert after([well, bad, well, bad, bad], window).status is Status.UNHEALTHY
    assert after([well, bad, well, bad, bad, well], window).status is Status.UNHEALTHY
    assert after([well, bad, well, bad, bad, well, well], window).status is Status.HEALTHY
