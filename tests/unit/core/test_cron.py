"""Cron in time zones, compared with a calendar that is walked minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from salus.cron import Cron

MINUTE = timedelta(minutes=1)
DAYS_AROUND = 4
# A zone and a day on which its clock is put forward or back: by an hour, by half an hour, at midnight, by a whole day.
ODD_DAYS = [
    ("Europe/Berlin", datetime(2024, 3, 31, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 27, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 3, 10, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 11, 3, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 10, 5, tzinfo=UTC)),
    ("America/Santiago", datetime(2024, 4, 7, tzinfo=UTC)),
    ("America/Santiago", datetime(2024, 9, 8, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2024, 10, 27, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2024, 6, 1, tzinfo=UTC)),
]


@cache
def walls(zone: str, day: datetime) -> list[tuple[datetime, datetime]]:
    """List every minute around a day: the instant, and what the clock on the wall shows."""
    begin = day - timedelta(days=DAYS_AROUND)
    instants = [begin + n * MINUTE for n in range(2 * DAYS_AROUND * 24 * 60)]
    return [(instant, instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for instant in instants]


def comes(minutes: str, hours: str, zone: str, day: datetime) -> list[datetime]:
    """List when ``minutes hours * * *`` comes around a day, by the two sentences in the head of ``salus.cron``."""
    wanted = [_values(minutes, 60), _values(hours, 24)]
    minute_by_minute = walls(zone, day)
    if minutes.startswith("*") or hours.startswith("*"):
        return [
            instant
            for instant, wall in minute_by_minute
            if [wall.minute in wanted[0], wall.hour in wanted[1]] == [True] * 2
        ]
    found: set[datetime] = set()
    wall = minute_by_minute[0][1]
    while wall <= minute_by_minute[-1][1]:
        if wall.minute in wanted[0] and wall.hour in wanted[1]:
            found.add(next(instant for instant, shown in minute_by_minute if shown >= wall))
        wall += MINUTE
    return sorted(found)


def _values(field: str, count: int) -> set[int]:
    if field.startswith("*"):
        return set(range(0, count, int(field[2:] or 1)))
    return set(map(int, field.split(",")))


def fields(count: int) -> st.SearchStrategy[str]:
    some = st.lists(st.integers(0, count - 1), min_size=1, max_size=3, unique=True)
    return st.sampled_from(["*", "*/2", "*/7", "*/20"]) | some.map(lambda values: ",".join(map(str, values)))


@given(fields(60), fields(4), st.sampled_from(ODD_DAYS), st.integers(-36 * 3600, 36 * 3600))
@example("30", "2", ODD_DAYS[0], 3600)
@example("30", "2", ODD_DAYS[1], 4200)
@example("*/20", "2", ODD_DAYS[1], 4200)
def test_it_comes_when_a_calendar_walked_minute_by_minute_says_so(
    minutes: str, hours: str, odd: tuple[str, datetime], seconds: int
) -> None:
    zone, day = odd
    expected = comes(minutes, hours, zone, day)
    cron, at = Cron(f"{minutes} {hours} * * *", zone), day + timedelta(seconds=seconds)
    assert cron.latest(at) == max(one for one in expected if one <= at)
    assert cron.first(at) == min(one for one in expected if one >= at)


@pytest.mark.parametrize(
    "expression, latest, first",
    [
        ("0 0 1 1 *", "2024-01-01", "2025-01-01"),
        ("0 0 29 2 *", "2024-02-29", "2028-02-29"),
        ("0 0 L * *", "2024-05-31", "2024-06-30"),
        ("0 0 * * MON#2", "2024-05-13", "2024-06-10"),
        ("0 0 13 * 5", "2024-05-31", "2024-06-07"),  # the 13th or a Friday, as in every cron
    ],
)
def test_days_are_read_as_cron_reads_them(expression: str, latest: str, first: str) -> None:
    cron, at = Cron(expression), datetime(2024, 6, 1, tzinfo=UTC)
    assert (cron.latest(at), cron.first(at)) == tuple(
        datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (latest, first)
    )


def test_an_instant_between_two_seconds_is_neither_of_them() -> None:
    cron, noon = Cron("0 12 * * *"), datetime(2024, 6, 1, 12, tzinfo=UTC)
    a_little = timedelta(microseconds=1)
    assert cron.latest(noon - a_little) == noon - timedelta(days=1)
    assert cron.latest(noon + a_little) == cron.latest(noon) == cron.first(noon) == cron.first(noon - a_little) == noon
    assert cron.first(noon + a_little) == noon + timedelta(days=1)


@given(st.text(max_size=30) | st.lists(st.sampled_from([*"05*/-,LW#é", "MON", "JAN", "99", "\0"])).map("".join))
@example("9" * 5000 + " * * * *")
@example("0 0 30 2 *")
@example("0 0 * * 5L/2")
@example("* * * * * *")
def test_any_text_is_a_cron_expression_or_a_value_error(text: str) -> None:
    at = datetime(2024, 6, 1, tzinfo=UTC)
    for expression in (text, " ".join([text or "x"] * 5), f"0 0 {text} * *", f"0 0 * * {text}"):
        try:
            cron = Cron(expression)
        except ValueError:
            continue
        latest, first = cron.latest(at), cron.first(at)
        assert latest is not None or first is not None
        assert (latest or at) <= at <= (first or at)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "Europe", "/etc/localtime", "Europe/Berlin\0"])
def test_a_zone_that_is_none_is_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match="there is no time zone"):
        Cron("0 0 * * *", name)


def test_the_ends_of_the_calendar_are_not_the_end_of_the_world() -> None:
    cron = Cron("0 2 * * *", "Europe/Berlin")
    assert cron.latest(datetime.max.replace(tzinfo=UTC)) is not None
    assert cron.first(datetime.min.replace(tzinfo=UTC)) is not None
