"""Going through a whole ledger, oldest first, while somebody else may be writing to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Event, EventKind, RecoveryRecord
from salus.ports import Batch, EventQuery, RecoveryQuery
from salus.store.sqlite import SqliteStore, scan_events, scan_recoveries

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MANY = 1203  # more than two pages, and not a whole number of them


def recovery(number: int) -> RecoveryRecord:
    at = NOW + number // 2 * SECOND  # two start at every instant
    rule = "web" if number % 3 else "db"
    return RecoveryRecord(
        id=f"r{number:05}", rule=rule, check=f"{rule}-up", decided_at=at, started_at=at, evidence={"rss": 1}
    )


def event(number: int) -> Event:
    kind = EventKind.RECOVERY_REFUSED if number % 2 else EventKind.STATUS_CHANGED
    return Event(id=number, at=NOW + number * SECOND, kind=kind, rule="web" if number % 3 else "db")


async def a_store(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.open()
    await store.write(
        Batch(recoveries=[recovery(number) for number in range(MANY)], events=[event(n) for n in range(1, MANY)])
    )
    return store


async def test_every_recovery_comes_once_and_oldest_first_without_what_was_captured(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await a_store(path)).close()
    found = list(scan_recoveries(path, RecoveryQuery(limit=3)))
    assert [record.id for record in found] == [f"r{number:05}" for number in range(MANY)]
    assert not any(record.evidence for record in found)


async def test_what_is_gone_through_is_filtered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await a_store(path)).close()
    some = scan_recoveries(path, RecoveryQuery(rule="db", check="db-up", since=NOW + 300 * SECOND))
    assert [record.id for record in some] == [f"r{number:05}" for number in range(600, MANY, 3)]
    refused = scan_events(path, EventQuery(kinds=[EventKind.RECOVERY_REFUSED], rule="db", since=NOW + 600 * SECOND))
    assert [found.id for found in refused] == [number for number in range(600, MANY) if number % 6 == 3]


async def test_what_is_written_meanwhile_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = await a_store(path)
    scan = scan_recoveries(path, RecoveryQuery())
    first = next(scan)
    await store.write(Batch(recoveries=[recovery(MANY)]))
    await store.close()
    assert [first.id, *(record.id for record in scan)][-1] == f"r{MANY - 1:05}"
    assert len(list(scan_recoveries(path, RecoveryQuery()))) == MANY + 1


async def test_a_row_that_cannot_be_understood_is_named_when_it_is_reached(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await a_store(path)).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE recoveries SET steps = '[{}]' WHERE id = 'r01200'")
        db.commit()
    with pytest.raises(StoreUnreadableError, match="r01200"):
        list(scan_recoveries(path, RecoveryQuery()))


def test_a_ledger_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreadableError, match="does not exist"):
        next(scan_events(tmp_path / "ledger.db", EventQuery()))
    assert not list(tmp_path.iterdir())
