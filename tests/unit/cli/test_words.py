"""What a person reads, letter by letter."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from salus import logs
from salus.cli.check import plugin_line
from salus.cli.errors import explain, problem_text
from salus.cli.history import summary
from salus.cli.output import Table, Word, ago, say, span
from salus.cli.status import show
from salus.errors import ConfigError, NotFoundError, Problem
from salus.model import CheckSpec, Event, EventKind, Metric, Outcome, Status
from salus.surfaces import wire
from tests.fake_agent import API, DISK, NEW, NOW, RECOVERY, RUNNING, WAITING, WEB, WEB_RULE, WEB_SERVICE, FakeView, look


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


def test_status_shows_what_needs_attention_first(capsys: pytest.CaptureFixture[str]) -> None:
    view = FakeView([API, DISK, NEW, WEB], service_list=[WEB_SERVICE], rule_list=[WEB_RULE], running=[RUNNING])
    show(json.loads(wire.encode(wire.status(view, NOW))), NOW)
    assert (
        capsys.readouterr().out
        == """\
Salus 0.1.0 on host (test), pid 4242, up 3h12m
unhealthy: 3 of 4 checks need attention: api, new, web

HEALING NOW  ATTEMPT  STARTED  DOING                                 BECAUSE
web          2        5 s ago  restart_service, 3 s of at most 30 s  expected status 200, got 500

CHECK  STATUS     SINCE     LOOKED AT  MESSAGE
web    unhealthy  2m5s ago  4 s ago    expected status 200, got 500 (critical)
api    degraded   1h ago    4 s ago    812 ms, expected below 500 ms
new    unknown    -         -          not looked at yet
disk   healthy    1h ago    4 s ago    62% free

SERVICE  STATE    PID  SINCE   STARTS  MESSAGE
web      running  777  2m ago  2       -

