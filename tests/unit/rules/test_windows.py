"""Maintenance windows across every change of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salus.cron import Cron
from salus.model import Maintenance, MaintenanceSpec, Selector
from salus.rules.windows import next_window, open_window

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "UTC"]
YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def window(cron: str, duration: float, zone: str = "Europe/Berlin", name: str = "nightly") -> MaintenanceSpec:
    return MaintenanceSpec(
        name=name, cron=cron, duration=duration, time_zone=zone, members=Selector(tags=("web",)), description="backup"
    )


def span(found: Maintenance | None) -> tuple[str, str] | None:
    return (f"{found.since:%m-%d %H:%M}", f"{found.until:%m-%d %H:%M}") if found else None


def test_it_is_open_from_its_first_instant_until_before_its_last() -> None:
    spec = window("0 2 * * *", 3600, "UTC")
    opens, a_little = datetime(2024, 6, 1, 2, tzinfo=UTC), timedelta(microseconds=1)
    assert open_window(spec, opens - a_little) is None
    assert open_window(spec, opens) == Maintenance(
        id="nightly", since=opens, until=opens + HOUR, members=Selector(tags=("web",)), reason="backup"
    )
    assert open_window(spec, opens + HOUR - a_little) == open_window(spec, opens)
    assert open_window(spec, opens + HOUR) is None


@pytest.mark.parametrize(
    "cron, at, expected",
    [
        ("30 2 * * *", "2024-03-31 01:10", ("03-31 01:00", "03-31 02:00")),  # 02:30 is skipped: at 03:00
        ("30 2 * * *", "2024-10-27 00:45", ("10-27 00:30", "10-27 01:30")),  # the first 02:30 ...
        ("30 2 * * *", "2024-10-27 01:45", None),  # ... and not the second
        ("30 */2 * * *", "2024-10-27 01:45", ("10-27 00:30", "10-27 02:30")),  # both, and they touch
    ],
)
def test_the_odd_hours_are_those_of_cron(cron: str, at: str, expected: tuple[str, str] | None) -> None:
    assert span(open_window(window(cron, 3600), datetime.fromisoformat(at).replace(tzinfo=UTC))) == expected


@settings(max_examples=20)  # each walks through a year
@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.integers(1, 22 * 3600),
    st.sampled_from(ZONES),
)
@example(30, 2, 3600, "Europe/Berlin")
@example(0, 0, 22 * 3600, "America/Santiago")
def test_a_daily_window_is_open_for_its_duration_once_a_day_also_on_the_two_odd_days(
    minute: int, hour: int, duration: int, zone: str
) -> None:
    spec, now = window(f"{minute} {hour} * * *", duration, zone), YEAR
    opened: list[datetime] = []
    while found := next_window(spec, now):
        if found.since >= YEAR + timedelta(days=366):
            break
        assert found.until - found.since == timedelta(seconds=duration)
        assert open_window(spec, found.since) == open_window(spec, found.until - timedelta(seconds=0.5)) == found
        assert open_window(spec, found.since - timedelta(seconds=0.5)) is None
        assert open_window(spec, found.until) is None
        opened.append(found.since)
        now = found.since
    days = [opening.astimezone(ZoneInfo(zone)).date() for opening in opened]
    assert len(days) >= 365
    assert all(later - earlier == DAY for earlier, later in pairwise(days))


crons = st.builds(
    "{} {} {} * {}".format,
    st.sampled_from(["0", "30", "*/15", "5,50", "*"]),
    st.sampled_from(["*", "*/3", "2", "0-5", "2,3", "23"]),
    st.sampled_from(["*", "*/2", "1-10"]),
    st.sampled_from(["*", "1-5", "SUN"]),
)
durations = st.sampled_from([30, 60, 600, 900, 3600, 7200, 5 * 3600, 86400, 3 * 86400])
moments = st.integers(0, 366 * 86400).map(lambda seconds: YEAR + timedelta(seconds=seconds))


@given(crons, durations, st.sampled_from(ZONES), moments)
def test_it_is_open_exactly_while_its_cron_came_round_less_than_its_duration_ago(
    cron: str, duration: int, zone: str, now: datetime
) -> None:
    found = open_window(window(cron, duration, zone), now)
    latest = Cron(cron, zone).latest(now)
    assert (found is not None) == (latest is not None and now < latest + timedelta(seconds=duration))
    if found:
        assert found.since <= now < found.until


@settings(max_examples=40)
@given(crons, durations, st.sampled_from(ZONES), moments)
def test_what_overlaps_or_touches_is_one_window(cron: str, duration: int, zone: str, now: datetime) -> None:
    spec, length = window(cron, duration, zone), timedelta(seconds=duration)
    coming = next_window(spec, now)
    if coming is None:
        return
    times = Cron(cron, zone)
    before = times.latest(coming.since - timedelta(microseconds=1))
    assert before is None or before + length < coming.since
    assert coming.since > now
    last = times.latest(coming.until)
    assert last is not None
    if coming.until - coming.since < DAY:  # a longer one may be told in pieces
        assert last + length == coming.until


@given(crons, durations, st.sampled_from(ZONES), st.lists(moments, min_size=2, max_size=6), st.integers(0, 7200))
def test_the_answer_depends_on_the_moment_alone(
    cron: str, duration: int, zone: str, asked: list[datetime], then: int
) -> None:
    asked += [moment + timedelta(seconds=then) for moment in asked]
    known = window(cron, duration, zone)
    for count, moment in enumerate(asked):
        fresh = window(cron, duration, zone, name=f"unasked-{count}")
        assert span(open_window(known, moment)) == span(open_window(fresh, moment))


@pytest.mark.parametrize(
    "cron, duration", [("* * * * *", 60), ("0 * * * *", 3600), ("0 0 * * *", 26 * 3600), ("0 3 1 * *", 40 * 86400)]
)
def test_a_window_longer_than_its_period_is_always_open(cron: str, duration: float) -> None:
    spec = window(cron, duration)
    for hours in range(0, 366 * 24, 433):
        now = YEAR + timedelta(hours=hours, seconds=hours % 60)
        found = open_window(spec, now)
        assert found is not None
        assert found.since <= now < found.until
    assert next_window(spec, YEAR) is None


def test_a_window_that_comes_in_years_is_found() -> None:
    spec = window("0 0 29 2 *", 3600, "UTC")
    assert open_window(spec, YEAR) is None
    assert span(next_window(spec, datetime(2024, 3, 1, tzinfo=UTC))) == ("02-29 00:00", "02-29 01:00")


def test_time_may_run_backwards() -> None:
    spec = window("0 2 * * *", 3600, "UTC")
    opens = datetime(2024, 6, 1, 2, tzinfo=UTC)
    assert [bool(open_window(spec, opens + hours * HOUR)) for hours in (0, 1, 0, -1, 0, 24, 23)] == [
        True, False, True, False, True, True, False,
    ]  # fmt: skip
