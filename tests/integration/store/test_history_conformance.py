"""What every store does with days, hours and curves. Each test runs on every implementation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salus.model import Event, EventKind, Metric, Observation, Status
from salus.ports import Batch
from salus.ports.history import HistoryLedger
from salus.ports.store import Spent
from salus.store.codec import to_micros
from salus.store.memory import MemoryStore
from salus.store.sqlite import SqliteStore

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = to_micros(NOW) // 86_400_000_000


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HistoryLedger]:
    made: HistoryLedger = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "ledger.db")
    await made.open()
    yield made
    await made.close()


def spent(check: str, day: int = DAY, seconds: int = 1, status: Status = Status.HEALTHY, looks: int = 1) -> Spent:
    times = [seconds * 1_000_000 if status is one else 0 for one in Status]
    until = day * 86_400_000_000 + seconds * 1_000_000
    return Spent(day, check, times[0], times[1], times[2], times[3], looks, until, status.value)


def look(at: datetime, value: float | None = None, status: Status = Status.HEALTHY, took: float = 0.1) -> Observation:
    metrics = {} if value is None else {"free": Metric(value, "bytes")}
    return Observation(status=status, at=at, duration=took, metrics=metrics)


async def rolled(store: HistoryLedger) -> None:
    while await store.roll_up():
        pass


async def test_a_new_store_knows_no_past(store: HistoryLedger) -> None:
    assert list(await store.days(None, since=0)) == []
    assert list(await store.days(["web"], since=0)) == []
    assert list(await store.whole_days(since=0)) == []
    assert list(await store.last_days()) == []
    assert list(await store.changes(after=0)) == []
    assert await store.last_sign(to_micros(NOW)) is None
    assert await store.roll_up() is False
    assert list(await store.metrics("web", since=NOW)) == []
    for hours in (False, True):
        found = await store.points("web", "duration", since=NOW - HOUR, until=NOW, points=10, hours=hours)
        assert (found[0], list(found[1])) == ("", [])


async def test_time_is_added_to_the_row_of_its_check_and_day(store: HistoryLedger) -> None:
    await store.write(Batch(days=[spent("web", seconds=5), spent("db", seconds=2)]))
    await store.write(Batch(days=[spent("web", seconds=9, status=Status.UNHEALTHY, looks=3), spent("web", DAY + 1)]))
    await store.write(Batch(days=[spent("web", seconds=1, looks=0)]))  # older than what is told: its verdict counts not
    first, second = await store.days(["web"], since=DAY)
    assert (first.healthy, first.unhealthy, first.looks) == (6_000_000, 9_000_000, 4)
    assert (first.status, first.until) == ("unhealthy", DAY * 86_400_000_000 + 9_000_000)
    assert second.day == DAY + 1
    assert [(row.check, row.day - DAY) for row in await store.days(None, since=DAY)] == [
        ("db", 0), ("web", 0), ("web", 1)
    ]  # fmt: skip
    assert [row.day - DAY for row in await store.days(["web", "db", "none"], since=DAY + 1)] == [1]


async def test_the_days_of_all_checks_together_are_their_sums(store: HistoryLedger) -> None:
    await store.write(Batch(days=[spent("web", seconds=5), spent("db", seconds=2), spent("db", DAY + 1, looks=9)]))
    found = await store.whole_days(since=DAY)
    assert [(row.check, row.healthy, row.looks) for row in found] == [("", 7_000_000, 2), ("", 1_000_000, 9)]


async def test_the_newest_row_of_each_check_says_up_to_when_it_is_told(store: HistoryLedger) -> None:
    rows = [spent("web", DAY - 1), spent("web", DAY), spent("db", DAY - 1), spent("gone", DAY - 2)]
    await store.write(Batch(days=rows))
    assert sorted((row.check, row.day - DAY) for row in await store.last_days()) == [("db", -1), ("web", 0)]


async def test_changes_and_starts_come_oldest_first_and_in_pages(store: HistoryLedger) -> None:
    def event(number: int, kind: EventKind, check: str | None = None) -> Event:
        old, new = ("healthy", "unhealthy") if check else (None, None)
        return Event(id=number, at=NOW + number * MINUTE, kind=kind, check=check, old=old, new=new)

    changed, started = EventKind.STATUS_CHANGED, EventKind.AGENT_STARTED
    events = [event(1, started), event(2, changed, "web"), event(3, EventKind.PAUSED), event(4, changed, "db")]
    await store.write(Batch(events=[*events, event(5, changed, "web")]))
    minute = to_micros(NOW + MINUTE) - to_micros(NOW)
    at = to_micros(NOW)
    assert [row[0] for row in await store.changes(after=0)] == [1, 2, 4, 5]
    assert list(await store.changes(after=0, limit=2)) == [
        (1, at + minute, None, "", ""), (2, at + 2 * minute, "web", "healthy", "unhealthy")
    ]  # fmt: skip
    assert [row[0] for row in await store.changes(after=1, checks=["web", "x"])] == [2, 5]
    assert [row[0] for row in await store.changes(after=0, checks=["db"])] == [1, 4]
    assert [row[0] for row in await store.changes(after=5)] == []
    await store.write(Batch(observations=[("web", look(NOW + 9 * MINUTE))]))
    assert await store.last_sign(at + 5 * minute) == at + 4 * minute
    assert await store.last_sign(at + 99 * minute) == at + 9 * minute


async def test_a_curve_is_drawn_from_the_looks_in_at_most_so_many_points(store: HistoryLedger) -> None:
    looks = [look(NOW + number * MINUTE, float(number), took=number / 10) for number in range(60)]
    looks[7] = look(NOW + 7 * MINUTE, 7.0, Status.UNHEALTHY, 0.7)
    looks[8] = look(NOW + 8 * MINUTE, None, Status.UNKNOWN, 0.8)
    await store.write(Batch(observations=[("web", one) for one in looks]))
    unit, points = await store.points("web", "free", since=NOW, until=NOW + HOUR, points=6, hours=False)
    assert unit == "bytes"
    assert [(one.at, one.looks) for one in points[:2]] == [(NOW, 9), (NOW + 10 * MINUTE, 10)]
    assert len(points) == 6
    assert (points[0].low, points[0].mean, points[0].high) == (0.0, 37 / 9, 9.0)
    assert [one.status for one in points[:2]] == [Status.UNHEALTHY, Status.HEALTHY]
    assert [one.left for one in points[:2]] == [Status.HEALTHY, Status.HEALTHY]
    unit, points = await store.points("web", "duration", since=NOW, until=NOW + HOUR, points=1, hours=False)
    assert (unit, len(points), points[0].looks) == ("seconds", 1, 60)
    assert points[0].high == pytest.approx(5.9)
    for odd in ("nothing", "'; DROP TABLE hours", '"[0]', ""):
        assert not (await store.points("web", odd, since=NOW, until=NOW + HOUR, points=6, hours=False))[1]
        assert not (await store.points("web", odd, since=NOW, until=NOW + HOUR, points=6, hours=True))[1]


async def test_looks_come_into_their_hours_once_and_stay_there_when_they_are_gone(store: HistoryLedger) -> None:
    looks = [look(NOW + number * 6 * MINUTE, float(number)) for number in range(20)]
    looks[13] = look(looks[13].at, 13.0, Status.DEGRADED)
    await store.write(Batch(observations=[("web", one) for one in looks[:15]]))
    await rolled(store)
    await store.write(Batch(observations=[("web", one) for one in looks[15:]]))
    await rolled(store)
    await rolled(store)
    await store.prune(NOW + 2 * HOUR, events_before=NOW, observations_before=NOW + 3 * HOUR)
    unit, points = await store.points("web", "free", since=NOW, until=NOW + 5 * HOUR, points=300, hours=True)
    assert unit == "bytes"
    assert [(one.at, one.looks, one.low, one.mean, one.high) for one in points] == [
        (NOW, 10, 0.0, 4.5, 9.0), (NOW + HOUR, 10, 10.0, 14.5, 19.0)
    ]  # fmt: skip
    assert [one.status for one in points] == [Status.HEALTHY, Status.DEGRADED]
    assert [one.left for one in points] == [None, None]  # hours keep the worst only
    _, whole = await store.points("web", "free", since=NOW - HOUR, until=NOW + 9 * HOUR, points=1, hours=True)
    assert [(one.at, one.looks, one.mean) for one in whole] == [(NOW, 20, 9.5)]
    assert list(await store.metrics("web", since=NOW)) == ["duration", "free"]


async def test_many_looks_come_into_their_hours_in_bounded_steps(store: HistoryLedger) -> None:
    many = [(f"c{number % 50}", look(NOW + number * timedelta(seconds=1), 1.0)) for number in range(2500)]
    await store.write(Batch(observations=many))
    steps = 1
    while await store.roll_up():
        steps += 1
    assert steps == 10
    _, points = await store.points("c7", "free", since=NOW, until=NOW + HOUR, points=10, hours=True)
    assert sum(one.looks for one in points) == 50


async def test_an_hour_takes_sixteen_numbers_of_a_check_and_goes_on_with_those(store: HistoryLedger) -> None:
    def seeing(number: int, names: range) -> tuple[str, Observation]:
        metrics = {f"n{name:02}": Metric(1.0) for name in names}
        return "web", Observation(status=Status.HEALTHY, at=NOW + number * MINUTE, metrics=metrics)

    await store.write(Batch(observations=[seeing(0, range(10)), ("db", look(NOW, 1.0))]))
    await rolled(store)
    await store.write(Batch(observations=[seeing(1, range(40)), seeing(2, range(5))]))
    await rolled(store)
    await store.prune(NOW, events_before=NOW, observations_before=NOW + HOUR)
    names = await store.metrics("web", since=NOW)
    assert list(names) == ["duration", *(f"n{number:02}" for number in range(15))]
    _, points = await store.points("web", "n03", since=NOW, until=NOW + HOUR, points=1, hours=True)
    assert points[0].looks == 3
    assert list(await store.metrics("db", since=NOW)) == ["duration", "free"]


async def test_odd_numbers_and_long_names_are_left_out_of_curves(store: HistoryLedger) -> None:
    odd = {"nan": Metric(float("nan")), "inf": Metric(float("inf")), "x" * 300: Metric(1.0), "<b>'\"": Metric(2.0)}
    seen = Observation(status=Status.HEALTHY, at=NOW, metrics=odd)
    await store.write(Batch(observations=[("web", seen)]))
    await rolled(store)
    for hours in (False, True):
        _, points = await store.points("web", "<b>'\"", since=NOW, until=NOW + HOUR, points=5, hours=hours)
        assert [one.mean for one in points] == [2.0]
        assert not (await store.points("web", "inf", since=NOW, until=NOW + HOUR, points=5, hours=hours))[1]
    await store.prune(NOW, events_before=NOW, observations_before=NOW + HOUR)
    assert list(await store.metrics("web", since=NOW)) == ["<b>'\"", "duration"]


async def test_old_days_and_hours_are_forgotten(store: HistoryLedger) -> None:
    await store.write(Batch(days=[spent("web", DAY - number) for number in range(10)]))
    await store.write(Batch(observations=[("web", look(NOW - number * 24 * HOUR)) for number in range(40)]))
    await rolled(store)
    keep = {"events_before": NOW - 90 * 24 * HOUR, "observations_before": NOW - 90 * 24 * HOUR}
    assert await store.prune(NOW, **keep) == 8  # hours are kept for a month
    assert await store.prune(NOW, **keep, days_before=NOW - 3 * 24 * HOUR) == 6 + 28
    assert [row.day - DAY for row in await store.days(None, since=0)] == [-3, -2, -1, 0]


@given(
    looks=st.lists(
        st.tuples(st.integers(0, 7200), st.floats(-1e6, 1e6), st.sampled_from(list(Status))),
        max_size=30,
        unique_by=lambda one: one[0],
    ),
    points=st.integers(1, 50),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_both_stores_draw_the_same_curve(
    tmp_path_factory: pytest.TempPathFactory, looks: list[tuple[int, float, Status]], points: int
) -> None:
    seen = [("web", look(NOW + timedelta(seconds=second), value, status)) for second, value, status in sorted(looks)]
    stores: list[HistoryLedger] = [MemoryStore(), SqliteStore(tmp_path_factory.mktemp("curve") / "ledger.db")]
    drawn = []
    for store in stores:
        await store.open()
        await store.write(Batch(observations=seen))
        await rolled(store)
        both = [
            await store.points("web", "free", since=NOW, until=NOW + 2 * HOUR, points=points, hours=hours)
            for hours in (False, True)
        ]
        drawn.append(both)
        await store.close()
    for (unit, one), (other_unit, other) in zip(*drawn, strict=True):
        assert unit == other_unit
        assert [(p.at, p.looks, p.low, p.high, p.status) for p in one] == [
            (p.at, p.looks, p.low, p.high, p.status) for p in other
        ]
        assert [p.mean for p in one] == pytest.approx([p.mean for p in other], abs=1e-6)
