"""Old ledgers come up to date, whole or not at all; a new one equals what the migrations make."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from salus.errors import StoreUnreadableError
from salus.model import Alert, AlertState, Event, EventKind, Level, RuleState
from salus.ports import Batch, EventQuery
from salus.store import migrate
from salus.store.schema import APPLICATION_ID, SCHEMA, Schema
from salus.store.sqlite import SqliteStore, read_events, read_snapshot

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

# One ledger per revision, as that revision's Salus wrote it: an upgrade must make each of them readable.
ROWS = {
    "0001": """
        INSERT INTO events (id, at, kind, message, check_name, data)
            VALUES (1, 1777636800000000, 'status_changed', 'down', 'web', '{"n":1}');
        INSERT INTO observations (check_name, at, status, message, duration, metrics)
            VALUES ('web', 1777636800000000, 'unhealthy', 'down', 0.5, '{"latency_seconds":[0.5,"seconds"]}');
        INSERT INTO check_states (check_name, state) VALUES ('web', '{"status":"unhealthy","consecutive_failures":3}');
        INSERT INTO rule_states (rule_name, state) VALUES ('web', '{"rule":"web","attempts":2}');
        INSERT INTO services (service_name, wanted, launch) VALUES ('web', 1, '{"pid":12}');
        INSERT INTO recoveries (id, rule_name, check_name, attempt, trigger, decided_at, started_at, message, half_open,
            manual, steps) VALUES ('r1', 'web', 'web', 2, 'down', 1777636800000000, 1777636800000000, '', 0, 0, NULL);
    """,
    "0002": """
        INSERT INTO events (id, at, kind, message, check_name, data)
            VALUES (1, 1777636800000000, 'storm_started', 'down', 'web', '{"n":1}');
        INSERT INTO observations (check_name, at, status, message, duration, metrics, cause)
            VALUES ('web', 1777636800000000, 'unhealthy', 'down', 0.5, '{"latency_seconds":[0.5,"seconds"]}', 'dns');
        INSERT INTO check_states (check_name, state)
            VALUES ('web', '{"status":"unhealthy","consecutive_failures":3,"recent":11}');
        INSERT INTO rule_states (rule_name, state)
            VALUES ('web', '{"rule":"web","attempts":2,"recoveries":["2026-05-01T11:00:00Z"],"escalations":1}');
        INSERT INTO services (service_name, wanted, launch) VALUES ('web', 1, '{"pid":12}');
        INSERT INTO recoveries (id, rule_name, check_name, attempt, trigger, decided_at, started_at, message, half_open,
            manual, steps, ladder, approved_by, needless)
            VALUES ('r1', 'web', 'web', 2, 'down', 1777636800000000, 1777636800000000, '', 0, 0, NULL, 1, 'eve', 0);
        INSERT INTO memos (key, value) VALUES ('pause', '{"by":"eve"}');
    """,
}
ROWS["0003"] = (
    ROWS["0002"]
    + """
        INSERT INTO alerts (id, fingerprint, rule_name, check_name, level, state, first_seen, fired_at, resolved_at,
            unheard, body) VALUES ('a1', '00112233aabbccdd', 'web-down', 'web', 'critical', 'firing', 1777636800000000,
            1777636860000000, NULL, 0, '{"labels":{"alertname":"web-down"},"last_seen":"2026-05-01T12:01:00Z",
            "told":{"ops":{"state":"firing","key":"k","at":"2026-05-01T12:01:00Z"}}}');
        INSERT INTO deliveries (id, number, channel, key, created_at, state, attempts, due_at, claimed_by, claimed_at,
            error, ended_at, body) VALUES ('n1', 7, 'ops', 'k', 1777636860000000, 'waiting', 2, 1777636920000000, '',
            NULL, 'refused', NULL, '{"id":"n1","channel":"ops","key":"k","occasion":"firing","state":"firing",
            "at":"2026-05-01T12:01:00Z","alerts":[]}');
    """
)
ROWS["0004"] = (
    ROWS["0003"]
    + """
        INSERT INTO days (day, check_name, healthy, degraded, unhealthy, unknown, looks, until, status)
            VALUES (20574, 'web', 1000000, 0, 5000000, 0, 7, 1777636800000000, 'unhealthy');
        INSERT INTO hours (hour, check_name, metric, unit, looks, low, sum, high, worst)
            VALUES (493788, 'web', 'duration', 'seconds', 2, 0.5, 1.5, 1.0, 3);
    """
)

NEXT = '''
"""A revision that exists only in this test."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.add_column("events", sa.Column("mood", sa.Text))
    op.execute("UPDATE events SET mood = 'calm'")
    {more}
