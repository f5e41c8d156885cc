"""What is remembered for conditions, and how little."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from salus.conditions import History, Window
from salus.conditions.history import MOST_SAMPLES
from salus.model import Metric, Observation, Status
from tests.unit.conditions.facts import NOON, look

TEN_MINUTES = Window("web", "x", 600.0)


def filled(window: Window, every: float, count: int) -> History:
    history = History([window])
    for step in range(count):
        history.add(window.check, look({window.metric: float(step)}), step * every)
    return history


def test_only_what_is_asked_for_is_remembered() -> None:
    history = History([TEN_MINUTES])
    history.add("web", look({"x": 1.0, "y": 2.0}), 1.0)
    history.add("db", look({"x": 3.0}), 2.0)
    history.add("web", look({"y": 4.0}), 3.0)
    assert history.samples(TEN_MINUTES) == ((1.0, 1.0),)
    assert history.samples(Window("db", "x", 600.0)) == ()


def test_a_window_keeps_one_sample_before_it_to_show_that_it_is_covered() -> None:
    samples = filled(TEN_MINUTES, every=10.0, count=100).samples(TEN_MINUTES)
    assert samples[0] == (390.0, 39.0)
    assert samples[-1] == (990.0, 99.0)
    assert len(samples) == 61


def test_a_quick_check_is_thinned_out_evenly_and_the_newest_look_is_always_there() -> None:
    samples = filled(TEN_MINUTES, every=0.1, count=20_000).samples(TEN_MINUTES)
    assert samples[-1][1] == 19_999.0
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(samples[:-1])]
    assert max(gaps) - min(gaps) < 0.2
    assert 230 <= len(samples) <= MOST_SAMPLES + 5


@given(
    gaps=st.lists(st.floats(min_value=0.0, max_value=50.0), min_size=1, max_size=300),
    seconds=st.floats(min_value=0.5, max_value=1000.0),
)
def test_samples_are_bounded_in_order_and_reach_back_over_the_window(gaps: list[float], seconds: float) -> None:
    window = Window("web", "x", seconds)
    history = History([window])
    now = 0.0
    for gap in gaps:
        now += gap
        history.add("web", look({"x": now}), now)
    samples = history.samples(window)
    times = [at for at, _ in samples]
    assert len(samples) <= MOST_SAMPLES + 5
    assert times == sorted(set(times))
    assert times[-1] == now
    assert sum(1 for at in times if at <= now - seconds) <= 1
    if now - gaps[0] > seconds:
        assert times[0] <= now - seconds


def test_two_windows_of_one_metric_are_apart() -> None:
    long = Window("web", "x", 86_400.0)
    history = History([TEN_MINUTES, long])
    for step in range(1000):
        history.add("web", look({"x": float(step)}), step * 10.0)
    assert len(history.samples(TEN_MINUTES)) == 61
    assert 20 <= len(history.samples(long)) <= 30


def test_a_new_target_begins_with_a_clean_sheet() -> None:
    history = History([TEN_MINUTES, Window("db", "x", 60.0)])
    history.add("web", look({"x": 1.0}), 1.0)
    history.add("db", look({"x": 2.0}), 1.0)
    history.clear("web")
    assert history.samples(TEN_MINUTES) == ()
    assert history.samples(Window("db", "x", 60.0)) == ((1.0, 2.0),)


def test_what_is_no_number_is_left_out() -> None:
    history = History([TEN_MINUTES])
    for value in (math.nan, math.inf, 1.0):
        seen = Observation(status=Status.HEALTHY, at=NOON, metrics={"x": Metric(value)})
        history.add("web", seen, value if math.isfinite(value) else 0.0)
    assert history.samples(TEN_MINUTES) == ((1.0, 1.0),)


def test_a_second_look_at_the_same_instant_replaces_the_first() -> None:
    history = History([TEN_MINUTES])
    for value in (1.0, 2.0):
        history.add("web", look({"x": value}), 5.0)
    assert history.samples(TEN_MINUTES) == ((5.0, 2.0),)


def test_a_new_config_takes_over_the_windows_it_still_has() -> None:
    old = filled(TEN_MINUTES, every=10.0, count=5)
    new = History([TEN_MINUTES, Window("web", "x", 60.0)])
    new.adopt(old)
    assert new.samples(TEN_MINUTES) == old.samples(TEN_MINUTES)
    assert new.samples(Window("web", "x", 60.0)) == ()
