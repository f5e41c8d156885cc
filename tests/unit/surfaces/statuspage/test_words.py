"""The page says things in words that hold for every number."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.surfaces.statuspage import words
from salus.surfaces.statuspage.public import Condition, overall
from tests.fake_agent import NOW

CONDITIONS = st.sampled_from(Condition)


@pytest.mark.parametrize(
    "labels, said",
    [
        ((), ""),
        (("Website",), "Website"),
        (("Website", "Search"), "Website and Search"),
        (("Website", "Search", "Mail"), "Website, Search and Mail"),
        (("Website", "Search", "Mail", "Maps", "Pay"), "Website, Search and 3 more"),
    ],
)
def test_labels_stand_in_a_sentence(labels: tuple[str, ...], said: str) -> None:
    assert words.named(labels) == said


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "less than a minute"),
        (60, "1 minute"),
        (125, "2 minutes"),
        (3600, "1 hour"),
        (7500, "2 hours 5 minutes"),
        (86400 * 3 + 61, "3 days"),
        (86400 * 3 + 3661, "3 days 1 hour"),
    ],
)
def test_spans_are_told_in_two_units_at_most(seconds: float, said: str) -> None:
    assert words.lasting(seconds) == said


@pytest.mark.parametrize(
    "ago, said",
    [(0, "just now"), (59, "just now"), (61, "1 minute ago"), (7500, "2 hours ago"), (-30, "in a moment")],
)
def test_times_are_told_as_seen_from_now(ago: float, said: str) -> None:
    assert words.relative(NOW - timedelta(seconds=ago), NOW) == said


def test_what_is_to_come_is_told_so() -> None:
    assert words.relative(NOW + timedelta(days=3, hours=2), NOW) == "in 3 days"


@given(st.text(max_size=2000))
def test_a_message_becomes_one_line_that_can_stand_in_xml(text: str) -> None:
    line = words.clean(text)
    assert line.isprintable()
    assert len(line) <= 300
    assert words.clean(line) == line
    line.encode()


@given(st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(1, 366))  # noqa: DTZ001
def test_months_follow_each_other_backwards_and_reach_as_far_as_days_do(naive: datetime, days: int) -> None:
    now = naive.replace(tzinfo=UTC)
    found = words.months(now, days)
    assert found[0] == date(now.year, now.month, 1)
    assert found[-1] == words.first_of((now - timedelta(days=days)).date())
    assert all(words.first_of(newer - timedelta(days=1)) == older for newer, older in pairwise(found))


@given(st.lists(CONDITIONS, max_size=6), st.lists(CONDITIONS, max_size=2))
def test_the_whole_is_operational_only_where_everything_is_known_and_well(
    components: list[Condition], whole: list[Condition]
) -> None:
    told = overall(components, whole)
    well = bool(components) and {*components, *whole} == {Condition.OPERATIONAL}
    assert (told.indicator == "none") == well
    assert (told.condition is Condition.OPERATIONAL) == well
    assert told.indicator in ("none", "minor", "major", "critical")


@pytest.mark.parametrize(
    "components, indicator, headline",
    [
        ([Condition.OPERATIONAL, Condition.DEGRADED], "minor", "Degraded performance"),
        ([Condition.OPERATIONAL, Condition.PARTIAL], "major", "Partial outage"),
        ([Condition.OPERATIONAL, Condition.MAJOR], "major", "Partial outage"),
        ([Condition.MAJOR, Condition.MAJOR], "critical", "Major outage"),
        ([Condition.MAJOR, Condition.NO_DATA], "critical", "Major outage"),
        ([Condition.OPERATIONAL, Condition.NO_DATA], "minor", "No data from some systems"),
        ([Condition.NO_DATA], "minor", "No data"),
        ([], "minor", "No data"),
        ([Condition.OPERATIONAL, Condition.MAINTENANCE], "minor", "Under maintenance"),
    ],
)
def test_the_whole_is_told_in_one_headline(components: list[Condition], indicator: str, headline: str) -> None:
    told = overall(components)
    assert (told.indicator, told.headline) == (indicator, headline)
