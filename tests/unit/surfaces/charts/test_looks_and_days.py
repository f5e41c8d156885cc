"""Bars: the last looks, and days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import LOOKS_KEPT, Observation, Status
from salus.model.history import Day
from salus.surfaces.charts import bars, days, look_bars
from salus.surfaces.charts.daily import status_of
from tests.unit.surfaces.charts.drawn import NOW, D, H, K, U, hostile, of_class, parsed, statuses, titles

TODAY = date(2026, 3, 1)
DAY = 86_400.0


def test_a_row_of_bars_says_in_words_what_it_shows() -> None:
    assert parsed(bars([H] * 29 + [U] * 2)).attrib["aria-label"] == "last 31 looks: 29 healthy, 2 unhealthy"
    assert parsed(bars([K])).attrib["aria-label"] == "one look: unknown"
    assert parsed(bars([])).attrib["aria-label"] == "no looks yet"


def test_a_few_bars_look_like_this() -> None:
    assert bars([H, H, U], 4) == (
        '<svg class="c-bars" width="32" height="24" viewBox="0 0 16 12" role="img" '
        'aria-label="last 3 looks: 2 healthy, 1 unhealthy"><path class="c-none" d="M2 11v0"/>'
        '<path class="c-healthy" d="M6 11v-3m4 3v-3"/><path class="c-unhealthy" d="M14 11v-9"/></svg>'
    )


@given(st.lists(statuses, max_size=60))
def test_a_row_of_bars_takes_less_than_600_bytes(looks: list[Status]) -> None:
    drawing = bars(looks)
    parsed(drawing)
    assert len(drawing.encode()) < 600


def test_more_looks_than_there_is_room_for_show_the_newest() -> None:
    assert parsed(bars([U] * 50 + [H] * LOOKS_KEPT)).attrib["aria-label"] == "last 31 looks: 31 healthy"
    assert parsed(bars([H, U], 0)).attrib["aria-label"] == "no looks yet"


def test_every_status_has_a_shape_of_its_own() -> None:
    shapes = set()
    for status in Status:
        (path,) = of_class(parsed(bars([status], 1)), f"c-{status.value}")
        shapes.add((path.attrib["d"], path.attrib.get("stroke-dasharray")))
    assert len(shapes) == len(Status)


@given(st.lists(st.tuples(statuses, hostile), max_size=40))
def test_each_look_shows_when_it_was_and_what_it_saw(looks: list[tuple[Status, str]]) -> None:
    seen = [
        Observation(status=status, message=message, at=NOW + timedelta(seconds=place), duration=0.02)
        for place, (status, message) in enumerate(looks)
    ]
    told = titles(parsed(look_bars(seen)))
    assert len(told) == min(len(seen), LOOKS_KEPT)
    for title, look in zip(told, seen[-LOOKS_KEPT:], strict=True):
        assert title.startswith(f"{look.at:%Y-%m-%d %H:%M:%S} UTC: {look.status.value}, 20 ms")
        assert len(title) < 400


def test_days_tell_how_available_they_were_and_how_long_it_was_down() -> None:
    known = [
        Day(date=TODAY, healthy=DAY),
        Day(date=TODAY - timedelta(days=1), healthy=DAY - 7200, unhealthy=7200),
        Day(date=TODAY - timedelta(days=2), healthy=DAY - 660, unhealthy=60, degraded=600),
    ]
    root = parsed(days(known, TODAY, 4))
    assert titles(root) == [
        "26 Feb 2026: nothing is known",
        "27 Feb 2026: 99.93% available, 1 min down, 10 min degraded",
        "28 Feb 2026: 91.67% available, 2 h down",
        "1 Mar 2026: 100% available",
    ]
    assert [one.attrib["class"] for one in root] == ["c-none", "c-degraded", "c-unhealthy", "c-healthy"]
    assert root.attrib["aria-label"] == "last 4 days: 97.2% available, down on 2 of them, 3 of them known"


def test_days_that_nothing_is_known_of_are_grey_and_told_together() -> None:
    root = parsed(days([], TODAY))
    assert titles(root) == ["2 Dec 2025 to 1 Mar 2026: nothing is known"]
    assert root[0].attrib["d"].count("z") == 90
    assert root.attrib["aria-label"] == "last 90 days: nothing is known"


def test_a_day_on_which_it_could_not_be_told_is_no_good_day() -> None:
    paused = Day(date=TODAY, unknown=DAY)
    assert status_of(paused) is K
    assert [one.attrib["class"] for one in parsed(days([paused], TODAY, 1))] == ["c-none"]


def test_a_second_of_trouble_is_never_rounded_away() -> None:
    day = Day(date=TODAY, healthy=DAY - 1, unhealthy=1)
    assert status_of(day) is D
    assert titles(parsed(days([day], TODAY, 1))) == ["1 Mar 2026: 99.99% available, 1 s down"]


@pytest.mark.parametrize("count", [1, 30, 90])
def test_days_outside_of_what_is_shown_are_left_out(count: int) -> None:
    known = [Day(date=TODAY - timedelta(days=place), healthy=DAY) for place in range(-3, 120)]
    assert len(titles(parsed(days(known, TODAY, count)))) == count
