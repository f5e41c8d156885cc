"""What a person reads about policy, letter by letter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from salus.cli import explain, rules
from salus.cli.status import show
from salus.model import (
    Answer,
    Brake,
    Circuit,
    Maintenance,
    Mode,
    Pause,
    PolicyReport,
    RefusalReason,
    RuleReport,
    RuleState,
    Selector,
)
from salus.surfaces import wire
from salus.surfaces.explain import document
from tests.fake_agent import DISK, NOW, RECOVERY, WAITING, WEB, WEB_RULE, FakeView, explanation, refusal


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


def after(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


POLICY = PolicyReport(
    mode=Mode.APPROVE,
    pause=Pause(since=NOW - after(5), until=NOW + after(55), reason="moving house", by="olaf"),
    maintenance=(
        Maintenance(
            id="deploy", since=NOW - after(2), until=NOW + after(28),
            members=Selector(checks=("a", "b"), services=("web",)), reason="version 42",
        ),
        Maintenance(id="nightly", since=NOW + after(60), until=NOW + after(90), members=Selector(everything=True)),
    ),
    brakes=(
        Brake(scope="tag:blue", since=NOW - after(1), probe_at=NOW + after(1), names=("a", "b", "c")),
        Brake(scope="all", since=NOW - after(3), probe_at=NOW - after(1), probing="01ABCDEFGHI", names=("d",)),
    ),
    circuits=(Circuit(action="restart_service", failures=3, opened_at=NOW - after(1), retry_at=NOW + after(4)),),
    causes=("20 command checks fail alike (exit_127)",),
    overload="work on this host waits 83% of the time for a CPU",
    rivals=("service:web is restarted by somebody else",),
    disabled=("disk",),
)  # fmt: skip


def rule(name: str, **state: object) -> RuleReport:
    named = replace(WEB_RULE.rule, name=name)
    return RuleReport(rule=named, state=replace(RuleState(rule=name), **state))  # type: ignore[arg-type] # as given


RULES = [
    rule("asks", approval=WAITING),
    rule("back-again", recurring_since=NOW - after(9), recoveries=(NOW, NOW, NOW)),
    rule("gave-up", attempts=3, exhausted_since=NOW - after(10), last_finished=NOW - after(10)),
    rule("no", approval=replace(WAITING, answer=Answer.REJECTED, answered_at=NOW - after(1), by="ann", note="wait")),
]


def test_status_begins_with_what_holds_healing_and_how_to_change_it(capsys: pytest.CaptureFixture[str]) -> None:
    view = FakeView([DISK], report=POLICY, rule_list=RULES)
    show(json.loads(wire.encode(wire.status(view, NOW))), NOW)
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    told = [tuple(part.strip() for part in line if part.strip()) for line in lines[: lines.index([""], 4)]]
    assert told[2:] == [
        ("mode approve: every rule waits for a person before it acts",),
        (),
        ("ATTENTION", "SINCE", "ENDS", "ABOUT", "TO CHANGE IT"),
        ("pause", "5m ago", "in 55m", "all recovery (olaf: moving house)", "salus resume"),
        ("maintenance", "2m ago", "in 28m", "deploy: check a, b; service web (version 42)",
         "salus maintenance end deploy"),
        ("overload", "-", "-", "work on this host waits 83% of the time for a CPU", "-"),
        ("shared cause", "-", "-", "20 command checks fail alike (exit_127)", "-"),
        ("storm brake", "1m ago", "in 1m", "tag blue: a, b, c turned bad together", "-"),
        ("storm brake", "3m ago", "now", "all targets: d turned bad together; recovery 01ABCDEF is tried", "-"),
        ("circuit open", "1m ago", "in 4m", "restart_service failed 3 times in a row, and is skipped", "-"),
        ("rival", "-", "-", "service:web is restarted by somebody else", "-"),
        ("approval", "3m ago", "in 12m", "rule asks asks to heal web", "salus approve ab12, or salus reject ab12"),
        ("recurring", "9m ago", "-", "rule back-again heals web, and it comes back: 3 times", "-"),
        ("gave up", "10m ago", "in 20m", "rule gave-up has given up on web", "salus reset gave-up"),
        ("rejected", "1m ago", "-", "rule no (ann: wait)", "salus reset no"),
        ("switched off", "-", "-", "rule disk, by a person", "salus rule enable disk"),
    ]  # fmt: skip


def test_a_rule_is_off_when_the_config_or_a_person_says_so() -> None:
    view = FakeView(rule_list=[rule("disk"), rule("web")], report=POLICY)
    told = json.loads(wire.encode(wire.status(view, NOW)))
    assert [(one["name"], one["enabled"]) for one in told["rules"]] == [("disk", False), ("web", True)]


@pytest.mark.parametrize(
    "own, whole, shown",
    [("auto", "auto", "auto"), ("approve", "auto", "approve"), ("approve", "observe", "observe")],
)
def test_the_more_careful_mode_is_shown(own: str, whole: str, shown: str) -> None:
    report = replace(WEB_RULE, rule=replace(WEB_RULE.rule, mode=Mode(own)), whole=Mode(whole))
    assert rules.mode(json.loads(wire.encode(wire.rule(report)))) == shown


@pytest.mark.parametrize(
    "when, count, window, words",
    [
        ("", 1, 0, "degraded or worse"),
        ("", 3, 0, "degraded or worse, 3 looks in a row"),
        ("metrics.rss_bytes > 1e9", 3, 5, "metrics.rss_bytes > 1e9, 3 of 5 looks"),
    ],
)
def test_when_a_rule_acts_is_said_in_words(when: str, count: int, window: int, words: str) -> None:
    told = {"when": when, "trigger_on": "degraded", "min_failure_count": count, "failure_window": window}
    assert rules.trigger(told) == words


def test_ladders_are_listed_and_long_ones_cut() -> None:
    assert rules.ladders({"ladders": [["log", "restart_service"], ["run"]]}) == "log, restart_service | run"
    assert len(rules.ladders({"ladders": [["restart_service"] * 9]})) == 60


def past(**changes: object) -> dict[str, object]:
    last = json.loads(wire.encode(wire.recovery(RECOVERY)))
    return {"last_recovery": last, "recoveries_in_the_last_hour": 2, "remark": ""} | changes


def told(*refusals: RefusalReason, **changes: object) -> dict[str, object]:
    held = [refusal(reason, "because", 42) for reason in refusals]
    document_ = json.loads(wire.encode(document(WEB, [explanation(*held)], NOW)))
    document_["rules"][0].update(past(**changes))
    return {"running": True, **document_}


def test_an_explanation_is_the_verdict_the_stages_and_what_is_spent(capsys: pytest.CaptureFixture[str]) -> None:
    explain.show(told(RefusalReason.COOLING_DOWN), NOW)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "web is unhealthy for 2m5s: expected status 200, got 500",
        "",
        "web will not act: cooling down for 42 s more (because)",
        "To change that: salus heal web",
        "",
    ]
    stages = lines[5 : 6 + len(RefusalReason)]
    assert stages[0].split() == ["STAGE", "ANSWER", "QUESTION", "DETAIL"]
    assert [line.split()[1] for line in stages[1:]].count("pass") == len(RefusalReason) - 1
    (refused,) = [line for line in stages if " refuses " in line]
    assert refused.startswith("cooling_down ")
    assert refused.endswith("Is it not cooling_down?         because, for 42 s more")
    assert lines[6 + len(RefusalReason) :] == [
        "",
        "mode:          auto",
        "acts when:     degraded or worse",
        "attempts:      2 of 3 in this incident",
        "cooldown:      1m, 42 s left",
        "recurrence:    0 healed within 1h, 3 are no cure",
        "last hour:     2 recoveries started",
        "last recovery: recovered after 1.94 s, 5 s ago: healthy after restart_service (01A)",
    ]


def test_a_check_without_rules_is_only_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    explain.show({"running": True, **json.loads(wire.encode(document(WEB, [], NOW)))}, NOW)
    assert capsys.readouterr().out.splitlines()[1:] == ["no rule watches it: Salus looks, tells, and never acts"]


def test_a_ledger_that_cannot_be_read_does_not_hide_the_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    remark = "the ledger is gone"
    explain.show(told(last_recovery=None, recoveries_in_the_last_hour=None, remark=remark), NOW)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "web would act at the next bad look: nothing holds it"
    assert lines[-2:] == ["last hour:     the ledger is gone", "last recovery: none"]