RULE  MODE  ATTEMPTS  STATE    LAST ATTEMPT            LAST REFUSAL
web   auto  2 of 3    healing  not recovered 20 s ago  cooling down: the last attempt ended 18 s ago, for 42 s more
"""
    )


def test_a_salus_that_has_just_begun_is_not_up_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for seconds, words in [(0.34, "up 340 ms"), (3.04, "up 3.04 s"), (75.4, "up 1m15s")]:
        told = json.loads(wire.encode(wire.status(FakeView([DISK]), NOW)))
        told["agent"]["uptime"] = seconds
        show(told, NOW)
        assert f", {words}\n" in capsys.readouterr().out


def test_a_rule_says_whether_it_is_ready_cools_down_waits_or_gave_up(capsys: pytest.CaptureFixture[str]) -> None:
    gave_up = replace(WEB_RULE, state=replace(WEB_RULE.state, exhausted_since=NOW - timedelta(minutes=3)))
    fresh = replace(WEB_RULE, state=replace(WEB_RULE.state, attempts=0), refusal=None)
    asks = replace(WEB_RULE, state=replace(WEB_RULE.state, approval=WAITING))
    last = replace(WEB_RULE, state=replace(WEB_RULE.state, attempts=3))
    last_but_no_cooldown = replace(
        last, state=replace(last.state, last_finished=NOW - timedelta(minutes=20)), refusal=None
    )
    off = replace(WEB_RULE, rule=replace(WEB_RULE.rule, enabled=False))
    for report, words in [
        (WEB_RULE, "cooling down for 42 s"),
        (last, "cooling down for 42 s; no attempt left; salus reset web"),
        (last_but_no_cooldown, "no attempt left; salus reset web"),
        (gave_up, "gave up 3m ago; salus reset web"),
        (fresh, "ready"),
        (asks, "waits for a person; salus approve web"),
        (off, "off"),
    ]:
        show(json.loads(wire.encode(wire.status(FakeView([DISK], rule_list=[report]), NOW))), NOW)
        assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    "status, message, metrics, line",
    [
        (Status.HEALTHY, "200 in 12 ms", {"latency_seconds": Metric(0.012, "seconds")},
         "web OK - 200 in 12 ms | latency_seconds=0.012s"),
        (Status.DEGRADED, "slow | very\nslow", {}, "web WARNING - slow / very slow"),
        (Status.UNHEALTHY, "", {"free bytes": Metric(85269331970, "bytes"), "x": Metric(float("nan"))},
         "web CRITICAL - unhealthy | 'free bytes'=85269331970B x=U"),
        (Status.UNKNOWN, "no such file", {"free_ratio": Metric(0.62, "ratio")},
         "web UNKNOWN - no such file | free_ratio=0.62"),
    ],
)  # fmt: skip
def test_a_look_is_told_as_a_monitoring_plugin_tells_it(
    status: Status, message: str, metrics: dict[str, Metric], line: str
) -> None:
    assert plugin_line(CheckSpec(name="web", kind="http"), look(status, message, metrics=metrics)) == line


def test_a_problem_shows_the_line_and_a_caret_below_the_place(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text("checks:\n  web:\n\thttp: {urll: x}\n")
    problem = Problem(file=str(file), line=3, column=9, path="checks.web.http.urll", what="unknown key", remedy="url?")
    assert problem_text(problem) == (
        f"{file}:3:9: checks.web.http.urll: unknown key (url?)\n    3 |  http: {{urll: x}}\n      |         ^"
    )


@pytest.mark.parametrize(
    "written,shown",
    [
        ("      url: https://hooks.example.org/T0/B0?x=y  # chat", "      url: https://hooks.example.org/***  # chat"),
        ("{url: http://me:pw@h:80/x, secret: }", "{url: http://***@h:80/***, secret: }"),
        ('{"password": "correct horse", port: 25}', '{"password": ***, port: 25}'),
        ("headers: {Authorization: Bearer, X-Api-Key: 'ab c'}", "headers: {Authorization: ***, X-Api-Key: ***}"),
        ("secret_file: /run/secrets/chat", "secret_file: /run/secrets/chat"),
        ("webhook: 7c1dd1f26e1b4f6aa0c5", "webhook: ***"),
        ("web-http: {interval: 30s, failure_threshold: 3}", "web-http: {interval: 30s, failure_threshold: 3}"),
    ],
)
def test_the_line_of_a_problem_is_shown_without_what_may_be_a_secret(tmp_path: Path, written: str, shown: str) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(written)
    text = problem_text(Problem(file=str(file), line=1, column=1, path="x", what="wrong"))
    assert text.splitlines()[1] == f"    1 | {shown}"


def test_the_caret_stays_below_its_place_where_something_before_it_is_hidden(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text("{url: http://example.org/7c1dd1f26e1b4f6aa0c5, tokn: x}")
    problem = Problem(file=str(file), line=1, column=48, path="x", what="unknown key")
    _, line, caret = problem_text(problem).splitlines()
    assert line[caret.index("^") :] == "tokn: x}"


@pytest.mark.parametrize("line", [0, 1, 99])
def test_a_problem_without_a_line_to_show_is_told_in_one_line(line: int) -> None:
    problem = Problem(file="gone.yaml", line=line, column=1, path="", what="it is not there")
    assert "\n" not in problem_text(problem)


def test_errors_are_what_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    explain(NotFoundError("there is no rule 'x'", remedy="known is web"))
    explain(ConfigError((Problem(file="a", line=0, column=0, path="p", what="w"),)))
    assert (
        capsys.readouterr().err
        == "salus: there is no rule 'x' (known is web)\na: p: w\nsalus: the config has 1 problem\n"
    )


def test_each_rule_is_summed_up_in_one_line() -> None:
    failed = replace(RECOVERY, id="2", outcome=Outcome.NOT_RECOVERED)
    running = replace(RECOVERY, id="3", rule="other", outcome=None)
    assert summary([RECOVERY, RECOVERY, failed, running]) == [
        "web: 2 of 3 recovered and verified (67%), median 3 s, 1 not recovered"
    ]


def test_tables_are_aligned_and_stable(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(["name", "state"])
    table.show()
    assert capsys.readouterr().out == ""
    table.rows += [["a", Word("healthy")], ["longer name", ""], ["two\nlines", "x"]]
    table.show()
    say("a ", Word("healthy"), ": b")
    assert capsys.readouterr().out == (
        "NAME         STATE\na            healthy\nlonger name  -\ntwo lines    x\na healthy: b\n"
    )


def test_a_narrow_terminal_goes_without_the_spare_columns() -> None:
    table = Table(["when", "what", "why"], [["x" * 20, "y" * 20, "z" * 200]], spare=["when"])
    assert table._fitting(80) == [0, 1, 2]
    assert table._fitting(60) == [1, 2]


def test_a_name_that_is_longer_than_a_terminal_hides_no_other_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("salus.cli.output.terminal", lambda: True)
    Table(["check", "status", "message"], [["q" * 90, Word("unhealthy"), "expected 200"]]).show()
    lines = capsys.readouterr().out.splitlines()
    assert "unhealthy" in lines[3]
    assert "expected 200" in lines[3]
    assert sum(line.count("q") for line in lines) == 90


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "now"), (1.4, "1 s ago"), (59, "59 s ago"), (61, "1m1s ago"), (-30, "in 30 s"), (90061, "1d1h ago")],
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_spans() -> None:
    assert [span(one) for one in (None, 0.0021, 1.94, 12.4, 3700)] == ["-", "2.1 ms", "1.94 s", "12 s", "1h1m"]


CHANGED = Event(
    id=1,
    at=NOW,
    kind=EventKind.STATUS_CHANGED,
    message="500,\nexpected 200",
    check="web http",
    old="healthy",
    new="unhealthy",
)


@pytest.mark.parametrize(
    "form, line",
    [
        (
            "text",
            (
                '2026-03-01T12:00:00.000Z WARNING  status_changed check="web http" old=healthy new=unhealthy: '
                "500, expected 200"
            ),
        ),
        (
            "json",
            (
                '{"time": "2026-03-01T12:00:00.000Z", "level": "warning", "logger": "salus.event", '
                '"message": "500,\\nexpected 200", "event": "status_changed", '
                '"check": "web http", "old": "healthy", "new": "unhealthy"}'
            ),
        ),
    ],
)
def test_an_event_is_one_line_of_the_log(form: str, line: str) -> None:
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keep()
    handler.setFormatter(logs.JsonLines() if form == "json" else logs.ConsoleLines())
    logger = logging.getLogger("salus.event")
    logger.addHandler(handler)
    try:
        logs.log_event(CHANGED)
        logs.tell_event(CHANGED)  # whose message alone says more: here the fields do
    finally:
        logger.removeHandler(handler)
    assert written == [line, line]


@pytest.mark.parametrize(
    "kind, level",
    [
        (EventKind.ALERT_FIRING, logging.DEBUG),
        (EventKind.ALERT_RESOLVED, logging.DEBUG),
        (EventKind.NOTIFICATION_SENT, logging.DEBUG),
        (EventKind.NOTIFICATION_FAILED, logging.WARNING),
        (EventKind.NOTIFICATION_DEAD, logging.ERROR),
        (EventKind.CHANNEL_FAILED, logging.ERROR),
        (EventKind.CHANNEL_RECOVERED, logging.INFO),
        (EventKind.SILENCE_STARTED, logging.INFO),
    ],
)
def test_the_log_tells_of_trouble_with_notifications_and_leaves_the_alerts_to_the_channel_log(
    kind: EventKind, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "salus.event")
    logs.log_event(Event(id=1, at=NOW, kind=kind, message="x"))
    assert [record.levelno for record in caplog.records] == [level]
