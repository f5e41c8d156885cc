"""``salus backtest``, as a person and a script see it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from salus.cli.root import run as salus

CONFIG = """
    salus: {state_dir: ./state}
    services:
      db: {process: {command: [/bin/db]}}
      web: {process: {command: [/bin/web]}}
    checks:
      db: {tcp: {port: 1}, service: db, interval: 10s, timeout: 2s}
      web: {http: "http://127.0.0.1:1/", service: web, interval: 10s, timeout: 2s, depends_on: [db]}
    rules:
      db: {min_failure_count: 2, cooldown_period: 10s, actions: [restart_service]}
      web: {min_failure_count: 2, cooldown_period: 10s, actions: [restart_service]}
"""
FAULTS = """
    services:
      db: {starts_in: 1s, faults: [{crash: {at: [1h]}}]}
      web: {needs: [db], starts_in: 1s, faults: [{crash: {at: [2h]}}]}
    shared_dependencies:
      network: {needed_by: [web], at: [3h6s], lasts: 900ms}
"""
ASSUMED = (
    "assumed: what Salus healed would have lasted until what healed it runs again; all else stays as it was seen\n"
)

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, others beside it, and a ledger of four hours."""
    monkeypatch.chdir(tmp_path)
    files = {
        "salus.yaml": CONFIG,
        "patient.yaml": CONFIG.replace("web: {min_failure_count: 2", "web: {min_failure_count: 5"),
        "eager.yaml": CONFIG.replace("web: {min_failure_count: 2", "web: {min_failure_count: 1"),
        "observing.yaml": CONFIG.replace("db: {min_failure_count: 2", "db: {mode: observe, min_failure_count: 2"),
        "faults.yaml": FAULTS,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
    (tmp_path / "state").mkdir()
    given = ["simulate", "salus.yaml", "--scenario", "faults.yaml", "--days", "0.16", "--ledger"]
    assert salus([*given, "state/ledger.sqlite"]) == 0
    return tmp_path


@pytest.fixture
def backtest(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run it, and return what it prints."""
    capsys.readouterr()

    def run(*arguments: str) -> str:
        assert salus(["backtest", *arguments]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        return told.out

    return run


def test_a_person_reads_what_was_done_and_what_would_have_been(backtest: Run) -> None:
    assert (
        backtest("patient.yaml")
        == """\
2026-01-01T00:00:00Z to 2026-01-01T03:00:07Z: 3 bad spells of 2 checks

WHAT                            THEN  CONFIG
bad spells                      3     3
spells acted on                 2     2
healed                          2     2
needless                        0     0
in vain                         0     0
not tried then, so not known    -     0
acts sooner                     -     0
acts later                      -     1 (median 3 s)
acts where nothing was done     -     0
does nothing where Salus acted  -     0
cut off before it acts          -     0
time to act, median             1 s   2.5 s
time to act, 95%                1 s   4 s
attempts that acted             2     2
called off in time              0     0
calls to a person               0     0
refusals                        0     0

BEGAN                 CHECK  LASTED  ENDED   THEN                                CONFIG
2026-01-01T03:00:06Z  web    1 s     passed  nothing                             nothing: below threshold
2026-01-01T02:00:00Z  web    2 s     healed  after 1 s, restart_service: healed  3 s later, restart_service: healed
2026-01-01T01:00:00Z  db     2 s     healed  after 1 s, restart_service: healed  the same

"""
        + ASSUMED
    )


def test_two_configs_stand_side_by_side(backtest: Run) -> None:
    lines = backtest("eager.yaml", "--compare", "observing.yaml").splitlines()
    assert lines[1:3] == ["A: eager.yaml", "B: observing.yaml"]
    figures = {line.split("  ")[0]: line.split()[-3:] for line in lines[4:] if line}
    assert figures["needless"] == ["0", "1", "0"]
    assert figures["does nothing where Salus acted"] == ["-", "0", "1"]
    assert "B     1 observe only  -" in lines
    assert lines[-6].split() == ["BEGAN", "CHECK", "LASTED", "ENDED", "THEN", "A", "B"]
    assert lines[-5].endswith("after 0 s, restart_service: needless, it passed 1 s later  nothing: below threshold")
    assert re.search(r"restart_service: healed +the same +only says that it would act after 1 s$", lines[-3])


def test_only_what_would_have_gone_otherwise_is_listed_when_asked(backtest: Run) -> None:
    told = backtest("patient.yaml", "--changed")
    assert told.count("restart_service") == 2
    assert "the same" not in told
    assert "nothing would have gone otherwise" in backtest("salus.yaml", "--changed")


def test_one_check_and_a_few_spells(backtest: Run) -> None:
    told = backtest("patient.yaml", "--check", "web", "--limit", "1")
    assert told.startswith("2026-01-01T00:00:00Z to 2026-01-01T03:00:07Z: 2 bad spells of 1 check\n")
    assert "\nand 1 more (--limit)\n" in told
    assert " db " not in told


def test_a_part_of_the_time(backtest: Run) -> None:
    told = backtest("patient.yaml", "--since", "2026-01-01T01:30:00Z", "--until", "2026-01-01T02:30:00Z")
    assert told.startswith("2026-01-01T01:30:00Z to 2026-01-01T02:30:00Z: 1 bad spell of 2 checks\n")


def test_a_time_in_which_nothing_was_bad(backtest: Run) -> None:
    told = backtest("patient.yaml", "--until", "2026-01-01T00:30:00Z")
    assert "no verdict turned bad, and no rule acts" in told


def test_a_script_reads_json(backtest: Run) -> None:
    told = json.loads(backtest("patient.yaml", "--json", "--limit", "2"))
    assert (told["config"], told["since"], told["spells"]) == ("patient.yaml", "2026-01-01T00:00:00Z", 3)
    assert "assumed: " + told["assumed"] + "\n" == ASSUMED
    assert told["then"]["acted"] == told["now"]["acted"] == 2
    assert told["now"]["later_by"] == {"median": 3.0, "p95": 3.0}
    passed, later = told["rows"]
    assert (passed["end"], passed["change"], passed["now"]["why"]) == ("passed", "neither", "below_threshold")
    assert (later["began"], later["change"], later["by"]) == ("2026-01-01T02:00:00Z", "later", 3.0)
    assert later["then"]["at"] == "2026-01-01T02:00:01Z"
    assert (later["now"]["after"], later["now"]["healed_after"]) == (4.0, 5.0)
    both = json.loads(backtest("patient.yaml", "--compare", "eager.yaml", "--json"))["compared"]
    assert [one["config"] for one in both] == ["patient.yaml", "eager.yaml"]


# ── What cannot be replayed ───────────────────────────────────────────────────────────────────────────────────────────


def _statement(sql: str) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(sql)

    return run


@pytest.mark.parametrize(
    "harm, arguments, what, remedy",
    [
        (Path.unlink, [], "there is no ledger at", "name the one to replay with --ledger"),
        (lambda path: path.write_bytes(b""), [], "is cut off: 0 bytes are left of it", "Restore it from a backup"),
        (lambda path: path.write_bytes(b"no" * 999), [], "file is not a database", "Restore it from a backup"),
        (_statement("UPDATE alembic_version SET version_num = '0099'"), [], "newer Salus", "Use the Salus that wrote"),
        (_statement("UPDATE alembic_version SET version_num = '0001'"), [], "older Salus", "upgrades it"),
        (_statement("UPDATE observations SET status = 'fine'"), [], "cannot be understood", "Restore it from a backup"),
        (_statement("DELETE FROM events; DELETE FROM observations"), [], "holds nothing yet", "let `salus run` watch"),
        (None, ["--since", "2026-02-01"], "holds nothing of that time", "it begins at 2026-01-01T00:00:00Z and ends"),
        (None, ["--check", "wep"], "there is no check 'wep'", "did you mean 'web'?"),
        (None, ["--ledger", "elsewhere"], "there is no ledger at elsewhere", "--ledger"),
        (None, ["--compare", "nope.yaml"], "nope.yaml: there is no such file", "name an existing file"),
    ],
)
def test_what_cannot_be_replayed_says_why_and_what_to_do(  # noqa: PLR0917 - fixtures, and a table
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], Any] | None,
    arguments: list[str],
    what: str,
    remedy: str,
) -> None:
    capsys.readouterr()
    if harm:
        harm(folder / "state" / "ledger.sqlite")
    assert salus(["backtest", "patient.yaml", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert what in told.err
    assert remedy in told.err


def test_a_ledger_of_other_checks_names_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text("checks: {root: {disk: {path: /}}}\n")
    assert salus(["backtest", "other.yaml", "--ledger", "state/ledger.sqlite"]) == 1
    assert "knows none of the checks of this config (it knows db, web)" in capsys.readouterr().err


def test_a_config_that_keeps_no_ledger_needs_one_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "salus.yaml").read_text().replace("state_dir: ./state", "store: memory")
    (folder / "memory.yaml").write_text(text)
    assert salus(["backtest", "memory.yaml"]) == 1
    told = capsys.readouterr().err
    assert "keeps its ledger in memory, where nothing is left of it (name a file with --ledger)" in told
    assert salus(["backtest", "memory.yaml", "--ledger", "state/ledger.sqlite"]) == 0


@pytest.mark.parametrize("arguments", [[], ["a.yaml", "--since", "yesterday"], ["a.yaml", "--limit", "0"]])
def test_a_command_line_that_makes_no_sense_is_64(arguments: list[str]) -> None:
    assert salus(["backtest", *arguments]) == 64
