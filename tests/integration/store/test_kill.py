"""What was acknowledged survives ``kill -9`` at any instant, and the file stays sound."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salus.ports import EventQuery, RecoveryQuery
from salus.store.ledger import inspect
from salus.store.schema import SCHEMA
from salus.store.sqlite import read_events, read_recoveries

CHILD = Path(__file__).with_name("_writing_child.py")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROUNDS = 30
PIPE = 4096  # a test that stands still for a second finds no more rows than can be asked for at once


def run_and_kill(path: Path, chance: random.Random) -> set[int]:
    """Let a process write, kill it at some instant, and return what it said was written."""
    with subprocess.Popen([sys.executable, str(CHILD), str(path)], stdout=subprocess.PIPE, pipesize=PIPE) as child:
        assert child.stdout is not None
        said = bytearray()
        for _ in range(chance.randrange(0, 60)):
            said += child.stdout.readline()
        threading.Event().wait(chance.random() * 0.003)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    return {int(line) for line in said.split(b"\n")[:-1]}


@pytest.mark.timeout(120)
def test_no_acknowledged_row_is_lost_and_the_file_stays_sound(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    chance = random.Random(20260501)
    acknowledged: set[int] = set()
    for _ in range(ROUNDS):
        acknowledged |= run_and_kill(path, chance)
        if not path.exists():
            assert not acknowledged  # it died before there was a ledger
            continue
        assert inspect(path, SCHEMA, check_seconds=30) == SCHEMA.head
    found = {event.id for event in read_events(path, EventQuery(limit=10_000))}
    assert acknowledged <= found
    # Both rows of a batch, or neither.
    assert {int(record.id) for record in read_recoveries(path, RecoveryQuery(limit=10_000))} == found
    assert len(acknowledged) > ROUNDS


@pytest.mark.timeout(120)
def test_a_death_while_the_ledger_is_being_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    chance = random.Random(7)
    for number in range(8):
        path = tmp_path / str(number) / "ledger.db"
        with subprocess.Popen([sys.executable, str(CHILD), str(path)], stdout=subprocess.DEVNULL) as child:
            started = threading.Event()
            while not path.parent.exists() and not started.wait(0.0005):
                pass
            started.wait(chance.random() * 0.01)
            child.send_signal(signal.SIGKILL)
        assert inspect(path, SCHEMA) in (None, SCHEMA.head)
