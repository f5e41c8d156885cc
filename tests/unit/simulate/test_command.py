"""``salus simulate``, as a person and a script see it."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from salus.cli.root import run as salus
from salus.cli.simulate import tell_story
from salus.config import loads
from salus.model import Event, EventKind
from salus.simulate.observed import Observed
from salus.simulate.report import LINES
from salus.simulate.run import Order, simulate
from salus.simulate.scenario import scenario_from
from tests.unit.simulate.simulation import CHAIN, ONE

CRASH = "services: {web: {faults: [{crash: {at: [1h]}}]}}"
NETWORK = "shared_dependencies: {disk: {needed_by: [web], at: [1h], lasts: 2m}}"


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"one.yaml": ONE, "chain.yaml": CHAIN, "crash.yaml": CRASH, "network.yaml": NETWORK}.items():
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
    return tmp_path


def test_a_person_reads_what_was_healed_and_how_fast(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert salus(["simulate", "one.yaml", "--scenario", "crash.yaml", "--days", "0.1"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    lines = told.out.splitlines()
    assert lines[0].startswith("0.1 days of 1 services, seed 1: ")
    figures = dict(line.split(maxsplit=1) for line in lines if line.startswith(("healed", "recall", "needless")))
    assert figures == {"healed": "1", "recall": "100.00%", "needless": "0"}
    assert "crash  1       0.0 ms    1 s   1 s  1 healed" in lines
    assert lines[-1] == "no action was needless"


def test_a_person_reads_what_was_done_for_nothing_and_why(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert salus(["simulate", "one.yaml", "--scenario", "network.yaml", "--days", "0.1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("NEEDLESS, AFTER"))
    assert lines[at + 1].split() == ["1h", "web", "restart_service", "needs", "disk"]
    assert any(line.startswith("refused: ") for line in lines)


def test_a_script_reads_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert salus(["simulate", "one.yaml", "--scenario", "crash.yaml", "--days", "0.1", "--seed", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["config"], told["seed"], told["healed"], told["recall"]) == ("one.yaml", 4, 1, 1.0)
    assert told["by_kind"]["crash"]["detect"] == {"median": 0.0, "p95": 0.0}
    assert told["violation"] == ""


def test_two_configs_are_put_side_by_side_and_the_better_one_is_marked(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "patient.yaml").write_text(dedent(ONE).replace("cooldown_period: 10s", "min_failure_count: 30"))
    given = ["simulate", "one.yaml", "--scenario", "network.yaml", "--days", "0.1", "--compare", "patient.yaml"]
    assert salus(given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["A: one.yaml", "B: patient.yaml"]
    rows = {line.split("  ")[0]: line.split() for line in lines[4:]}
    assert rows["needless"][-1] == "B"
    assert rows["healable"][-1] == "-"
    assert salus([*given, "--json"]) == 0
    both = json.loads(capsys.readouterr().out)["compared"]
    assert [one["config"] for one in both] == ["one.yaml", "patient.yaml"]
    assert both[0]["needless"] > both[1]["needless"]


def test_what_is_wrong_with_a_scenario_is_told_at_its_place(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "wrong.yaml").write_text("services: {wep: {faults: [{crash: 1h}]}}\n")
    assert salus(["simulate", "one.yaml", "--scenario", "wrong.yaml"]) == 1
    assert capsys.readouterr().err.startswith(
        "wrong.yaml:1:12: services.wep: there is no service 'wep' in the config (did you mean 'web'?)"
    )


def test_a_command_line_without_a_scenario_makes_no_sense(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert salus(["simulate", "one.yaml"]) == 64
    assert "scenario" in capsys.readouterr().err


class NothingEverHeals:
    """A promise that is broken by the first recovery."""

    def judge(self, event: Event, seen: Observed) -> str:
        return "it healed" if event.kind is EventKind.RECOVERY_FINISHED else ""


def test_a_broken_promise_ends_the_time_and_is_told_with_its_story(capsys: pytest.CaptureFixture[str]) -> None:
    finished = simulate(
        Order(
            settings=loads(dedent(ONE)),
            source=scenario_from(CRASH),
            days=1,
            invariants=(NothingEverHeals,),
        )
    )
    assert finished.result.looks < 1000
    assert finished.result.violation == "NothingEverHeals: web at 2026-01-01 01:00:01.000000: it healed"
    tell_story(finished)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "salus: a promise was broken: " + finished.result.violation
    assert "recovery_finished (recovered)" in lines[-1]


def test_a_figure_that_reads_the_same_is_no_better() -> None:
    source = scenario_from(CRASH)
    one, other = (
        simulate(Order(settings=loads(dedent(ONE)), source=source, days=0.1, seed=seed)).result for seed in (1, 1)
    )
    assert {line.winner(one, other) for line in LINES} == {-1}
