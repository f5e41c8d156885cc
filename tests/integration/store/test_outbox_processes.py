"""What two processes do with one outbox, and what a ``kill -9`` leaves of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from salus.model import AlertState, DeliveryState
from salus.ports import AlertQuery, Batch
from salus.store.sqlite import SqliteStore, read_alerts, read_deliveries
from tests.integration.store.alerting import delivery

ROOT = Path(__file__).parents[3]
ROUNDS = 20
DELIVERIES = 2000
PIPE = 4096  # a test that stands still for a second finds no more rows than can be asked for at once


def start(program: str, *arguments: str, pipe: int = -1) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.integration.store.{program}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pipesize=pipe,
    )


def tell_and_kill(path: Path, chance: random.Random) -> int:
    """Let a process tell, kill it at some instant, and return how many batches it said were written."""
    with start("_telling_child", str(path), pipe=PIPE) as child:
        assert child.stdout is not None
        said = bytearray()
        for _ in range(chance.randrange(1, 60)):
            said += child.stdout.readline()
        threading.Event().wait(chance.random() * 0.003)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    return said.count(b".")


@pytest.mark.timeout(120)
def test_an_alert_that_says_it_was_told_has_its_delivery_and_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    chance = random.Random(20260502)
    acknowledged = sum(tell_and_kill(path, chance) for _ in range(ROUNDS))
    expected = set()
    for alert in read_alerts(path, AlertQuery(limit=10_000)):
        expected.add(2 * int(alert.id) + 1)
        if alert.told["ops"].state is AlertState.RESOLVED:
            expected.add(2 * int(alert.id) + 2)
    found = {row.number for row in read_deliveries(path, limit=10_000)}
    assert found == expected
    assert len(found) >= acknowledged > ROUNDS


@pytest.mark.timeout(120)
async def test_two_processes_claim_each_delivery_exactly_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    store = SqliteStore(path)
    await store.open()
    await store.write(Batch(deliveries=[delivery(number) for number in range(1, DELIVERIES + 1)]))
    await store.close()
    with ExitStack() as stack:
        children = [stack.enter_context(start("_claiming_child", str(path), by)) for by in ("one", "two")]
        for child in children:  # both stand ready before either begins
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"\n")
            child.stdin.flush()
        tried = [[int(line) for line in child.communicate(timeout=60)[0].split()] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sorted(tried[0] + tried[1]) == list(range(1, DELIVERIES + 1))
    assert all(tried)  # they did meet
    rows = read_deliveries(path, limit=10_000)
    assert {(row.state, row.attempts, row.claimed_by) for row in rows} == {(DeliveryState.SENT, 1, "")}
