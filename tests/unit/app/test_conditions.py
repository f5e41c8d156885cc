"""Conditions are compiled with the config, and what is wrong in them is told at its place in the file."""

from __future__ import annotations

import sys

import pytest

from salus.app.conditions import Conditions
from salus.conditions import Condition, language
from salus.config import Sources
from salus.config.reading import Reader
from salus.model import ActionSpec, CheckSpec, RecoveryRule

CHECKS = {
    "web": CheckSpec(name="web", kind="http", interval=30.0),
    "database": CheckSpec(name="database", kind="tcp", interval=10.0),
}

OR = "or more, or look more often)"


def compiled(when: str) -> tuple[Condition | None, list[str]]:
    """Compile the condition of a rule for ``web``; ``when`` is written as in a file."""
    sources = Sources()
    reader = Reader(sources, {})
    tree = reader.read(f"rules:\n  web:\n    when: {when}\n    actions: [log]\n", "salus.yaml")
    assert isinstance(tree, dict)
    text = tree["rules"]["web"]["when"]  # type: ignore[index, call-overload]  # the tree is the one just written
    rule = RecoveryRule(name="web", check="web", ladders=((ActionSpec(kind="log"),),), when=str(text))
    conditions = Conditions(CHECKS, sources)
    condition = conditions.compile(rule)
    return condition, [f"{one.line}:{one.column} {one.what} ({one.remedy})" for one in conditions.problems]


@pytest.mark.parametrize(
    "when, problem",
    [
        (
            "metrics.x > 1 && statuss == 'healthy'",
            "3:28 there is no variable 'statuss' (did you mean 'status'?)",
        ),
        (
            "\"metrics.x > 1 && statuss == 'healthy'\"",
            "3:29 there is no variable 'statuss' (did you mean 'status'?)",
        ),
        (
            ">-\n      metrics.x > 1 &&\n      statuss == 'healthy'",
            "3:11 there is no variable 'statuss', in column 18 of the text (did you mean 'status'?)",
        ),
        (
            "|\n      metrics.x > 1 &&\n      statuss == 'healthy'",
            "3:11 there is no variable 'statuss', in line 2, column 1 of the text (did you mean 'status'?)",
        ),
        (
            "failures > 1 && checks.databse.failures > 0",
            "3:27 there is no check 'databse' (did you mean 'database'?)",
        ),
        (
            "count_bad(['web', 'redis']) > 1",
            "3:29 there is no check 'redis' (known are database, web)",
        ),
        (
            "1 < avg('databaes', 'x', '10m')",
            "3:19 there is no check 'databaes' (did you mean 'database'?)",
        ),
        (
            "1 < trend('x', '10m')",
            (f"3:15 trend() needs 30 looks, and 10m may hold fewer: 'web' is looked at every 30 s (ask for 15m {OR}"),
        ),
        (
            "avg('database', 'x', '5s') > 1",
            (f"3:11 avg() needs a look, and 5 s may hold fewer: 'database' is looked at every 10 s (ask for 10 s {OR}"),
        ),
    ],
)
def test_what_is_wrong_in_a_condition_is_told_at_its_place(when: str, problem: str) -> None:
    condition, problems = compiled(when)
    assert condition is None
    assert problems == [problem]


def test_every_stranger_and_every_short_window_is_told_at_once() -> None:
    _, problems = compiled("checks.a.failures > 0 && count_bad(['b']) > 0 && avg('x', '1s') > slope('x', '20s')")
    assert len(problems) == 4


def test_a_good_condition_is_compiled_once_for_all_the_checks_of_its_rule() -> None:
    rules = [
        RecoveryRule(name=f"all[{name}]", check=name, ladders=(), when="checks.database.failures > 1")
        for name in CHECKS
    ]
    conditions = Conditions(CHECKS, Sources())
    first, second = (conditions.compile(rule) for rule in rules)
    assert first is not None
    assert first is second
    assert conditions.problems == []


def test_a_rule_without_a_condition_has_none() -> None:
    assert Conditions(CHECKS, Sources()).compile(RecoveryRule(name="web", check="web", ladders=())) is None


def test_a_missing_extra_is_a_problem_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    language.environment.cache_clear()
    _, problems = compiled("failures > 1")
    assert problems == ["3:11 a condition (when:) needs the extra 'conditions' (pip install 'salus[conditions]')"]