'''


def with_next_revision(folder: Path, more: str = "") -> Schema:
    """Return a schema with one more revision than Salus has."""
    migrations = folder / "migrations 100%"
    shutil.copytree(SCHEMA.migrations, migrations)
    script = NEXT.format(head=SCHEMA.head, more=more)
    (migrations / "versions" / "vnext.py").write_text(script, encoding="utf-8")
    return Schema(revisions=(*SCHEMA.revisions, "next"), migrations=migrations, snapshot=SCHEMA.snapshot)


async def a_ledger(path: Path) -> bytes:
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(events=[Event(id=1, at=NOW, kind=EventKind.RULE_RESET)], rule_states=[RuleState(rule="a")]))
    await store.close()
    return path.read_bytes()


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def shape(path: Path) -> dict[str, object]:
    """Return everything about a ledger's schema that SQLite tells, apart from how its SQL was laid out."""
    with connected(path) as db:
        made = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        return {
            "made": [(*row[:3], " ".join((row[3] or "").split())) for row in made],
            "columns": {row[1]: db.execute(f"PRAGMA table_xinfo({row[2]})").fetchall() for row in made},
            "indexes": {row[1]: db.execute(f"PRAGMA index_list({row[2]})").fetchall() for row in made},
            "header": [db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")],
            "revision": db.execute("SELECT version_num FROM alembic_version").fetchall(),
        }


async def test_a_new_ledger_equals_what_the_migrations_make(tmp_path: Path) -> None:
    await a_ledger(tmp_path / "new.db")
    migrate.upgrade(tmp_path / "migrated.db")
    assert shape(tmp_path / "new.db") == shape(tmp_path / "migrated.db")
    with connected(tmp_path / "new.db") as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_snapshot_is_the_one_that_the_migrations_give() -> None:
    assert migrate.snapshot() == SCHEMA.snapshot.read_text(encoding="utf-8")


def test_salus_knows_every_revision_and_they_are_one_chain() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCHEMA.migrations))
    script = ScriptDirectory.from_config(config)
    assert [found.revision for found in script.walk_revisions()] == list(reversed(SCHEMA.revisions))


def test_every_revision_has_rows_in_this_test() -> None:
    assert list(ROWS) == list(SCHEMA.revisions)


@pytest.mark.parametrize("revision", SCHEMA.revisions)
async def test_a_ledger_of_any_revision_can_be_brought_up_to_date_and_read(tmp_path: Path, revision: str) -> None:
    path = tmp_path / "ledger.db"
    migrate.upgrade(path, to=revision)
    with connected(path) as db:
        db.executescript(ROWS[revision])
    store = SqliteStore(path)
    await store.open()
    snapshot = await store.load(NOW)
    (seen,) = await store.observations("web", since=NOW)
    waiting = await store.waiting("ops")
    days = await store.days(["web"], since=0)
    _, hours = await store.points("web", "duration", since=NOW, until=NOW + HOUR, points=1, hours=True)
    while await store.roll_up():
        pass
    _, rolled = await store.points("web", "duration", since=NOW, until=NOW + HOUR, points=1, hours=True)
    await store.close()
    assert snapshot.check_states["web"].consecutive_failures == 3
    assert snapshot.rule_states["web"].attempts == 2
    assert snapshot.services["web"].launch == {"pid": 12}
    assert [record.id for record in snapshot.unfinished] == ["r1"]
    assert snapshot.last_event_id == 1
    new = revision >= "0002"
    (record,) = snapshot.unfinished
    assert (record.ladder, record.approved_by, record.needless) == ((1, "eve", False) if new else (0, "", False))
    assert seen.cause == ("dns" if new else "")
    assert dict(snapshot.memos) == ({"pause": {"by": "eve"}} if new else {})
    assert snapshot.rule_states["web"].escalations == int(new)
    told = revision >= "0003"
    assert [(alert.id, alert.told["ops"].key) for alert in snapshot.alerts] == ([("a1", "k")] if told else [])
    assert snapshot.last_delivery == (7 if told else 0)
    assert [(found.id, found.attempts) for found in waiting] == ([("n1", 2)] if told else [])
    summed = revision >= "0004"
    assert [(row.unhealthy, row.looks, row.status) for row in days] == ([(5_000_000, 7, "unhealthy")] if summed else [])
    assert [point.mean for point in hours] == ([0.75] if summed else [])
    assert [point.looks for point in rolled] == [3 if summed else 1]  # the looks of an older ledger come into hours


@pytest.mark.parametrize("revision", SCHEMA.revisions[:-1])
async def test_a_ledger_of_any_older_revision_is_kept_as_it_was_and_takes_alerts(tmp_path: Path, revision: str) -> None:
    path, kept = tmp_path / "ledger.db", tmp_path / "ledger.db.bak"
    migrate.upgrade(path, to=revision)
    with connected(path) as db:
        db.executescript(ROWS[revision])
    store = SqliteStore(path)
    await store.open()
    alert = Alert(
        id="a", fingerprint="f", labels={}, rule="r", level=Level.INFO, state=AlertState.FIRING, first_seen=NOW,
        last_seen=NOW,
    )  # fmt: skip
    await store.write(Batch(alerts=[alert]))
    assert alert in list((await store.load(NOW)).alerts)
    await store.close()
    with connected(kept) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(revision,)]
        assert db.execute("SELECT id FROM recoveries").fetchall() == [("r1",)]
        since = {"alerts": "0003", "deliveries": "0003", "days": "0004", "hours": "0004"}
        made = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert made & set(since) == {name for name, first in since.items() if first <= revision}


async def test_an_old_ledger_is_kept_upgraded_and_used(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    before = await a_ledger(path)
    path.with_name("ledger.db.bak").write_bytes(b"of an earlier upgrade")
    store = SqliteStore(path, schema=with_next_revision(tmp_path))
    await store.open()
    await store.write(Batch(events=[Event(id=2, at=NOW, kind=EventKind.RULE_RESET)]))
    assert [event.id for event in await store.events(EventQuery())] == [2, 1]
    await store.close()
    with connected(path) as db:
        assert db.execute("SELECT id, mood FROM events ORDER BY id").fetchall() == [(1, "calm"), (2, None)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(SCHEMA.revisions) + 1,)
    kept = path.with_name("ledger.db.bak")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [event.id for event in read_events(kept, EventQuery())] == [1]
    assert len(kept.read_bytes()) == len(before)
    with pytest.raises(StoreUnreadableError, match="newer Salus"):
        read_snapshot(path, NOW)


async def test_rows_of_a_killed_salus_are_in_the_copy_too(tmp_path: Path) -> None:
    path, live = tmp_path / "ledger.db", tmp_path / "live"
    live.mkdir()
    store = SqliteStore(live / "ledger.db")
    await store.open()
    await store.write(Batch(events=[Event(id=1, at=NOW, kind=EventKind.RULE_RESET)]))
    for name in ("ledger.db", "ledger.db-wal"):  # as a kill leaves them
        shutil.copy(live / name, tmp_path / name)
    await store.close()
    assert path.with_name("ledger.db-wal").stat().st_size
    upgraded = SqliteStore(path, schema=with_next_revision(tmp_path))
    await upgraded.open()
    assert len(await upgraded.events(EventQuery())) == 1
    await upgraded.close()
    assert len(read_events(path.with_name("ledger.db.bak"), EventQuery())) == 1


async def test_an_upgrade_that_fails_half_way_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await a_ledger(path)
    store = SqliteStore(path, schema=with_next_revision(tmp_path, 'op.execute("UPDATE no_such_table SET x = 1")'))
    with pytest.raises(StoreUnreadableError, match=r"could not be upgraded.*no such table") as caught:
        await store.open()
    await store.close()
    assert "salus.store.migrate" in str(caught.value.remedy)
    assert [event.id for event in read_events(path, EventQuery())] == [1]
    with connected(path) as db:
        assert "mood" not in [row[1] for row in db.execute("PRAGMA table_info(events)")]


def test_the_command_brings_a_ledger_up_to_date_and_says_why_it_could_not(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "salus.store.migrate", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    path = tmp_path / "ledger.db"
    assert run(str(path)).returncode == 0
    assert run(str(path)).returncode == 0
    assert read_events(path, EventQuery()) == []
    path.write_bytes(b"x" * 10_000)
    failed = run(str(path))
    assert failed.returncode == 1
    assert failed.stderr == f"{path}: (sqlite3.DatabaseError) file is not a database\n"
    assert run().returncode == 2


def test_the_agent_never_imports_what_migrates() -> None:
    code = (
        "import sys, asyncio, salus.store.sqlite as s, pathlib, tempfile\n"
        "async def main():\n"
        "    with tempfile.TemporaryDirectory() as d:\n"
        "        store = s.SqliteStore(pathlib.Path(d) / 'ledger.db')\n"
        "        await store.open(); await store.close()\n"
        "asyncio.run(main())\n"
        "sys.exit(str({'sqlalchemy', 'alembic'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr.strip() == "set()"
