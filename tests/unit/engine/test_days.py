"""How long checks were how: counted while looks come in, made up after a kill, and exact in both cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.engine.chronicle import EVERY, MADE_UP, Chronicle
from salus.engine.days import DAY, DayBook, micros
from salus.engine.history import EngineHistory
from salus.engine.past import EnginePast
from salus.engine.tally import Tally
from salus.errors import StoreUnwritableError
from salus.model import CheckState, Event, EventKind, Memo, Status
from salus.model.history import Day
from salus.ports import Batch
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import EPOCH, VirtualClock, following, statuses, virtual_time
from tests.unit.engine.world import World

LONG_AGO = date(2020, 1, 1)
H, S = 3600.0, 1.0


class FailingStore(MemoryStore):
    """Cannot be written while ``full``."""

    full = False

    async def write(self, batch: Batch) -> None:
        if self.full:
            raise StoreUnwritableError("no space left on the disk")
        await super().write(batch)


class Life:
    """One life of a Salus over a store: what was remembered is loaded, and it may be killed."""

    def __init__(self, clock: VirtualClock, store: MemoryStore) -> None:
        self.world = World(clock, store)
        self.store = store
        self.clock = clock
        engine = self.world.engine
        self.tally = engine.tally = Tally(lambda: engine.units, engine.now)
        self.chronicle = Chronicle(store, self.tally, lambda: engine.units, clock)
        past = EnginePast(self.world.recorder, store)
        self.history = EngineHistory(past, self.chronicle, lambda: engine.units, clock)

    async def start(self) -> None:
        world = self.world
        await self.store.open()
        snapshot = await self.store.load(self.clock.now())
        for name, unit in world.units.items():
            if old := snapshot.check_states.get(name):
                unit.state = CheckState(status=old.status, since=old.since, last=old.last)
        world.bus.resume_after(snapshot.last_event_id)
        world.bus.tell(EventKind.AGENT_STARTED)
        world.engine.replace_units(world.units)
        world.engine.start()
        self.recording = begin(world.recorder.run())
        self.writing = begin(self.chronicle.run(snapshot.check_states, snapshot.memos))

    async def kill(self) -> None:
        await self.world.recorder.commit()  # what happened in the last moment is written within 0.2 s
        self.writing.cancel()
        self.recording.cancel()
        await self.world.engine.stop(1.0)

    async def stop(self) -> None:
        await self.world.engine.stop(1.0)
        self.world.bus.tell(EventKind.AGENT_STOPPED)
        await self.chronicle.flush()
        await self.world.recorder.stop()
        self.writing.cancel()
        self.recording.cancel()

    async def days(self, check: str = "web") -> Sequence[Day]:
        return (await self.history.days([check], since=LONG_AGO)).get(check, ())


def times(day: Day) -> tuple[float, float, float, float]:
    return tuple(round(one, 3) for one in (day.healthy, day.degraded, day.unhealthy, day.unknown))  # type: ignore[return-value] # four


# ── sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    spans=st.lists(st.tuples(st.sampled_from(list(Status)), st.integers(0, 3 * DAY)), max_size=12),
    begins=st.integers(0, DAY),
    gap=st.tuples(st.integers(0, 4 * DAY), st.integers(0, DAY)),
)
def test_every_microsecond_is_counted_once_and_on_its_day(
    spans: list[tuple[Status, int]], begins: int, gap: tuple[int, int]
) -> None:
    book, at = DayBook(), begins
    gaps = [(gap[0], gap[0] + gap[1])]
    for status, length in spans:
        book.charge("web", status, at, at + length, gaps)
        at += length
    rows = book.take()
    skipped = sum(DAY for day in range(begins // DAY, at // DAY + 1) if gaps[0] == (day * DAY, (day + 1) * DAY))
    inside = skipped if begins <= gaps[0][0] and gaps[0][1] <= at else 0
    assert sum(sum(row[2:6]) for row in rows) == at - begins - inside
    assert all(sum(row[2:6]) <= DAY for row in rows)
    assert len({row.day for row in rows}) == len(rows)
    silence = max(0, min(at, gaps[0][1]) - max(begins, gaps[0][0])) - inside
    assert sum(row.unknown for row in rows) >= silence
    assert len(book) == 0


def test_a_day_on_which_nobody_looked_at_all_gets_no_row() -> None:
    book = DayBook()
    book.charge("web", Status.HEALTHY, 0, 4 * DAY, [(DAY, 3 * DAY)])
    assert [row.day for row in book.rows()] == [0, 3]


# ── while it runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_seconds_of_each_status_are_counted_to_the_microsecond_over_midnight() -> None:
    async def scenario(life: Life) -> None:
        script = statuses((Status.HEALTHY, 100), (Status.UNHEALTHY, 20), (Status.DEGRADED, 5), (Status.HEALTHY, 10**6))
        life.world.check("web", following(script), interval=10)
        await life.start()
        await life.clock.sleep(30 * H)
        first, second = await life.days()
        assert (first.date, second.date) == (EPOCH.date(), EPOCH.date() + timedelta(days=1))
        began = (life.world.log.of(EventKind.STATUS_CHANGED)[0].at - EPOCH).total_seconds()
        healthy, degraded, unhealthy, unknown = times(first)
        assert healthy + degraded + unhealthy + unknown == pytest.approx(86_400 - began, abs=1e-3)
        assert (degraded, unknown) == (50.0, 0.0)
        assert unhealthy == pytest.approx(200.0, abs=10)
        assert times(second) == (6 * H, 0.0, 0.0, 0.0)
        assert first.looks + second.looks == life.world.units["web"].state.consecutive_successes + 125
        rows = await life.store.days(["web"], since=0)
        assert 0 < micros(life.clock.now()) - rows[-1].until <= EVERY * 1_000_000
        await life.stop()
        assert times((await life.days())[1]) == times(second)

    with virtual_time() as (runner, clock):
        runner.run(scenario(Life(clock, MemoryStore())))


def test_a_kill_loses_no_second_and_the_time_without_a_salus_is_unknown() -> None:
    async def scenario(clock: VirtualClock, store: MemoryStore) -> None:
        life = Life(clock, store)
        life.world.check("web", following(statuses((Status.HEALTHY, 200), (Status.UNHEALTHY, 10**6))), interval=10)
        life.world.check("calm", Status.HEALTHY, interval=10)
        await life.start()
        await clock.sleep(20 * H + 2137)  # far from the last batch
        turned = life.world.log.of(EventKind.STATUS_CHANGED)[-1]
        before = {name: await life.days(name) for name in ("web", "calm")}
        await life.kill()
        killed = clock.now()
        await clock.sleep(3 * 24 * H)
        life = Life(clock, store)
        life.world.check("web", Status.UNHEALTHY, interval=10)
        life.world.check("calm", Status.HEALTHY, interval=10)
        await life.start()
        await clock.sleep(H)
        for name in ("web", "calm"):
            first, *between, last = await life.days(name)
            known, lost = times(before[name][0]), times(first)
            assert lost[:3] == pytest.approx(known[:3], abs=60)  # the looks of the last minute may not be kept
            assert sum(lost) == pytest.approx(sum(known) + (EPOCH + timedelta(days=1) - killed).total_seconds())
            assert [times(day) for day in between] == [(0, 0, 0, 86_400.0)] * 2
            assert last.unknown == pytest.approx(20 * H + 2137, abs=10)
            assert last.judged == pytest.approx(H, abs=10)
        assert turned.new == "unhealthy"
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(clock, MemoryStore()))


def test_changes_after_the_last_batch_are_made_up_exactly_from_the_events() -> None:
    async def scenario(clock: VirtualClock, store: MemoryStore) -> None:
        life = Life(clock, store)
        script = following(statuses((Status.HEALTHY, 35), (Status.UNHEALTHY, 5), (Status.HEALTHY, 10**6)))
        life.world.check("web", script, interval=10)
        await life.start()
        await clock.sleep(310)
        assert len(await store.days(["web"], since=0)) == 1
        await clock.sleep(200)
        (before,) = await life.days()
        await life.kill()
        life = Life(clock, store)
        life.world.check("web", Status.HEALTHY, interval=10)
        await life.start()
        await clock.sleep(1)
        (after,) = await store.days(["web"], since=0)
        assert before.unhealthy > 10
        assert after.unhealthy / 1e6 == pytest.approx(before.unhealthy, abs=1e-3)
        assert (after.healthy + after.unknown) / 1e6 == pytest.approx(before.healthy, abs=2)
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(clock, MemoryStore()))


def test_a_ledger_that_fails_for_a_while_loses_no_second() -> None:
    async def scenario(life: Life, store: FailingStore) -> None:
        life.world.check("web", following(statuses((Status.HEALTHY, 50), (Status.UNHEALTHY, 10**6))), interval=10)
        await life.start()
        await life.clock.sleep(400)
        store.full = True
        await life.clock.sleep(5 * H)
        (during,) = await life.days()
        store.full = False
        await life.clock.sleep(2 * EVERY)
        (after,) = await life.days()
        assert after.unhealthy == pytest.approx(during.unhealthy + 2 * EVERY)
        assert after.healthy == during.healthy
        await life.stop()
        (row,) = await store.days(["web"], since=0)
        assert row.unhealthy / 1e6 == pytest.approx(after.unhealthy, abs=2)

    with virtual_time() as (runner, clock):
        store = FailingStore()
        runner.run(scenario(Life(clock, store), store))


def test_a_clock_that_is_set_and_a_machine_that_sleeps_are_no_time_of_a_check() -> None:
    async def scenario(life: Life) -> None:
        life.world.check("web", Status.HEALTHY, interval=10)
        await life.start()
        await life.clock.sleep(600)
        life.clock.set_wall(timedelta(hours=2))
        await life.clock.sleep(600)
        assert sum(day.judged for day in await life.days()) == pytest.approx(1200, abs=20)
        life.clock.suspend(1000)
        life.tally.slept(1000)
        await life.clock.sleep(600)
        days = await life.days()
        assert sum(day.judged for day in days) == pytest.approx(1800, abs=20)
        assert sum(day.unknown for day in days) == pytest.approx(1000, abs=20)
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(Life(clock, MemoryStore())))


def test_a_check_that_leaves_the_config_and_one_that_comes_are_counted_while_they_are_there() -> None:
    async def scenario(life: Life) -> None:
        life.world.check("web", Status.HEALTHY, interval=10)
        await life.start()
        await life.clock.sleep(1000)
        units = life.world.units
        life.world.check("db", Status.HEALTHY, interval=10)
        gone = units.pop("web")
        life.world.engine.replace_units(units)
        assert gone.looks == 0
        await life.clock.sleep(1000)
        await life.chronicle.flush()
        (web,), (db,) = await life.store.days(["web"], since=0), await life.store.days(["db"], since=0)
        assert web.healthy / 1e6 == pytest.approx(1000, abs=10)
        assert db.healthy / 1e6 == pytest.approx(1000, abs=10)
        assert 95 < web.looks < 105
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(Life(clock, MemoryStore())))


def test_the_time_before_a_pause_keeps_its_verdict_and_the_pause_itself_is_unknown() -> None:
    async def scenario(life: Life) -> None:
        life.world.check("web", Status.UNHEALTHY, interval=10)
        await life.start()
        await life.clock.sleep(130)
        (before,) = await life.days()
        asides = life.world.engine.asides
        asides.pause(life.world.units["web"], None, reason="", by="olaf")
        (at_once,) = await life.days()
        assert times(at_once) == times(before)
        await life.clock.sleep(50)
        asides.resume("web", "over")
        await life.clock.sleep(20)
        (after,) = await life.days()
        assert after.unhealthy == pytest.approx(before.unhealthy + 20, abs=1)
        assert after.unknown == pytest.approx(50, abs=1)
        await life.stop()
        lately = await life.history.lately(["web"], since=EPOCH)
        assert lately["web"].unhealthy == pytest.approx(after.unhealthy, abs=1)

    with virtual_time() as (runner, clock):
        runner.run(scenario(Life(clock, MemoryStore())))


# ── older ledgers ─────────────────────────────────────────────────────────────────────────────────────────────────────


def at(days: float) -> datetime:
    return datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=days)


def change(when: datetime, check: str, old: Status, new: Status) -> Event:
    return Event(id=micros(when), at=when, kind=EventKind.STATUS_CHANGED, check=check, old=old.value, new=new.value)


def told(when: datetime, kind: EventKind) -> Event:
    return Event(id=micros(when), at=when, kind=kind)


async def made_up(events: Sequence[Event], states: Mapping[str, CheckState], now: datetime) -> MemoryStore:
    from salus.engine.makeup import make_up

    store = MemoryStore()
    await store.open()
    await store.write(Batch(events=events))
    await make_up(store, states, micros(now))
    return store


async def hours_of(store: MemoryStore, check: str) -> list[tuple[float, ...]]:
    rows = await store.days([check], since=0)
    return [tuple(round(part / 3.6e9, 6) for part in row[2:6]) for row in rows]


async def test_the_days_of_an_older_ledger_are_made_up_from_its_events() -> None:
    events = [
        told(at(0.0), EventKind.AGENT_STARTED),
        change(at(0.25), "web", Status.UNKNOWN, Status.HEALTHY),
        change(at(1.5), "web", Status.HEALTHY, Status.UNHEALTHY),
        change(at(1.75), "web", Status.UNHEALTHY, Status.HEALTHY),
        change(at(0.5), "gone", Status.UNKNOWN, Status.HEALTHY),
        change(at(1.0), "gone", Status.HEALTHY, Status.UNHEALTHY),
        told(at(2.0), EventKind.PAUSED),  # the last sign before a kill
        told(at(2.5), EventKind.AGENT_STARTED),
    ]
    states = {
        "web": CheckState(status=Status.HEALTHY, since=at(1.75)),
        "calm": CheckState(status=Status.HEALTHY, since=at(-50)),
    }
    store = await made_up(sorted(events, key=lambda event: event.id), states, at(3.5))
    # Nothing was heard after 2.5, so nobody looked up to 3.5; a day of which nothing is known needs no row.
    assert await hours_of(store, "web") == [
        (18.0, 0.0, 0.0, 0.0), (18.0, 0.0, 6.0, 0.0), (0.0, 0.0, 0.0, 12.0)
    ]  # fmt: skip
    assert await hours_of(store, "calm") == [
        (24.0, 0.0, 0.0, 0.0), (24.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 12.0)
    ]  # fmt: skip
    assert await hours_of(store, "gone") == [(12.0, 0.0, 0.0, 0.0)]  # nothing tells how it went on
    (last,) = [row for row in await store.last_days() if row.check == "web"]
    assert (last.until, last.status) == (micros(at(3.5)), "healthy")


async def test_what_is_made_up_once_is_not_made_up_again() -> None:
    events = [
        told(at(0.0), EventKind.AGENT_STARTED),
        change(at(0.25), "web", Status.UNKNOWN, Status.HEALTHY),
        told(at(0.75), EventKind.AGENT_STOPPED),
    ]
    states = {"web": CheckState(status=Status.HEALTHY, since=at(0.25))}
    store = await made_up(events, states, at(1.0))
    before = await hours_of(store, "web")
    from salus.engine.makeup import make_up

    await make_up(store, states, micros(at(1.0)))
    assert await hours_of(store, "web") == before == [(12.0, 0.0, 0.0, 6.0)]


def test_an_attempt_that_was_cut_off_is_begun_again() -> None:
    async def scenario(clock: VirtualClock, store: MemoryStore) -> None:
        await store.open()
        start = EPOCH - timedelta(days=2)
        events = [
            told(start, EventKind.AGENT_STARTED),
            change(start + timedelta(microseconds=1), "web", Status.UNKNOWN, Status.HEALTHY),
        ]
        states = {"web": CheckState(status=Status.HEALTHY, since=start)}
        await store.write(Batch(events=[*events, told(EPOCH - timedelta(hours=1), EventKind.PAUSED)]))
        await store.write(Batch(check_states=states))
        book = DayBook()
        book.charge("web", Status.DEGRADED, micros(start), micros(start) + DAY)
        await store.write(Batch(days=book.take()))
        life = Life(clock, store)
        life.world.check("web", Status.HEALTHY, interval=10)
        await life.start()
        await clock.sleep(1)
        first, second, *_ = await life.days()
        assert times(first) == (86_400.0, 0.0, 0.0, 0.0)
        assert times(second) == (23 * H, 0.0, 0.0, H)
        assert MADE_UP in (await store.load(clock.now())).memos
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(clock, MemoryStore()))


def test_years_of_nobody_looking_are_filled_in_when_they_are_read_and_need_no_rows() -> None:
    async def scenario(clock: VirtualClock, store: MemoryStore) -> None:
        await store.open()
        book = DayBook()
        start = micros(EPOCH) - 300 * DAY
        book.charge("web", Status.HEALTHY, start, start + DAY // 2)
        states = {"web": CheckState(status=Status.HEALTHY, since=EPOCH - timedelta(days=300))}
        await store.write(Batch(days=book.take(), check_states=states, memos=[Memo(key=MADE_UP, value={})]))
        life = Life(clock, store)
        life.world.check("web", Status.HEALTHY, interval=10)
        await life.start()
        await clock.sleep(60)
        assert len(await store.days(["web"], since=0)) == 1
        days = await life.days()
        assert len(days) == 301
        assert times(days[0]) == (43_200.0, 0.0, 0.0, 43_200.0)
        assert times(days[100]) == (0.0, 0.0, 0.0, 86_400.0)
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(clock, MemoryStore()))


# ── what surfaces read ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_day_is_told_to_the_second_and_all_checks_together_are_their_sum() -> None:
    async def scenario(life: Life) -> None:
        script = statuses((Status.HEALTHY, 360 * 8), (Status.UNHEALTHY, 100), (Status.HEALTHY, 10**6))
        life.world.check("web", following(script), interval=10)
        life.world.check("calm", Status.HEALTHY, interval=10)
        await life.start()
        await life.clock.sleep(40 * H)
        since = life.clock.now() - timedelta(days=1)
        lately = await life.history.lately(["web", "none"], since=since)
        assert list(lately) == ["web"]
        assert lately["web"].unhealthy == 0.0
        assert lately["web"].healthy == pytest.approx(24 * H)
        since = life.clock.now() - timedelta(hours=32, seconds=-100)
        lately = await life.history.lately(since=since)
        assert set(lately) == {"web", "calm"}
        assert lately["web"].unhealthy == pytest.approx(1000 - 100, abs=15)
        assert lately["calm"].availability == 1.0
        whole = await life.history.whole(since=LONG_AGO)
        each = [await life.days("web"), await life.days("calm")]
        assert [day.healthy for day in whole] == [
            pytest.approx(a.healthy + b.healthy) for a, b in zip(*each, strict=True)
        ]
        assert [day.looks for day in whole] == [a.looks + b.looks for a, b in zip(*each, strict=True)]
        assert await life.history.days(since=LONG_AGO) == {"web": each[0], "calm": each[1]}
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(Life(clock, MemoryStore())))


def test_long_curves_come_from_hours_and_short_ones_from_looks() -> None:
    async def scenario(clock: VirtualClock) -> None:
        life = Life(clock, MemoryStore(observations=60))
        life.world.check("web", Status.HEALTHY, interval=60)
        await life.start()
        await clock.sleep(5 * 24 * H)
        now = clock.now()
        day = await life.history.series("web", "duration", since=now - timedelta(hours=1), until=now, points=30)
        assert len(day.points) == 30
        week = await life.history.series("web", "duration", since=now - timedelta(days=7), until=now, points=70)
        assert len(week.points) > 45
        assert sum(point.looks for point in week.points) > 7000
        gone = await life.history.series(
            "web", "duration", since=now - timedelta(hours=50), until=now - timedelta(hours=40)
        )
        assert len(gone.points) == 10
        assert list(await life.history.metrics("web", since=now - timedelta(days=7))) == ["duration"]
        await life.stop()

    with virtual_time() as (runner, clock):
        runner.run(scenario(clock))
