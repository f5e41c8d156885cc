"""Named times, against a walk that knows nothing but what a calendar and a clock on the wall show."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salus.alerts.intervals import inside, next_change
from salus.model import TimeInterval, TimeRange

MINUTE = timedelta(minutes=1)
DAY = 24 * 60
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Nuuk",  # changes its clocks within an hour of midnight
    "Africa/Cairo",  # at midnight itself
    "Asia/Kathmandu",  # three quarters of an hour off
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Chatham",
    "Antarctica/Troll",  # by two hours
)
BERLIN = "Europe/Berlin"


@cache
def jumps(zone: str) -> tuple[datetime, ...]:
    """Return the hours in which a zone changes its clocks, of three years."""
    found, at, there = [], datetime(2025, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    while at.year < 2028:
        if at.astimezone(there).utcoffset() != (at + timedelta(hours=1)).astimezone(there).utcoffset():
            found.append(at)
        at += timedelta(hours=1)
    return tuple(found)


# ── Any interval, any instant ─────────────────────────────────────────────────────────────────────────────────────────


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    number = st.integers(low, high)
    return st.tuples(number, number).map(lambda pair: (min(pair), max(pair)))


def several(one: st.SearchStrategy[tuple[int, int]]) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    return st.lists(one, max_size=2).map(tuple)


TIMES = several(st.one_of(pairs(0, DAY), pairs(0, 4 * 60), st.just((22 * 60, DAY))).filter(lambda p: p[0] < p[1]))
DAYS = several(st.one_of(pairs(1, 31), pairs(-31, -1), st.tuples(st.integers(1, 31), st.integers(-31, -1))))
RANGE = st.builds(
    TimeRange,
    times=TIMES,
    weekdays=several(pairs(0, 6)),
    days=DAYS,
    months=several(pairs(1, 12)),
    years=several(pairs(2025, 2027)),
)
OF_DAYS = st.builds(TimeRange, times=TIMES)


@st.composite
def cases(draw: st.DrawFn, ranges: st.SearchStrategy[TimeRange] = RANGE) -> tuple[TimeInterval, datetime]:
    zone = draw(st.sampled_from(ZONES))
    made = TimeInterval(name="t", ranges=tuple(draw(st.lists(ranges, min_size=1, max_size=2))), time_zone=zone)
    begin = datetime(2025, 1, 2, tzinfo=UTC)
    anywhere = st.integers(0, 2 * 366 * DAY).map(lambda minutes: begin + minutes * MINUTE)
    near = [at + minutes * MINUTE for at in jumps(zone) for minutes in (-1500, -61, -1, 0, 30, 59, 1400)]
    at = draw(st.one_of(anywhere, st.sampled_from(near)) if near else anywhere)
    return made, at + draw(st.sampled_from([timedelta(), timedelta(seconds=30), timedelta(microseconds=59_999_999)]))


def shown(interval: TimeInterval, at: datetime) -> bool:
    """Tell whether an interval holds, by walking through what its parts name."""
    wall = at.astimezone(ZoneInfo(interval.time_zone))
    return any(_part(one, wall) for one in interval.ranges)


def _part(one: TimeRange, wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute
    named = (
        (one.times, {each for begin, end in one.times for each in range(begin, end)}, minute),
        (one.weekdays, {each for first, last in one.weekdays for each in range(first, last + 1)}, wall.weekday()),
        (one.days, {day for pair in one.days for day in _days(pair, wall)}, wall.day),
        (one.months, {each for first, last in one.months for each in range(first, last + 1)}, wall.month),
        (one.years, {each for first, last in one.years for each in range(first, last + 1)}, wall.year),
    )
    return all(value in allowed for said, allowed, value in named if said)


def _days(pair: tuple[int, int], wall: datetime) -> set[int]:
    """Count each day of a month from its beginning and from its end, and take those that are within the pair."""
    length = monthrange(wall.year, wall.month)[1]
    first, last = pair
    return {
        day
        for day in range(1, length + 1)
        if (day if first > 0 else day - length - 1) >= first and (day if last > 0 else day - length - 1) <= last
    }


@settings(max_examples=200, deadline=None)
@given(cases())
def test_an_interval_holds_when_all_that_a_part_names_is_shown(case: tuple[TimeInterval, datetime]) -> None:
    interval, at = case
    assert inside(interval, at) is shown(interval, at)


@settings(max_examples=150, deadline=None)
@given(st.one_of(cases(), cases(OF_DAYS)))
@example(
    (
        TimeInterval(name="t", ranges=(TimeRange(times=((2 * 60 + 30, 4 * 60),)),), time_zone=BERLIN),
        datetime(2026, 3, 29, 0, 59, 30, tzinfo=UTC),  # half a minute before 02:00 becomes 03:00
    )
)
def test_the_next_change_is_never_later_than_the_minute_in_which_an_interval_begins_or_ends(
    case: tuple[TimeInterval, datetime],
) -> None:
    interval, now = case
    again = next_change(interval, now)
    assert now < again <= now + timedelta(hours=25)
    holds = inside(interval, now)
    at = now.replace(second=0, microsecond=0) + MINUTE
    while at < again:
        assert inside(interval, at) is holds, f"it changed at {at}, and is asked again at {again}"
        at += MINUTE


# ── Stories ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def daily(begin: int, end: int, zone: str = BERLIN) -> TimeInterval:
    return TimeInterval(name="t", ranges=(TimeRange(times=((begin, end),)),), time_zone=zone)


def minutes_of(interval: TimeInterval, begin: datetime, hours: int) -> int:
    return sum(inside(interval, begin + minute * MINUTE) for minute in range(hours * 60))


def test_a_time_that_the_clocks_jump_over_is_never_shown() -> None:
    skipped = daily(2 * 60, 3 * 60)
    assert minutes_of(skipped, datetime(2026, 3, 28, 12, tzinfo=UTC), 24) == 0
    assert minutes_of(skipped, datetime(2026, 3, 29, 12, tzinfo=UTC), 24) == 60


def test_a_time_that_the_clocks_show_twice_holds_twice() -> None:
    assert minutes_of(daily(2 * 60, 3 * 60), datetime(2026, 10, 24, 12, tzinfo=UTC), 24) == 120


def test_whoever_asks_again_at_each_next_change_sees_every_beginning_and_end() -> None:
    office = TimeInterval(
        name="office", ranges=(TimeRange(times=((9 * 60, 17 * 60),), weekdays=((0, 4),)),), time_zone=BERLIN
    )
    now = datetime(2026, 3, 27, 0, 0, 17, tzinfo=UTC)
    changes: list[str] = []
    holds = inside(office, now)
    while len(changes) < 4:
        now = next_change(office, now)
        if inside(office, now) is not holds:
            holds = not holds
            changes.append(f"{now:%m-%d %H:%M:%S}")
    assert changes == ["03-27 08:00:00", "03-27 16:00:00", "03-30 07:00:00", "03-30 15:00:00"]


@pytest.mark.parametrize(
    "pair, year, month, expected",
    [
        ((-3, -1), 2026, 2, {26, 27, 28}),
        ((-3, -1), 2028, 2, {27, 28, 29}),
        ((1, -1), 2026, 4, set(range(1, 31))),
        ((30, 31), 2026, 2, set()),
        ((-31, -30), 2026, 6, {1}),
    ],
)
def test_days_are_counted_from_either_end_of_the_month_that_it_is(
    pair: tuple[int, int], year: int, month: int, expected: set[int]
) -> None:
    interval = TimeInterval(name="t", ranges=(TimeRange(days=(pair,)),))
    length = monthrange(year, month)[1]
    found = {day for day in range(1, length + 1) if inside(interval, datetime(year, month, day, 12, tzinfo=UTC))}
    assert found == expected
