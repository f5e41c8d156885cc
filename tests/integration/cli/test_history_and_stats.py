"""What a person reads about the past, from a ledger as Salus writes it, where no Salus runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from salus.app.ledger import FILE
from salus.cli.root import run
from salus.model import Event, EventKind, Outcome, RecoveryRecord, StepRecord, StepResult
from salus.ports import Batch
from salus.store.sqlite import SqliteStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

Read = Callable[..., str]


def step(action: str, result: StepResult = StepResult.OK, **facts: Any) -> StepRecord:
    return StepRecord(position=1, action=action, result=result, started_at=NOW, duration=0.5, **facts)


def recovery(name: str, at: timedelta, outcome: Outcome | None = Outcome.RECOVERED, **facts: Any) -> RecoveryRecord:
    start = NOW + at
    made = RecoveryRecord(
        id=name,
        rule="web",
        check="web-up",
        trigger="got 500",
        failing_since=start - timedelta(seconds=2),
        decided_at=start,
        started_at=start,
        finished_at=start + timedelta(seconds=3) if outcome else None,
        outcome=outcome,
        duration=3.0 if outcome else None,
        steps=(step("restart_service", verified=outcome is Outcome.RECOVERED),),
    )
    return replace(made, **facts)


RECOVERIES = [
    recovery("a1", 0 * HOUR),
    recovery("a2", 30 * MINUTE, Outcome.CANCELLED, needless=True, steps=(), message="a fresh look says healthy"),
    recovery("a3", 40 * MINUTE, Outcome.FAILED, steps=(step("restart_service", StepResult.SKIPPED),)),
    recovery("a4", 41 * MINUTE, attempt=2, ladder=1, approved_by="eve"),
    recovery("a5", 9 * HOUR, Outcome.NOT_RECOVERED, ladder=-1, steps=(step("log"),)),
    recovery("b1", 10 * HOUR, rule="db", check="db-up", half_open=True),
    recovery("b2", 20 * HOUR, None, rule="db", check="db-up", manual=True, steps=()),
]
REFUSALS = [("web", "cooling_down"), ("web", "storm_brake"), ("web", "cooling_down"), ("dry", "observe_only")]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The state folder of a Salus that was there."""

    async def write() -> None:
        store = SqliteStore(tmp_path / FILE)
        await store.open()
        events = [
            Event(id=n, at=NOW, kind=EventKind.RECOVERY_REFUSED, rule=rule, check=f"{rule}-up", reason=reason)
            for n, (rule, reason) in enumerate(REFUSALS, start=1)
        ]
        await store.write(Batch(recoveries=RECOVERIES, events=events))
        await store.close()

    asyncio.run(write())
    return tmp_path


@pytest.fixture
def read(ledger: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Read:
    """Run a command and return what it prints."""
    monkeypatch.setenv("TERM", "dumb")

    def command(*arguments: str) -> str:
        assert run([*arguments, "--state-dir", str(ledger)]) == 0
        return capsys.readouterr().out

    return command


def test_stats_tell_what_rules_and_actions_did(read: Read) -> None:
    assert (
        read("stats", "--since", "2026-02-01T00:00:00Z")
        == """\
since 2026-02-01T00:00:00Z

RULE       ATTEMPTS  HEALED    DETECTED (95%)  RECOVERED (95%)  BACK     BESIDES
db         1         1 (100%)  2 s (2 s)       5 s (5 s)        0 (0%)   1 running, 1 half-open (1 healed)
web        3         2 (67%)   2 s (2 s)       5 s (5 s)        1 (50%)  1 failed, 1 called off (1 needless), \
1 approved, 1 last resort (0 healed)
all rules  4         3 (75%)   2 s (2 s)       5 s (5 s)        1 (33%)  1 failed, 1 called off (1 needless), \
1 running, 1 approved, 1 half-open (1 healed), 1 last resort (0 healed)

ACTION           RUNS  HEALED    TOOK (95%)       BESIDES
log              1     -         500 ms (500 ms)  -
restart_service  3     3 (100%)  500 ms (500 ms)  1 skipped

RULE  REFUSED  WOULD HAVE ACTED  BECAUSE
dry   0        1                 -
web   3        -                 2 cooling down, 1 storm brake
"""
    )


def test_stats_of_one_rule_and_of_one_check_are_of_nothing_else(read: Read) -> None:
    for asked in (["--rule", "db"], ["--check", "db-up"]):
        found = read("stats", "--since", "2026-02-01T00:00:00Z", *asked)
        assert found.startswith(f"since 2026-02-01T00:00:00Z for {asked[0][2:]} '{asked[1]}'\n")
        assert "web" not in found
        assert "all rules" not in found
        assert "REFUSED" not in found


def test_stats_as_json_are_numbers(read: Read) -> None:
    told = json.loads(read("stats", "--since", "2026-02-01T00:00:00Z", "--json"))
    assert told["since"] == "2026-02-01T00:00:00Z"
    assert [one["rule"] for one in told["rules"]] == ["db", "dry", "web"]
    web = told["rules"][2]
    assert web["outcomes"] == {"recovered": 2, "failed": 1}
    assert web["time_to_recover"] == {"count": 2, "mean": 5.0, "median": 5.0, "p95": 5.0}
    assert web["last_resorts"] == {"count": 1, "recovered": 0}
    assert web["refusals"] == {"cooling_down": 2, "storm_brake": 1}
    assert told["rules"][1]["success_rate"] is None
    assert told["total"]["success_rate"] == 0.75
    assert [one["action"] for one in told["actions"]] == ["log", "restart_service"]


def test_stats_of_a_time_without_rows_say_so(read: Read) -> None:
    assert read("stats", "--since", "2026-04-01T00:00:00Z") == "nothing had to be healed since 2026-04-01T00:00:00Z\n"
    nobody = read("stats", "--since", "2026-04-01T00:00:00Z", "--rule", "wbe")
    assert nobody == "nothing had to be healed for rule 'wbe' since 2026-04-01T00:00:00Z\n"
    assert json.loads(read("stats", "--since", "2026-04-01T00:00:00Z", "--json"))["rules"] == []


def test_stats_without_a_ledger_name_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats", "--state-dir", str(tmp_path)]) == 1
    assert "Has Salus run with this state folder?" in capsys.readouterr().err
    assert run(["stats", "--since", "yesterday"]) == 64


def test_history_tells_ladders_approvals_skipped_steps_and_what_was_called_off(read: Read) -> None:
    lines = read("history").splitlines()
    assert [" ".join(line.split()[1:-2]) for line in lines[1:8]] == [
        "b2 db 1 (manual) running 2 s - -",
        "b1 db 1 (half-open) recovered 2 s 5 s restart_service",
        "a5 web 1 (last resort) not recovered 2 s - log",
        "a4 web 2 (ladder 2, approved by eve) recovered 2 s 5 s restart_service",
        "a3 web 1 failed 2 s - restart_service (skipped)",
        "a2 web 1 called off 2 s - -",
        "a1 web 1 recovered 2 s 5 s restart_service",
    ]
    assert lines[9:] == [
        "db: 1 of 1 recovered and verified (100%), median 5 s",
        "web: 2 of 3 recovered and verified (67%), median 5 s, 1 failed",
    ]


def test_one_recovery_that_was_called_off_says_why(read: Read) -> None:
    assert "web called off after 3 s: a fresh look says healthy\n" in read("history", "a2")
    assert "attempt:       2 (ladder 2, approved by eve)\n" in read("history", "a4")
    told = json.loads(read("history", "a2", "--json"))
    assert (told["outcome"], told["needless"]) == ("cancelled", True)
