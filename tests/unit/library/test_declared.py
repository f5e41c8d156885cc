"""Code and files meet in one config: the file tunes, the code says what things are, and each problem has its place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from salus.config import load
from salus.config.declared import Declared
from salus.errors import ConfigError
from salus.model import Status


def declared() -> Declared:
    made = Declared()
    made.add("checks", "db", {"function": {"call": "os:getpid"}, "interval": 5, "critical": True}, ("app.py", 7))
    made.add(
        "rules", "db", {"actions": ["log", {"wait": "1s"}], "cooldown_period": timedelta(minutes=2)}, ("app.py", 9)
    )
    return made


def written(folder: Path, text: str) -> list[Path]:
    file = folder / "salus.yaml"
    file.write_text(text, encoding="utf-8")
    return [file]


def test_without_any_file_the_code_is_the_whole_config() -> None:
    settings = load([], declared=declared())
    assert settings.checks["db"].interval == 5
    assert settings.rules[0].cooldown_period == 120
    assert settings.files == ()


def test_a_file_tunes_what_the_code_declares(tmp_path: Path) -> None:
    paths = written(tmp_path, "checks: {db: {interval: 1s}}\nrules: {db: {trigger_on: unhealthy}}\n")
    settings = load(paths, declared=declared())
    check, rule = settings.checks["db"], settings.rules[0]
    assert (check.interval, check.critical, check.kind) == (1, True, "function")
    assert (rule.trigger_on, rule.cooldown_period) == (Status.UNHEALTHY, 120)


def test_a_rule_of_the_code_may_watch_a_check_of_the_file_and_the_other_way_round(tmp_path: Path) -> None:
    made = declared()
    made.add("rules", "disk", {"actions": ["log"]}, ("app.py", 12))
    text = "checks: {disk: {disk: {path: /, free_above: 1%}}}\nrules: {again: {check: db, actions: [log]}}\n"
    settings = load(written(tmp_path, text), declared=made)
    assert {rule.name: rule.check for rule in settings.rules} == {"db": "db", "disk": "disk", "again": "db"}


def test_what_a_check_is_stands_in_one_place_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, "checks:\n  db:\n    tcp: 5432\n"), declared=declared())
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (3, "checks.db.tcp")
    assert "stands in the code of the program already" in problem.what


def test_the_code_cannot_declare_a_name_twice_and_is_told_where_the_first_stands() -> None:
    with pytest.raises(ConfigError, match=r"'db' already; the first was declared at app\.py:7"):
        declared().add("checks", "db", {"tcp": 1}, ("app.py", 20))


def test_what_is_wrong_in_the_code_is_told_with_its_line() -> None:
    made = declared()
    made.add("checks", "slow", {"function": {"call": "os:getpid"}, "intervall": 5}, ("app.py", 31))
    with pytest.raises(ConfigError) as caught:
        load([], declared=made)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("app.py", 31)
    assert "did you mean 'interval'?" in problem.remedy


def test_a_copy_does_not_change_with_what_it_was_made_of() -> None:
    made = declared()
    copy = made.copy()
    assert made.remove("checks", "db")
    assert "db" in copy.sections["checks"]
    assert not made.remove("checks", "db")


def told(made: Declared) -> str:
    with pytest.raises(ConfigError) as caught:
        load([], declared=made)
    return str(caught.value)


@pytest.mark.parametrize("value", [-1, -1.5, float("nan"), float("inf"), timedelta(seconds=-1)])
def test_a_number_that_can_be_no_duration_is_told_as_it_was_written(value: object) -> None:
    made = Declared()
    made.add("checks", "db", {"function": {"call": "os:getpid"}, "interval": value}, ("app.py", 7))
    written = value.total_seconds() if isinstance(value, timedelta) else value
    assert f"checks.db.interval: {written} " in told(made)
    assert "0000s" not in told(made)


@pytest.mark.parametrize("value, seconds", [(0.25, 0.25), (10, 10), (100.0, 100), (timedelta(minutes=2), 120)])
def test_a_number_that_can_be_a_duration_is_seconds(value: object, seconds: float) -> None:
    made = Declared()
    made.add("checks", "db", {"function": {"call": "os:getpid"}, "interval": value}, ("app.py", 7))
    assert load([], declared=made).checks["db"].interval == seconds


def test_what_the_code_lacks_is_declared_in_the_code_and_what_a_file_lacks_in_the_file(tmp_path: Path) -> None:
    made = Declared()
    made.add("checks", "db", {"function": {"call": "os:getpid"}, "service": "web"}, ("app.py", 7))
    assert "there is no service 'web' (declare it: health.service(NAME, start=..., stop=...))" in told(made)
    with pytest.raises(ConfigError, match="add it to services:"):
        load(written(tmp_path, "checks: {db: {tcp: 1, service: web}}\n"), declared=Declared())
