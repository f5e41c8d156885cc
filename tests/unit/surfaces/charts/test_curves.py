"""Curves and their axes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from salus.model.history import Point, Series
from salus.surfaces.charts import Limit, Row, curve, curve_table, describe, ratio_bar, rows, spark
from salus.surfaces.charts.axes import time_axis, value_axis
from salus.surfaces.charts.words import amount
from tests.unit.surfaces.charts.drawn import NOW, D, H, K, U, hostile, of_class, parsed, series, spots, titles

UNITS = ("bytes", "seconds", "ratio", "celsius", "", "requests/s")
units = st.sampled_from(UNITS)
numbers = st.floats(allow_nan=False, allow_infinity=False)


# ── axes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(numbers, numbers, units)
@example(5e-324, 5e-324, "seconds")
@example(-1.7e308, 1.7e308, "bytes")
@example(1e16, 1e16 + 2, "")
@example(0.1, 0.3, "ratio")
@example(1.0000000000000002e300, 1.0000000000000002e300, "bytes")
def test_ticks_rise_and_cover_the_data(one: float, other: float, unit: str) -> None:
    low, high = (max(-1e300, min(end, 1e300)) for end in sorted((one, other)))
    axis = value_axis(low, high, unit)
    assert 2 <= len(axis.ticks) <= 7
    assert list(axis.ticks) == sorted(set(axis.ticks))
    near = 1e-9 * max(abs(low), abs(high), 1e-290)
    assert axis.ticks[0] <= low + near
    assert axis.ticks[-1] >= high - near
    assert 0 <= axis.share(low) <= axis.share(high) <= 1


@given(st.floats(1e-6, 1e15), st.floats(1e-6, 1e15), units)
def test_ticks_that_differ_read_differently_and_fit_beside_the_plot(one: float, other: float, unit: str) -> None:
    axis = value_axis(min(one, other), max(one, other), unit)
    if axis.ticks[-1] - axis.ticks[0] > 1e-4 * axis.ticks[-1]:
        assert len(set(axis.labels)) == len(axis.labels)
        assert max(map(len, axis.labels)) <= 12


@pytest.mark.parametrize(
    "low, high, unit, labels",
    [
        (0.02, 0.34, "seconds", ["0", "100 ms", "200 ms", "300 ms", "400 ms"]),
        (5.1e8, 6.3e8, "bytes", ["450 MiB", "500 MiB", "550 MiB", "600 MiB", "650 MiB"]),
        (0.19, 0.31, "ratio", ["15%", "20%", "25%", "30%", "35%"]),
        (0, 99_000, "requests/s", ["0", "50k", "100k"]),
        (-11, 5, "celsius", ["-15 °C", "-10 °C", "-5 °C", "0", "5 °C"]),
        (3, 3, "", ["0", "2", "4", "6"]),
        (0, 0, "ratio", ["0", "50%", "100%"]),
    ],
)
def test_an_axis_reads_like_this(low: float, high: float, unit: str, labels: list[str]) -> None:
    assert list(value_axis(low, high, unit).labels) == labels


@pytest.mark.parametrize(
    "hours, labels",
    [
        (1 / 60, ["14:22:40", "14:22:50", "14:23:00", "14:23:10", "14:23:20", "14:23:30", "14:23:40"]),
        (1, ["13:30", "13:40", "13:50", "14:00", "14:10", "14:20"]),
        (24, ["16:00", "20:00", "1 Mar", "04:00", "08:00", "12:00"]),
        (24 * 7, ["24 Feb", "26 Feb", "28 Feb"]),
        (24 * 30, ["2 Feb", "9 Feb", "16 Feb", "23 Feb"]),
    ],
)
def test_time_is_told_in_whole_steps(hours: float, labels: list[str]) -> None:
    found = [label for _, label in time_axis(NOW - timedelta(hours=hours), NOW)]
    assert found == labels


@given(st.floats(1, 4e8))
def test_times_rise_and_stay_inside(seconds: float) -> None:
    since = NOW - timedelta(seconds=seconds)
    found = [at for at, _ in time_axis(since, NOW)]
    assert found == sorted(set(found))
    assert len(found) <= 7
    assert all(since <= at <= NOW for at in found)


# ── curves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=40), hostile, hostile, st.one_of(units, hostile))
def test_a_curve_is_well_formed_whatever_is_seen_and_however_it_is_called(
    values: list[float | None], check: str, metric: str, unit: str
) -> None:
    made = series(values, check=check, metric=metric, unit=unit)
    limits = [Limit(value=5.0, name=check), Limit(value=1e308), Limit(value=-3.0, status=D, name=metric)]
    root = parsed(curve(made, limits=limits, heading=check))
    for one in of_class(root, "c-line"):
        assert all(0 <= x <= 1000 and 0 <= y <= 200 for x, y in spots(one.attrib["d"]))
    assert curve_table(made).count("<tr>") <= 25
    parsed(spark(values, unit, check))


def test_a_curve_says_in_words_what_it_shows() -> None:
    made = series([0.02, 0.04, 0.06], status=lambda place: U if place == 1 else H)
    assert describe(made, [Limit(value=0.25, name="slow")]) == (
        "duration of web, 1 Mar 13:23 to 1 Mar 14:23 UTC: between 18 ms and 66 ms, 40 ms on average, 60 ms at last; "
        "3 points: 2 healthy, 1 unhealthy; slow from 250 ms"
    )
    assert describe(series([])).endswith("UTC: nothing was seen")


def test_where_nobody_looked_there_is_no_line() -> None:
    values = [1.0] * 10 + [None] * 5 + [1.0] * 10
    (line, _) = of_class(parsed(curve(series(values))), "c-line")
    assert line.attrib["d"].count("M") == 2
    band = of_class(parsed(curve(series(values))), "c-healthy")
    assert band[0].attrib["d"].count("M") == 2


def test_one_look_missing_among_looks_that_come_unevenly_is_no_gap() -> None:
    (line, _) = of_class(parsed(curve(series([1.0, 1.0, None] * 8))), "c-line")
    assert line.attrib["d"].count("M") == 1


def test_a_look_that_stands_alone_is_a_dot() -> None:
    values = [1.0] * 5 + [None] * 6 + [2.0] + [None] * 6 + [1.0] * 5
    root = parsed(curve(series(values)))
    dots = [one for one in of_class(root, "c-line") if one.attrib.get("stroke-linecap")]
    assert dots[0].attrib["d"].count("h0") == 2  # that one, and the newest
    only = parsed(curve(series([3.0])))
    assert len(of_class(only, "c-line")) == 1


def test_numbers_that_are_none_are_gaps() -> None:
    made = series([1.0, math.nan, math.inf, 1.0])
    assert len(titles(parsed(curve(made)))) == 2


def test_the_band_shows_each_status_at_its_own_height() -> None:
    made = series([1.0] * 8, status=lambda place: (H, U, D, K)[place // 2])
    root = parsed(curve(made))
    shapes = [of_class(root, f"c-{status.value}")[0].attrib for status in (H, D, U, K)]
    assert len({(one["stroke-width"], one.get("stroke-dasharray")) for one in shapes}) == 4


def test_trouble_that_was_over_before_the_next_look_is_a_tick_in_the_band() -> None:
    made = series([1.0] * 10, status=lambda place: U if place == 4 else H)
    brief = replace(made, points=tuple(replace(one, left=H) for one in made.points))
    for shown, wide, parts in ((made, 100, 2), (brief, 6, 2)):
        root = parsed(curve(shown))
        (trouble,) = of_class(root, "c-unhealthy")
        start, end = map(float, re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", trouble.attrib["d"]).groups())  # type: ignore[union-attr]
        assert start == pytest.approx(400, abs=1)
        assert end - start == pytest.approx(wide, abs=1)
        assert of_class(root, "c-healthy")[0].attrib["d"].count("M") == parts


def test_a_threshold_far_away_is_told_and_not_drawn() -> None:
    made = series([0.02] * 5)
    root = parsed(curve(made, limits=[Limit(value=5.0, name="slow")]))
    assert not of_class(root, "c-limit")
    assert root.attrib["aria-label"].endswith("slow from 5 s")
    assert len(of_class(parsed(curve(made, limits=[Limit(value=0.05)])), "c-limit")) == 1


def test_each_point_shows_its_numbers_to_whoever_points_at_it() -> None:
    made = series([0.02, 0.04])
    assert titles(parsed(curve(made)))[0] == "1 Mar 13:23 UTC: 20 ms (18 ms to 22 ms), 2 looks, healthy"
    assert not titles(parsed(curve(made, titles=False)))


# ── tables, tiny lines, shares ────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_sums_points_up_by_how_many_looks_they_are() -> None:
    at = NOW - timedelta(minutes=30)
    points = (
        Point(at=at, looks=1, low=1, mean=1, high=1, status=H),
        Point(at=at + timedelta(minutes=1), looks=3, low=2, mean=5, high=9, status=U),
        Point(at=at + timedelta(minutes=2), looks=1, low=math.nan, mean=1, high=1, status=D),
    )
    made = Series(check="w&b", metric="x", unit="", since=at, until=NOW, points=points)
    assert rows(made, most=1) == [Row(at, 1, 4, 9, U)]
    table = curve_table(made, most=1)
    assert "<caption>x of w&amp;b, times are UTC</caption>" in table
    assert "<td>1</td><td>4</td><td>9</td><td>unhealthy</td>" in table
    assert "nothing was seen" in curve_table(replace(made, points=()))


def test_a_tiny_line_says_its_ends_and_its_last_number() -> None:
    assert parsed(spark([0.01, None, 0.03], "seconds", "duration")).attrib["aria-label"] == (
        "duration: 10 ms to 30 ms, 30 ms at last"
    )
    assert parsed(spark([None, math.nan])).attrib["aria-label"] == "no numbers yet"
    assert "M93 12h0" in spark([7.0])


@given(st.one_of(st.none(), st.floats()), hostile)
def test_a_share_is_drawn_from_nothing_to_all_of_it(share: float | None, name: str) -> None:
    parsed(ratio_bar(share, U, name))


def test_almost_all_is_not_all() -> None:
    assert parsed(ratio_bar(0.99999)).attrib["aria-label"] == "99.99%"
    assert parsed(ratio_bar(1.0)).attrib["aria-label"] == "100%"
    assert parsed(ratio_bar(None, name="up")).attrib["aria-label"] == "up: not known"


@pytest.mark.parametrize(
    "value, unit, words",
    [
        (1.5 * 2**20, "bytes", "1.5 MiB"),
        (0.34, "seconds", "340 ms"),
        (-0.5, "seconds", "-500 ms"),
        (0.0, "seconds", "0 ms"),
        (0.125, "ratio", "12.5%"),
        (71, "celsius", "71 °C"),
        (12_340, "", "12,340"),
        (2.5, "requests/s", "2.5 requests/s"),
        (1e300, "bytes", "1e+300 bytes"),
    ],
)
def test_numbers_are_said_as_people_say_them(value: float, unit: str, words: str) -> None:
    assert amount(value, unit) == words
