"""The ledger: rows per second beside a bare ``sqlite3`` loop on the same tables, and how long one write takes."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks._common import Row, median, print_table
from salus.model import Event, EventKind, Observation, RecoveryRecord, Status
from salus.ports import Batch
from salus.store.ledger import create
from salus.store.rows import event_row
from salus.store.schema import SCHEMA
from salus.store.sqlite import SqliteStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PER_COMMIT = 100
LATENCY = 300e-6


def _event(number: int) -> Event:
    return Event(
        id=number,
        at=NOW,
        kind=EventKind.STATUS_CHANGED,
        message="expected 200, got 500 from http://127.0.0.1:8000/",
        check=f"check-{number % 50}",
        old="healthy",
        new="unhealthy",
    )


def _recovery(number: int) -> RecoveryRecord:
    return RecoveryRecord(
        id=f"recovery-{number}",
        rule="web",
        check="web",
        targets=("service:web",),
        trigger="expected 200, got 500",
        failing_since=NOW,
        decided_at=NOW,
        started_at=NOW,
    )


def _events(count: int) -> list[list[Event]]:
    return [[_event(first + number) for number in range(PER_COMMIT)] for first in range(0, count, PER_COMMIT)]


def _bare(folder: Path, count: int) -> float:
    """Insert ready-made tuples, on the same tables with the same settings: rows per second."""
    path = folder / "bare.db"
    create(path, SCHEMA)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL")
    batches = [[event_row(event) for event in batch] for batch in _events(count)]
    begin = time.perf_counter()
    for batch in batches:
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO events VALUES ({', '.join('?' * 13)})", batch)
        db.execute("COMMIT")
    elapsed = time.perf_counter() - begin
    db.close()
    return count / elapsed


async def _ours(folder: Path, count: int) -> float:
    """Write events through the store: rows per second."""
    store = SqliteStore(folder / "ours.db")
    await store.open()
    batches = [Batch(events=events) for events in _events(count)]
    begin = time.perf_counter()
    for batch in batches:
        await store.write(batch)
    elapsed = time.perf_counter() - begin
    await store.close()
    return count / elapsed


async def _latency(folder: Path, count: int) -> list[float]:
    """Write one event and one recovery at a time, as a healer does: seconds each, sorted."""
    store = SqliteStore(folder / "latency.db")
    await store.open()
    taken = []
    for number in range(count):
        batch = Batch(events=[_event(number)], recoveries=[_recovery(number)])
        begin = time.perf_counter()
        await store.write(batch)
        taken.append(time.perf_counter() - begin)
        await asyncio.sleep(0.001)
    await store.close()
    return sorted(taken)


async def _observations(folder: Path, count: int) -> float:
    store = SqliteStore(folder / "looks.db")
    await store.open()
    look = Observation(status=Status.HEALTHY, at=NOW, message="200 in 10 ms", duration=0.01)
    batches = [
        Batch(observations=[(f"check-{first + number}", look) for number in range(PER_COMMIT)])
        for first in range(0, count, PER_COMMIT)
    ]
    begin = time.perf_counter()
    for batch in batches:
        await store.write(batch)
    elapsed = time.perf_counter() - begin
    await store.close()
    return count / elapsed


def _opening(folder: Path) -> float:
    async def once(number: int) -> float:
        store = SqliteStore(folder / str(number) / "new.db")
        begin = time.perf_counter()
        await store.open()
        elapsed = time.perf_counter() - begin
        await store.close()
        return elapsed

    return median([uvloop.run(once(number)) for number in range(10)])


def main(*, quick: bool = False) -> list[Row]:
    """Measure, print and return the rows."""
    count = 20_000 if quick else 100_000
    rounds = 3
    bare, ours, looks = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            bare.append(_bare(folder, count))
            ours.append(uvloop.run(_ours(folder, count)))
            looks.append(uvloop.run(_observations(folder, count)))
    with tempfile.TemporaryDirectory() as name:
        taken = uvloop.run(_latency(Path(name), 1000 if quick else 5000))
        opening = _opening(Path(name))
    ratio = median(ours) / median(bare)
    middle = median(taken)
    rows = [
        Row(
            name=f"events, {PER_COMMIT} per commit",
            value=median(ours),
            unit="rows/s",
            reference=median(bare),
            ratio=ratio,
            target="at least half of a bare sqlite3 loop",
            passed=ratio >= 0.5,
            note="the bare loop inserts ready-made tuples on one thread, into the same tables with the same indexes",
        ),
        Row(name=f"observations, {PER_COMMIT} per commit", value=median(looks), unit="rows/s"),
        Row(
            name="one event and one recovery, committed (median)",
            value=middle * 1e6,
            unit="us",
            target=f"under {LATENCY * 1e6:.0f} us",
            passed=middle < LATENCY,
        ),
        Row(name="the same (p99)", value=taken[int(len(taken) * 0.99)] * 1e6, unit="us"),
        Row(name="making a new ledger (median)", value=opening * 1e3, unit="ms"),
    ]
    print_table("Store", rows)
    return rows


if __name__ == "__main__":
    main()
