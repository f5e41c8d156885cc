"""What a person reads about incidents, from a ledger as Salus writes it, where no Salus runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from salus.app.ledger import FILE
from salus.cli.root import run
from salus.clock import SystemClock
from salus.model import Event, EventKind, Outcome, RecoveryRecord, StepRecord, StepResult
from salus.ports import Batch
from salus.store.sqlite import SqliteStore

NOW = SystemClock().now()
HOUR = timedelta(hours=1)
CONFIG = """\
checks:
  db: {tcp: {host: 127.0.0.1, port: 1}}
  web: {tcp: {host: 127.0.0.1, port: 2}, depends_on: [db]}
"""

Read = Callable[..., str]


def happened(at: datetime, kind: EventKind, **about: str) -> Event:
    return Event(id=int(at.timestamp() * 1_000_000), at=at, kind=kind, **about)  # type: ignore[arg-type] # each is named


def changed(ago: timedelta, check: str, new: str, message: str = "") -> Event:
    old = "healthy" if new == "unhealthy" else "unhealthy"
    return happened(NOW - ago, EventKind.STATUS_CHANGED, check=check, old=old, new=new, message=message)


def second(count: int) -> timedelta:
    return timedelta(seconds=count)


EVENTS = [
    changed(30 * HOUR, "mail", "unhealthy", "no answer"),
    changed(29 * HOUR, "mail", "healthy"),
    changed(2 * HOUR, "web", "unhealthy", "refused"),
    changed(2 * HOUR - second(5), "db", "unhealthy", "refused"),
    happened(NOW - 2 * HOUR + second(6), EventKind.RECOVERY_STARTED, check="db", rule="db", recovery="r1"),
    happened(NOW - 2 * HOUR + second(8), EventKind.VERIFIED, check="db", rule="db", recovery="r1", reason="passed"),
    changed(2 * HOUR - second(9), "db", "healthy", "open"),
    happened(
        NOW - 2 * HOUR + second(10),
        EventKind.RECOVERY_FINISHED,
        check="db",
        rule="db",
        recovery="r1",
        reason="recovered",
    ),
]
STEP = StepRecord(position=1, action="restart_service", result=StepResult.OK, started_at=NOW, verified=True)
RECOVERY = RecoveryRecord(
    id="r1",
    rule="db",
    check="db",
    decided_at=NOW - 2 * HOUR,
    started_at=NOW - 2 * HOUR,
    outcome=Outcome.RECOVERED,
    duration=4.0,
    message="healthy after restart_service",
    steps=(STEP,),
)


@pytest.fixture
def read(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Read:
    """Run the command about a Salus that was there, and return what it prints."""

    async def write() -> None:
        store = SqliteStore(tmp_path / FILE)
        await store.open()
        await store.write(Batch(events=EVENTS, recoveries=[RECOVERY]))
        await store.close()

    asyncio.run(write())
    (tmp_path / "salus.yaml").write_text(CONFIG)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, code: int = 0) -> str:
        assert run(["incidents", *arguments, "--state-dir", str(tmp_path)]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return command


def test_incidents_stand_in_a_table_the_newest_first(read: Read) -> None:
    head, newest, oldest = read().splitlines()
    assert head.split() == ["BEGAN", "ID", "STATUS", "LASTED", "RECOVERY", "WHAT"]
    assert "goes on  recovered  1 of 2 checks is failing, db first" in newest
    assert "over" in oldest
    assert "1h       -          mail was unhealthy: no answer" in oldest


def test_incidents_are_filtered(read: Read) -> None:
    assert len(read("--open").splitlines()) == 2
    assert len(read("--since", "1d").splitlines()) == 2
    assert len(read("--check", "mail").splitlines()) == 2
    assert len(read("--limit", "1").splitlines()) == 2
    assert read("--check", "nothing") == "no incidents: nothing was wrong\n"


def test_without_a_config_what_hangs_on_what_is_not_known(read: Read, tmp_path: Path) -> None:
    (tmp_path / "salus.yaml").unlink()
    assert len(read().splitlines()) == 4


def test_one_incident_is_told_as_a_story(read: Read) -> None:
    (newest, _) = json.loads(read("--json"))
    told = read(newest["id"][:13])
    assert told.startswith("1 of 2 checks is failing, db first\n")
    assert "checks:    web, db\n" in told
    assert "failing:   web\n" in told
    assert "root:      db\n" in told
    lines = [line.split()[1:3] for line in told.splitlines() if line.startswith("20")]
    assert lines[0] == ["status", "changed"]
    assert lines[-1] == ["recovery", "finished"]
    assert ": healthy after restart_service" in told
    assert "restart_service" in told


def test_one_incident_is_written_as_json_with_its_recoveries(read: Read) -> None:
    (newest, _) = json.loads(read("--json"))
    story = json.loads(read(newest["id"], "--json"))
    assert story["timeline"][0]["new"] == "unhealthy"
    assert story["attempts"][0]["steps"][0]["action"] == "restart_service"


def test_an_id_that_is_none_or_of_several_is_refused(read: Read) -> None:
    assert "there is no incident 'zz'" in read("zz", code=1)
    first = json.loads(read("--json"))[0]["id"][:1]
    assert f"2 incidents begin with '{first}'" in read(first, code=1)
