"""``kill -9`` of Salus at random instants while it heals: nothing is doubled, lost, or counted twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.salus_process import SalusProcess, eventually, nothing_may_happen_for

PROGRAM = Path(__file__).parent / "only_copy.py"
COOLDOWN = 0.15
ROUNDS = 100


def config(folder: Path) -> str:
    command = json.dumps([sys.executable, "-I", "-S", str(PROGRAM), str(folder)])
    return f"""
services:
  web: {{process: {{command: {command}}}}}
checks:
  web: {{process: {{service: web}}, service: web, interval: 1s, retry_interval: 50ms}}
rules:
  web:
    cooldown_period: {int(COOLDOWN * 1000)}ms
    max_recovery_attempts: 100000
    reset_after: 1h
    actions: [log, {{run: [sleep, "0.01"]}}, restart_service, {{wait: 10ms}}]
limits: {{recoveries_per_hour: 1000000}}
"""


def only_copy(salus: SalusProcess) -> int | None:
    """Return the pid of the service when exactly one copy runs."""
    copies = salus.children("service:web")
    return copies[0] if len(copies) == 1 else None


def knows(salus: SalusProcess, pid: int) -> bool:
    """Tell whether Salus has taken over that copy."""
    return salus.status() is not None and salus.service("web")["pid"] == pid


def attempts(salus: SalusProcess) -> int:
    """Return how many attempts are in the ledger."""
    with closing(sqlite3.connect(salus.state / "ledger.sqlite")) as ledger:
        ((count,),) = ledger.execute("select count(*) from recoveries").fetchall()
    return int(count)


def acts(salus: SalusProcess, known: int) -> bool:
    """Tell whether it has begun another attempt."""
    return attempts(salus) > known


@pytest.mark.timeout(900)
def test_killed_a_hundred_times_while_healing_it_never_doubles_loses_or_miscounts(
    salus: Callable[[str], SalusProcess], tmp_path: Path
) -> None:
    luck = random.Random(20261123)
    agent = salus(config(tmp_path))
    agent.ready()
    for number in range(ROUNDS):
        pid = eventually(lambda: only_copy(agent), what=f"round {number}: one copy\n{agent.log[-3000:]}")
        eventually(partial(knows, agent, pid), what=f"round {number}: adoption")
        known = attempts(agent)
        if number % 2:
            os.kill(pid, signal.SIGKILL)
            if number % 4 == 1:  # it dies after it has begun; at other times perhaps before
                eventually(partial(acts, agent, known), what=f"round {number}: an attempt\n{agent.log[-3000:]}")
        else:  # a restart of what runs: there is an instant between its stop and its start
            threading.Thread(target=_heal, args=(agent,), daemon=True).start()
        nothing_may_happen_for(luck.uniform(0.0, 0.08))
        agent.kill()
        agent.start()
        agent.ready()
        assert not (tmp_path / "second-copy").exists(), f"round {number}: two copies"
    eventually(lambda: only_copy(agent), what="one copy in the end")
    nothing_may_happen_for(2 * COOLDOWN)
    assert not agent.children("action"), "an action outlived its Salus"
    assert agent.stop() == 0
    assert agent.children() == []
    _books_are_right(agent)


def _heal(agent: SalusProcess) -> None:
    try:
        agent.ask("POST", "/v1/rules/web/heal")
    except Exception:  # noqa: BLE001 - it is killed while it answers
        return


def _books_are_right(agent: SalusProcess) -> None:
    ledger = sqlite3.connect(agent.state / "ledger.sqlite")
    rows = ledger.execute(
        "select started_at, finished_at, outcome, manual, duration from recoveries order by started_at"
    ).fetchall()
    ((state,),) = ledger.execute("select state from rule_states where rule_name = 'web'").fetchall()
    spent = json.loads(state).get("attempts", 0)
    ledger.close()
    assert len(rows) >= ROUNDS // 4
    assert all(outcome is not None for _, _, outcome, _, _ in rows), "an attempt was left open"
    own = [row for row in rows if not row[3] and row[2] != "cancelled"]
    assert spent == len(own), "an attempt was counted twice, or not at all"
    for (_, before, *_), (started, *_) in pairwise(own):
        assert started - before >= COOLDOWN * 1e6 - 1000, "the cooldown was not honoured"
