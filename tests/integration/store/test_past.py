"""A stretch of the past: what every look said and who watched, as of one moment, while somebody else may be writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Event, EventKind, Metric, Observation, RecoveryRecord, Status
from salus.ports import Batch
from salus.store.past import Life, Past, PastQuery, Silence
from salus.store.sqlite import SqliteStore, read_bounds, read_past

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD, BAD = Status.HEALTHY, Status.UNHEALTHY


def look(minute: float, status: Status = GOOD, **facts: float | str) -> Observation:
    metrics = {"size": Metric(facts.pop("size"))} if "size" in facts else {}  # type: ignore[arg-type]
    return Observation(status=status, at=NOW + minute * MINUTE, metrics=metrics, **facts)  # type: ignore[arg-type]


def event(minute: float, kind: EventKind, **about: str) -> Event:
    at = NOW + minute * MINUTE
    return Event(id=int(at.timestamp() * 1_000_000), at=at, kind=kind, **about)  # type: ignore[arg-type]


def recovery(minute: float) -> RecoveryRecord:
    at = NOW + minute * MINUTE
    return RecoveryRecord(id=f"r{minute}", rule="web", check="web", decided_at=at, started_at=at, evidence={"rss": 1})


async def write(
    path: Path,
    looks: Iterable[tuple[str, Observation]] = (),
    events: Iterable[Event] = (),
    recoveries: Iterable[RecoveryRecord] = (),
) -> Path:
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(observations=list(looks), events=list(events), recoveries=list(recoveries)))
    await store.close()
    return path


def read(path: Path, **query: object) -> Past:
    past = read_past(path, PastQuery(**query))  # type: ignore[arg-type]
    assert past is not None
    return past


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_only_looks_that_say_something_else_are_told_with_the_last_one_that_said_the_same(path: Path) -> None:
    said = [GOOD, GOOD, BAD, BAD, BAD, GOOD]
    await write(path, [("web", look(minute, status)) for minute, status in enumerate(said)])
    stretches = read(path).stretches["web"]
    assert [(one.look.at, one.look.status, one.last) for one in stretches] == [
        (NOW, GOOD, NOW + MINUTE),
        (NOW + 2 * MINUTE, BAD, NOW + 4 * MINUTE),
        (NOW + 5 * MINUTE, GOOD, NOW + 5 * MINUTE),
    ]


async def test_another_cause_and_another_copy_say_something_else_and_another_message_does_not(path: Path) -> None:
    looks = [
        look(0, BAD, message="a", cause="dns"),
        look(1, BAD, message="b", cause="dns"),
        look(2, BAD, cause="timeout"),
        look(3, BAD, cause="timeout", incarnation="42"),
    ]
    await write(path, [("web", one) for one in looks])
    assert [one.look.at for one in read(path).stretches["web"]] == [NOW, NOW + 2 * MINUTE, NOW + 3 * MINUTE]


async def test_metrics_count_only_for_checks_that_are_measured(path: Path) -> None:
    looks = [("web", look(minute, size=minute)) for minute in range(4)]
    await write(path, [*looks, *(("db", one) for _, one in looks)])
    found = read(path, measured=["db"]).stretches
    assert [len(found[name]) for name in ("db", "web")] == [4, 1]
    assert [one.look.metrics["size"].value for one in found["db"]] == [0.0, 1.0, 2.0, 3.0]


async def test_looks_of_many_checks_are_kept_apart(path: Path) -> None:
    said = {"a": [GOOD, BAD, GOOD], "b": [BAD, BAD, BAD], "c": [GOOD, GOOD, BAD]}
    looks = [(name, look(minute, row[minute])) for minute in range(3) for name, row in said.items()]
    await write(path, looks)
    assert {name: len(found) for name, found in read(path).stretches.items()} == {"a": 3, "b": 1, "c": 2}


async def test_looks_that_are_far_apart_leave_a_silence(path: Path) -> None:
    await write(path, [("web", look(minute)) for minute in (0, 2, 12)] + [("web", look(30, BAD))])
    first, second = read(path).stretches["web"]
    assert first.silences == (
        Silence(NOW + 2 * MINUTE, NOW + 12 * MINUTE),
        Silence(NOW + 12 * MINUTE, NOW + 30 * MINUTE),
    )
    assert second.silences == ()


async def test_a_life_ends_with_the_stop_of_salus_or_with_its_last_row(path: Path) -> None:
    events = [
        event(0, EventKind.AGENT_STARTED),
        event(10, EventKind.AGENT_STOPPED),
        event(11, EventKind.SERVICE_STOPPED, service="web"),  # services are stopped after it
        event(20, EventKind.AGENT_STARTED),
        event(50, EventKind.AGENT_STARTED),  # the one before was killed
    ]
    await write(path, [("web", look(minute)) for minute in (1, 21, 33, 51)], events)
    past = read(path)
    assert past.agent
    assert past.lives == (
        Life(NOW, NOW + 10 * MINUTE),
        Life(NOW + 20 * MINUTE, NOW + 33 * MINUTE),
        Life(NOW + 50 * MINUTE, NOW + 51 * MINUTE),
    )


async def test_no_stretch_goes_on_where_a_salus_began_to_watch(path: Path) -> None:
    events = [event(0, EventKind.AGENT_STARTED), event(10, EventKind.AGENT_STARTED)]
    await write(path, [("web", look(minute)) for minute in (1, 2, 10.1, 11)], events)
    assert [one.look.at for one in read(path).stretches["web"]] == [NOW + MINUTE, NOW + 10.1 * MINUTE]


async def test_a_ledger_in_which_no_salus_said_that_it_began_is_one_life(path: Path) -> None:
    await write(path, [("web", look(1)), ("web", look(90))])
    past = read(path)
    assert not past.agent
    assert past.lives == (Life(NOW + MINUTE, NOW + 90 * MINUTE),)


async def test_what_was_last_said_before_the_stretch_is_told_too(path: Path) -> None:
    events = [
        event(1, EventKind.PAUSED),
        event(2, EventKind.STATUS_CHANGED, check="web", new="unhealthy"),
        event(3, EventKind.STATUS_CHANGED, check="web", new="healthy"),
        event(4, EventKind.SERVICE_EXITED, service="web"),
        event(5, EventKind.RESUMED),
        event(31, EventKind.STATUS_CHANGED, check="web", new="degraded"),
    ]
    looks = [("web", look(2, BAD)), ("web", look(3)), ("web", look(40, BAD)), ("web", look(50))]
    await write(path, looks, events, [recovery(4), recovery(35)])
    past = read(path, since=NOW + 30 * MINUTE, checks=["web"], services=["web"], kinds=[EventKind.STATUS_CHANGED])
    assert (past.since, past.until) == (NOW + 30 * MINUTE, NOW + 50 * MINUTE)
    assert [(one.look.at, one.look.status) for one in past.stretches["web"]] == [
        (NOW + 3 * MINUTE, GOOD),
        (NOW + 40 * MINUTE, BAD),
        (NOW + 50 * MINUTE, GOOD),
    ]
    assert [told.kind for told in past.before] == [
        EventKind.PAUSED,
        EventKind.STATUS_CHANGED,
        EventKind.SERVICE_EXITED,
        EventKind.RESUMED,
    ]
    assert past.before[1].new == "healthy"
    assert [told.new for told in past.events] == ["degraded"]
    assert [record.id for record in past.recoveries] == ["r35"]
    assert not past.recoveries[0].evidence


async def test_the_end_cuts_it_off(path: Path) -> None:
    await write(path, [("web", look(minute)) for minute in range(10)], (), [recovery(3), recovery(8)])
    past = read(path, until=NOW + 5 * MINUTE)
    assert past.until == past.stretches["web"][-1].last == NOW + 5 * MINUTE
    assert [record.id for record in past.recoveries] == ["r3"]


async def test_there_is_nothing_in_an_empty_ledger_nor_outside_of_one(path: Path) -> None:
    await write(path)
    assert read_past(path, PastQuery()) is None
    assert read_bounds(path) is None
    await write(path, [("web", look(0)), ("web", look(1))])
    assert read_bounds(path) == (NOW, NOW + MINUTE)
    assert read_past(path, PastQuery(since=NOW + MINUTE)) is None
    assert read_past(path, PastQuery(until=NOW - MINUTE)) is None


async def test_it_is_read_while_a_salus_writes_and_no_byte_is_changed(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(observations=[("web", look(minute)) for minute in range(5)]))
    before = path.read_bytes()
    assert len(read(path).stretches["web"]) == 1
    assert path.read_bytes() == before
    await store.write(Batch(observations=[("web", look(9, BAD))]))
    assert len(read(path).stretches["web"]) == 2
    await store.close()


async def test_a_row_that_no_salus_has_written_is_refused(path: Path) -> None:
    await write(path, [("web", look(0)), ("web", look(1))])
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE observations SET status = 'splendid' WHERE id = 2")
        db.commit()
    with pytest.raises(StoreUnreadableError, match="observations 'web': 'splendid' is not a valid Status"):
        read(path)
