"""A ledger that cannot be trusted is named, explained and left as it is. One that cannot be written says so."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from salus.errors import StoreUnreadableError, StoreUnwritableError
from salus.model import (
    CheckState,
    DeliveryState,
    Event,
    EventKind,
    Memo,
    Outcome,
    RecoveryRecord,
    RuleState,
    ServiceRecord,
)
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery
from salus.store.sqlite import (
    SqliteStore,
    read_alerts,
    read_deliveries,
    read_events,
    read_recoveries,
    read_snapshot,
    set_aside,
)
from tests.integration.store.alerting import alert, delivery

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def event(number: int, message: str = "x") -> Event:
    return Event(id=number, at=NOW, kind=EventKind.STATUS_CHANGED, message=message, check="web")


def recovery(name: str) -> RecoveryRecord:
    return RecoveryRecord(id=name, rule="web", check="web", decided_at=NOW, started_at=NOW)


@pytest.fixture
async def ledger(tmp_path: Path) -> Path:
    """A closed ledger with rows in all tables."""
    path = tmp_path / "ledger.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(
        Batch(
            events=[event(number, "x" * 200) for number in range(1, 301)],
            check_states={"web": CheckState()},
            rule_states=[RuleState(rule="web", attempts=1)],
            services=[ServiceRecord(service="web", wanted=True)],
            recoveries=[recovery("r")],
            memos=[Memo(key="brake:all", value={"probes": 1})],
            alerts=[alert("a")],
            deliveries=[delivery(1)],
        )
    )
    await store.close()
    return path


async def refusal(path: Path) -> StoreUnreadableError:
    """Open and read a broken ledger by every door; return the complaint, having made sure that nothing was touched."""
    before = {item.name: item.read_bytes() for item in path.parent.iterdir() if item.is_file()}
    store = SqliteStore(path)
    with pytest.raises(StoreUnreadableError) as caught:
        await store.open()
    with pytest.raises(StoreUnwritableError):
        await store.write(Batch(events=[event(10_000)]))
    with pytest.raises(StoreUnwritableError):
        await store.prune(NOW, events_before=NOW, observations_before=NOW)
    await store.close()
    for name, content in before.items():
        if not name.endswith("-shm"):  # no rows in it: SQLite's scratch pad between processes
            assert (path.parent / name).read_bytes() == content, name
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    assert caught.value.permanent
    return caught.value


def cut(size: int) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        os.truncate(path, size)

    return spoil


def overwrite(offset: int, content: bytes) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(content)

    return spoil


def sql(*statements: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        db = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            db.execute(statement)
        db.close()

    return spoil


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_text(path: Path) -> None:
    path.write_text("dear diary\n" * 1000)


def keep_only_newest_rows(path: Path) -> None:
    path.with_name("ledger.db-wal").write_bytes(b"rows")
    path.unlink()


BROKEN = {
    "empty": (cut(0), "cut off"),
    "one byte": (cut(1), "cut off"),
    "half a header": (cut(60), "cut off"),
    "only a header": (cut(100), "cut off"),
    "half a page": (cut(2048), "damaged"),
    "one page": (cut(4096), "damaged"),
    "half": (cut(40960), "damaged"),
    "last page gone": (lambda path: os.truncate(path, path.stat().st_size - 4096), "damaged"),
    "not a database": (replace_by_text, "damaged"),
    "garbage in the header": (overwrite(0, b"\xff" * 32), "damaged"),
    "garbage in the first page": (overwrite(100, b"\xa5" * 3000), "damaged"),
    "garbage in a page": (overwrite(4096 * 20, b"\xa5" * 4096), "damaged"),
    "another program's": (sql("PRAGMA application_id = 7"), "belongs to another program"),
    "without a revision": (sql("DELETE FROM alembic_version"), "0 schema revisions"),
    "without the table of revisions": (sql("DROP TABLE alembic_version"), "no schema revision"),
    "of a newer Salus": (sql("UPDATE alembic_version SET version_num = '9999'"), "newer Salus"),
    "a directory": (replace_by_directory, "is a directory"),
    "a pipe": (replace_by_fifo, "not a regular file"),
    "gone but for its newest rows": (keep_only_newest_rows, "is gone"),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_a_ledger_that_cannot_be_trusted_is_named_and_left_alone(ledger: Path, how: str) -> None:
    spoil, expected = BROKEN[how]
    spoil(ledger)
    assert expected in str(await refusal(ledger))
    if how == "garbage in a page":
        return  # whether a quick reader meets that page depends on what it reads
    with pytest.raises(StoreUnreadableError):
        read_snapshot(ledger, NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE check_states SET state = '{'",
        'UPDATE check_states SET state = \'{"status": "splendid"}\'',
        'UPDATE rule_states SET state = \'{"rule": "web"}\'',
        "UPDATE rule_states SET state = x'00ff'",
        "UPDATE services SET launch = 'pid 12'",
        "UPDATE recoveries SET steps = '[{}]'",
        "UPDATE recoveries SET started_at = 'yesterday'",
        "UPDATE recoveries SET decided_at = 9223372036854775807",
        "UPDATE memos SET value = ''",
        "UPDATE memos SET value = 'on'",
        "UPDATE memos SET value = '[]'",
        "UPDATE alerts SET body = '{}'",
        "UPDATE alerts SET state = 'splendid'",
        "UPDATE alerts SET level = x'00ff'",
        "UPDATE alerts SET first_seen = 'yesterday'",
        "UPDATE deliveries SET created_at = 9223372036854775807",
        "DROP TABLE alerts",
        "DROP TABLE deliveries",
        "DROP TABLE memos",
        "DROP TABLE rule_states",
    ],
)
async def test_a_row_that_cannot_be_understood_makes_the_whole_unreadable(ledger: Path, statement: str) -> None:
    sql(statement)(ledger)
    store = SqliteStore(ledger)
    await store.open()
    with pytest.raises(StoreUnreadableError) as caught:
        await store.load(NOW)
    await store.close()
    assert str(ledger) in str(caught.value)
    with pytest.raises(StoreUnreadableError):
        read_snapshot(ledger, NOW)


async def test_an_event_that_cannot_be_understood_does_not_stop_a_start(ledger: Path) -> None:
    sql("UPDATE events SET kind = 'of_the_future' WHERE id = 300")(ledger)
    store = SqliteStore(ledger)
    await store.open()
    assert (await store.load(NOW)).last_event_id == 300
    with pytest.raises(StoreUnreadableError, match="of_the_future"):
        await store.events(EventQuery())
    assert len(await store.events(EventQuery(before=300))) == 100
    await store.close()


async def test_a_notification_that_cannot_be_understood_is_named_and_stops_no_start(ledger: Path) -> None:
    sql("UPDATE deliveries SET body = '{}'")(ledger)
    store = SqliteStore(ledger)
    await store.open()
    assert (await store.load(NOW)).last_delivery == 1
    with pytest.raises(StoreUnreadableError, match=r"deliveries 'n1'"):
        await store.waiting("ops")
    assert dict(await store.depth()) == {"ops": 1}
    await store.close()
    with pytest.raises(StoreUnreadableError, match=r"deliveries 'n1'"):
        read_deliveries(ledger)


async def test_a_broken_ledger_can_be_set_aside_and_a_new_one_begun(ledger: Path) -> None:
    overwrite(0, b"\xff" * 32)(ledger)
    content = ledger.read_bytes()
    ledger.with_name("ledger.db-wal").write_bytes(b"rows")
    aside = set_aside(ledger)
    assert aside.name.startswith("ledger.db.broken-")
    assert aside.read_bytes() == content
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"rows"
    assert not ledger.exists()
    store = SqliteStore(ledger)
    await store.open()
    await store.write(Batch(events=[event(1)]))
    await store.close()
    assert set_aside(ledger) != aside
    with pytest.raises(StoreUnreadableError, match="not there"):
        set_aside(ledger)


async def test_what_is_left_of_a_ledger_can_be_set_aside_too(ledger: Path) -> None:
    keep_only_newest_rows(ledger)
    aside = set_aside(ledger)
    assert aside.with_name(f"{aside.name}-wal").exists()
    store = SqliteStore(ledger)
    await store.open()
    await store.close()


async def test_a_start_that_was_cut_short_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.with_name("ledger.db.new").write_bytes(b"half a ledger")
    path.with_name("ledger.db.new-wal").write_bytes(b"half")
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(events=[event(1)]))
    await store.close()
    assert [item.name for item in tmp_path.iterdir()] == ["ledger.db"]


async def test_a_ledger_belongs_to_its_user_alone(ledger: Path) -> None:
    assert ledger.stat().st_mode & 0o777 == 0o600


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def store(ledger: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(ledger)
    await made.open()
    yield made
    await made.close()


async def test_a_full_disk_is_said_and_writing_goes_on_when_there_is_room_again(store: SqliteStore) -> None:
    await store._writer.change("PRAGMA max_page_count = 1", {})  # SQLite takes it as "no more than there are now"
    with pytest.raises(StoreUnwritableError, match="disk is full") as caught:
        await store.write(Batch(events=[event(number, "y" * 1000) for number in range(1000, 1200)]))
    assert caught.value.remedy
    assert not caught.value.permanent
    assert (await store.load(NOW)).last_event_id == 300
    await store._writer.change("PRAGMA max_page_count = 100000", {})
    await store.write(Batch(events=[event(number, "y" * 1000) for number in range(1000, 1200)]))
    assert (await store.load(NOW)).last_event_id == 1199


async def test_one_batch_that_sqlite_refuses_fails_alone_among_many(store: SqliteStore) -> None:
    batches = [Batch(events=[event(2**70 if number == 420 else number)]) for number in range(400, 440)]
    results = await asyncio.gather(*(store.write(batch) for batch in batches), return_exceptions=True)
    assert [number for number, result in enumerate(results, start=400) if result is not None] == [420]
    error = results[20]
    assert isinstance(error, StoreUnwritableError)
    assert error.permanent
    found = await store.events(EventQuery(after=399))
    assert {row.id for row in found} == set(range(400, 440)) - {420}


async def test_a_batch_with_a_naive_instant_is_refused_for_good(store: SqliteStore) -> None:
    naive = Event(id=999, at=datetime(2026, 1, 1), kind=EventKind.STATUS_CHANGED)  # noqa: DTZ001  # the point
    with pytest.raises(StoreUnwritableError) as caught:
        await store.write(Batch(events=[event(998), naive]))
    assert caught.value.permanent
    assert (await store.load(NOW)).last_event_id == 300


async def test_a_ledger_locked_by_another_process_is_said(store: SqliteStore, ledger: Path) -> None:
    await store._writer.change("PRAGMA busy_timeout = 50", {})
    other = sqlite3.connect(ledger, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnwritableError, match="locked by another process") as caught:
        await store.write(Batch(events=[event(500)]))
    assert "another Salus" in str(caught.value.remedy)
    assert len(await store.events(EventQuery())) == 100
    other.execute("ROLLBACK")
    other.close()
    await store.write(Batch(events=[event(500)]))


async def test_a_claim_that_cannot_be_written_is_no_claim(store: SqliteStore, ledger: Path) -> None:
    await store._writer.change("PRAGMA busy_timeout = 50", {})
    (waiting,) = await store.waiting("ops")
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnwritableError, match="locked by another process"):
            await store.claim(waiting, "me", NOW, stale_before=NOW)
        other.execute("ROLLBACK")
    assert list(await store.waiting("ops")) == [waiting]
    assert await store.claim(waiting, "me", NOW, stale_before=NOW)
    ledger.unlink()
    with pytest.raises(StoreUnwritableError, match="removed or replaced"):
        await store.release(waiting, "me")
    ledger.mkdir()
    with pytest.raises(StoreUnwritableError, match="is a directory"):
        await store.release(waiting, "me")


async def test_a_ledger_removed_under_us_is_said_once_and_made_again(store: SqliteStore, ledger: Path) -> None:
    assert len(await store.events(EventQuery())) == 100
    ledger.unlink()
    with pytest.raises(StoreUnwritableError, match="removed or replaced"):
        await store.write(Batch(events=[event(500)]))
    await store.write(Batch(events=[event(500)]))
    assert [row.id for row in await store.events(EventQuery())] == [500]


async def test_the_command_line_reads_while_salus_writes_and_afterwards(store: SqliteStore, ledger: Path) -> None:
    await store.write(Batch(events=[event(500)], recoveries=[recovery("s")]))
    assert read_events(ledger, EventQuery(limit=2))[0].id == 500
    await store.write(Batch(events=[event(501)], alerts=[alert("b")], deliveries=[delivery(2)]))
    assert read_events(ledger, EventQuery(limit=2))[0].id == 501
    assert [row.id for row in read_alerts(ledger, AlertQuery(id="b", active=True))] == ["b"]
    assert [row.number for row in read_deliveries(ledger, channel="ops", limit=1)] == [2]
    assert read_deliveries(ledger, state=DeliveryState.DEAD) == []
    await store.close()
    assert read_events(ledger, EventQuery(limit=2))[0].id == 501
    assert {row.id for row in read_recoveries(ledger, RecoveryQuery())} == {"r", "s"}
    assert read_snapshot(ledger, NOW).rule_states["web"].attempts == 1


def test_reading_a_ledger_that_is_not_there_says_so_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with pytest.raises(StoreUnreadableError, match="does not exist"):
        read_events(path, EventQuery())
    with pytest.raises(StoreUnreadableError, match="does not exist"):
        read_alerts(path, AlertQuery())
    with pytest.raises(StoreUnreadableError, match="does not exist"):
        read_deliveries(path)
    assert list(tmp_path.iterdir()) == []


async def test_a_long_history_does_not_hold_up_a_write(store: SqliteStore) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    connections: list[sqlite3.Connection] = []

    def read(db: sqlite3.Connection) -> None:
        connections.append(db)
        db.execute(endless).fetchall()

    reading = asyncio.ensure_future(store._reader.call(read))
    await asyncio.wait_for(store.write(Batch(events=[event(500)])), 5)
    assert not reading.done()
    while not reading.done():
        if connections:
            connections[0].interrupt()
        await asyncio.wait([reading], timeout=0.01)
    assert isinstance(reading.exception(), sqlite3.OperationalError)


async def test_pruning_lets_writes_in_between(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.db")
    await store.open()
    await store.write(Batch(events=[event(number) for number in range(5000)]))
    pruning = asyncio.ensure_future(
        store.prune(NOW, events_before=NOW + timedelta(1), observations_before=NOW + timedelta(1))
    )
    written = 0
    while not pruning.done():
        await store.write(Batch(recoveries=[recovery("r")]))
        written += 1
    assert await pruning == 5000
    assert written > 5
    await store.close()


async def test_a_checkpoint_keeps_the_newest_rows_file_small(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = SqliteStore(path)
    await store.open()
    for number in range(2500):
        await store.write(Batch(events=[event(number)]))
        if number % 100 == 0:
            await store.events(EventQuery(limit=1))  # answered by the thread that makes checkpoints, when it has
    assert path.with_name("ledger.db-wal").stat().st_size < 24_000_000
    assert path.stat().st_size > 100_000
    await store.close()
    assert [item.name for item in tmp_path.iterdir()] == ["ledger.db"]


# ── Folders and rights ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter (pytest's own are private)."""
    folder = Path(tempfile.mkdtemp(prefix="salus-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@contextmanager
def without_root() -> Iterator[None]:
    """Be an ordinary user for a moment: rights do not hold root back."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"not on this platform: mounting a file system ({done.stderr.decode().strip()})")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_remembered(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    store = SqliteStore(open_folder / "state" / "ledger.db")
    with without_root():
        with pytest.raises(StoreUnwritableError, match="cannot be created"):
            await store.open()
        snapshot = await store.load(NOW)
        assert not snapshot.rule_states
        with pytest.raises(StoreUnwritableError, match="cannot be created"):
            await store.write(Batch(events=[event(1)]))
    open_folder.chmod(0o777)
    with without_root():
        await store.write(Batch(events=[event(1)]))
        assert len(await store.events(EventQuery())) == 1
        await store.close()


async def test_a_ledger_that_this_user_may_not_read_is_said(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    path.chmod(0)
    with without_root():
        with pytest.raises(StoreUnreadableError, match="cannot be opened") as caught:
            await store.open()
        with pytest.raises(StoreUnreadableError, match="cannot be opened"):
            read_events(path, EventQuery())
        await store.close()
    assert "user" in str(caught.value.remedy)


async def test_a_ledger_in_a_folder_that_may_only_be_read_still_keeps_the_budgets(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(rule_states=[RuleState(rule="web", attempts=2)]))
    await store.close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with without_root():
        with pytest.raises(StoreUnwritableError, match="read-only"):
            await store.open()
        assert (await store.load(NOW)).rule_states["web"].attempts == 2
        assert read_snapshot(path, NOW).rule_states["web"].attempts == 2
        with pytest.raises(StoreUnwritableError):
            await store.write(Batch(rule_states=[RuleState(rule="web", attempts=3)]))
        await store.close()


async def test_a_read_only_file_system_still_gives_the_budgets(ledger: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "none"):
        shutil.copy(ledger, disk / "ledger.db")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        store = SqliteStore(disk / "ledger.db")
        with pytest.raises(StoreUnwritableError, match="read-only"):
            await store.open()
        assert (await store.load(NOW)).rule_states["web"].attempts == 1
        await store.close()


async def test_a_disk_that_is_really_full_loses_no_row_and_gains_none(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=600k", "none"):
        store = SqliteStore(disk / "ledger.db")
        await store.open()
        (disk / "ballast").write_bytes(b"\0" * 100_000)
        written: list[int] = []

        async def write_on() -> None:
            for number in range(1000):
                await store.write(Batch(events=[event(number, "z" * 500)]))
                written.append(number)

        with pytest.raises(StoreUnwritableError, match=r"disk is full|cannot be written"):
            await write_on()
        assert written
        (disk / "ballast").unlink()
        await store.write(Batch(events=[event(5000)]))
        await store.close()
        found = [row.id for row in read_events(disk / "ledger.db", EventQuery(limit=2000))]
        assert found == [5000, *reversed(written)]


async def test_no_room_for_a_new_ledger_is_said(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=16k", "none"):
        store = SqliteStore(disk / "ledger.db")
        with pytest.raises(StoreUnwritableError, match=r"full|space"):
            await store.open()
        await store.close()
        assert not (disk / "ledger.db").exists()


async def test_recoveries_that_ended_are_told_apart_from_those_that_run(store: SqliteStore) -> None:
    ended = RecoveryRecord(
        id="e", rule="web", check="web", decided_at=NOW, started_at=NOW, finished_at=NOW, outcome=Outcome.CANCELLED
    )
    await store.write(Batch(recoveries=[ended]))
    assert [row.id for row in (await store.load(NOW)).unfinished] == ["r"]


async def test_proving_a_big_ledger_sound_is_bounded_in_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = SqliteStore(path, check_seconds=0.001)
    await store.open()
    for first in range(0, 60_000, 6_000):
        await store.write(Batch(events=[event(number, "x" * 1000) for number in range(first, first + 6_000)]))
    await store.close()
    for _ in range(5):
        await store.open()
        assert (await store.load(NOW)).last_event_id == 59_999
        await store.close()
