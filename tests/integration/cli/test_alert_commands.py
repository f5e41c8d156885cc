"""The commands about alerts, against a real control socket with made-up alerts behind it, and against a real ledger."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from salus.cli.root import run
from salus.matchers import parse_matchers
from salus.model import Alert, AlertState, Delivery
from salus.ports import Batch
from salus.store.sqlite import SqliteStore
from tests.fake_agent import NOW
from tests.fake_desk import DEAD, DISK_LOW, LOG, OLD, OPS, WEB_DOWN
from tests.served_agent import Agent

ME = pwd.getpwuid(os.getuid()).pw_name
ENDED = replace(
    WEB_DOWN, id="ee00000000000000", state=AlertState.RESOLVED, resolved_at=NOW, resolution="the trouble is gone"
)
CONFIG = """\
checks: {web: {tcp: {host: localhost, port: 1}}}
alerts:
  channels:
    ops: {file: {path: ./ops.jsonl}}
    phone: {file: {path: ./phone.jsonl}}
    old: {file: {path: ./old.jsonl}, enabled: false}
  routes:
    - {match: level="critical", channels: [ops], continue: true, escalate: [{after: 15m, channels: [phone]}]}
    - {match: component="noise", channels: []}
    - {channels: [log, old]}
"""

Out = pytest.CaptureFixture[str]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    one = Agent(tmp_path)
    one.desk.alerts, one.desk.channel_list = [WEB_DOWN, DISK_LOW], [LOG, OLD, OPS]
    yield one
    one.stop()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state folder of which no Salus runs."""
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    return tmp_path


def remember(folder: Path, *alerts: Alert, deliveries: tuple[Delivery, ...] = ()) -> None:
    async def write() -> None:
        store = SqliteStore(folder / "ledger.sqlite")
        await store.open()
        await store.write(Batch(alerts=alerts, deliveries=deliveries))
        await store.close()

    asyncio.run(write())


def config(folder: Path) -> str:
    (folder / "salus.yaml").write_text(CONFIG)
    return str(folder / "salus.yaml")


# ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_alerts_lists_what_fires(agent: Agent, capsys: Out) -> None:
    assert run(["alerts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ID", "STATE", "LEVEL", "COMPONENT", "SINCE", "COUNT", "TOLD", "SUMMARY"]
    assert [line.split()[0] for line in lines[1:]] == ["aa11bb22", "aa990000"]
    assert run(["alerts", "--level", "warning", "--limit", "1"]) == 0
    assert "aa11bb22" not in capsys.readouterr().out
    assert run(["alerts", "--limit", "1"]) == 0
    assert "and 1 more: raise --limit" in capsys.readouterr().out
    assert run(["alerts", "--silenced"]) == 0
    assert "silence s1 by olaf: moving house" in capsys.readouterr().out


def test_alerts_as_json_are_one_document(agent: Agent, capsys: Out) -> None:
    assert run(["alerts", "--json", "--check", "disk"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], told["total"]) == (True, 1)
    assert told["alerts"][0]["audience"][0]["hush"]["reason"] == "silenced"


def test_what_has_ended_comes_from_the_ledger(agent: Agent, capsys: Out) -> None:
    remember(agent.folder, ENDED, WEB_DOWN)
    assert run(["alerts", "--ended"]) == 0
    out = capsys.readouterr().out
    assert "the trouble is gone" in out
    assert "ee000000" in out
    assert "aa11bb22" not in out
    assert run(["alerts", "--all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["id"][:4] for one in told["alerts"]] == ["aa11", "aa99", "ee00"]
    assert run(["alerts", "--ended", "--since", "2026-06-01T00:00:00Z"]) == 0
    assert capsys.readouterr().out == "none that have ended\n"


def test_without_an_agent_the_ledger_tells_what_fired(nobody: Path, capsys: Out) -> None:
    remember(nobody, ENDED, WEB_DOWN, DISK_LOW)
    assert run(["alerts", "--level", "critical"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(
        "(start it with `salus run`, or the application that it is in); this is what the ledger remembers"
    )
    assert [line.split()[0] for line in lines[2:]] == ["aa11bb22"]
    assert run(["alerts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["running"] is False
    assert run(["alerts", "--silenced"]) == 1
    assert "no Salus answers" in capsys.readouterr().err


def test_without_an_agent_and_a_ledger_the_remedy_is_named(nobody: Path, capsys: Out) -> None:
    assert run(["alerts"]) == 1
    assert "Has Salus run with this state folder?" in capsys.readouterr().err


def test_options_that_contradict_each_other_are_wrong_usage(capsys: Out) -> None:
    assert run(["alerts", "--since", "1h"]) == 64
    assert "say --ended or --all too" in capsys.readouterr().err
    assert run(["alerts", "--silenced", "--all"]) == 64


# ── one alert ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_show_tells_the_story_with_every_notification_of_the_ledger(agent: Agent, capsys: Out) -> None:
    remember(agent.folder, deliveries=(DEAD,))
    assert run(["alert", "show", "web"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("firing, critical: web is unhealthy: expected status 200, got 500\nid aa11bb22cc33dd44\n")
    assert "restart_service worked after 1.5 s: web restarted; the check still failed" in out
    assert "it answered 410" in out
    assert run(["alert", "show", "web", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notifications"][0]["state"] == "dead"


def test_show_finds_what_has_ended_in_the_ledger(agent: Agent, capsys: Out) -> None:
    agent.desk.alerts = []
    remember(agent.folder, ENDED, replace(ENDED, id="ef00000000000000", first_seen=NOW))
    assert run(["alert", "show", "ee"]) == 0
    assert "How it ended: the trouble is gone" in capsys.readouterr().out
    assert run(["alert", "show", "web"]) == 0  # the newest that was called so
    assert "id ef00000000000000" in capsys.readouterr().out
    assert run(["alert", "show", "e"]) == 1
    assert "'e' could be ef000000 (down of web), ee000000 (down of web)" in capsys.readouterr().err
    assert run(["alert", "show", "zz"]) == 1
    assert capsys.readouterr().err == (
        "salus: there is no alert 'zz', and the ledger remembers none "
        "(an alert is named by its id, its check or its rule; `salus alerts --all` lists what there is)\n"
    )


@pytest.mark.parametrize(
    "command", [["alert", "show"], ["alert", "ack"], ["silence", "expire"], ["notify", "test"], ["explain"]]
)
def test_an_empty_name_is_said_to_be_empty(command: list[str], agent: Agent, capsys: Out) -> None:
    remember(agent.folder, ENDED)
    assert run([*command, ""]) == 1
    assert capsys.readouterr().err == "salus: the name is empty (if it came from a variable, that one is not set)\n"


def test_show_without_an_agent_prefers_what_has_not_ended(nobody: Path, capsys: Out) -> None:
    remember(nobody, WEB_DOWN, replace(ENDED, first_seen=NOW))
    assert run(["alert", "show", "web"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith(
        "(start it with `salus run`, or the application that it is in); this is what the ledger remembers"
    )
    assert "id aa11bb22cc33dd44" in out
    assert "salus alert ack" not in out
    assert run(["alert", "show", "nope"]) == 1
    assert "no Salus answers" in capsys.readouterr().err


def test_an_alert_that_could_be_several_is_not_guessed(agent: Agent, capsys: Out) -> None:
    assert run(["alert", "show", "aa"]) == 1
    assert capsys.readouterr().err == (
        "salus: 'aa' could be aa11bb22 (down of web), aa990000 (low of disk) (give the id of the one you mean)\n"
    )


def test_an_alert_is_taken_and_ended_with_a_note(agent: Agent, capsys: Out) -> None:
    assert run(["alert", "ack", "aa11", "looking", "at", "it"]) == 0
    assert capsys.readouterr().out == f"acknowledged by {ME}: web is unhealthy: expected status 200, got 500\n"
    assert agent.desk.said == {"by": ME, "note": "looking at it"}
    assert run(["alert", "resolve", "aa11", "known"]) == 0
    assert capsys.readouterr().out == (
        f"resolved by {ME}: known: web is unhealthy: expected status 200, got 500; "
        "if the trouble lasts, nobody hears of it before it has ended\n"
    )
    assert run(["alert", "ack", "aa11", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["acknowledged_by"] == ME


# ── silences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_silence_is_added_listed_and_expired(agent: Agent, capsys: Out) -> None:
    asked = ["silence", "add", "check=web", 'level!="info"', "--for", "2h", "--comment", "moving house"]
    assert run(asked) == 0
    assert agent.desk.said == {
        "match": parse_matchers('check="web", level!="info"'),
        "seconds": 7200.0,
        "by": ME,
        "comment": "moving house",
    }
    first, second = capsys.readouterr().out.splitlines()
    assert first == 'silence s1 until 2026-03-01T14:00:00Z of check="web", level!="info", which is 1 alert now'
    assert second == "to end it sooner: salus silence expire s1"
    assert run(["silence", "list"]) == 0
    assert 'check="web", level!="info"' in capsys.readouterr().out
    assert run(["silence", "expire", "s1"]) == 0
    assert capsys.readouterr().out == 'silence s1 of check="web", level!="info" has ended\n'
    assert run(["silence", "list"]) == 0
    assert capsys.readouterr().out == "no silences\n"
    assert run(["silence", "expire", "s1"]) == 1
    assert "(`salus silence list` shows them)" in capsys.readouterr().err
    assert run(["silence", "add", "check=nope", "--for", "1h"]) == 0
    assert "which is no alert now: nothing matches" in capsys.readouterr().out


@pytest.mark.parametrize(
    "match, told",
    [
        ("web", "'web' names no label (write check=web or alertname=web)"),
        ('level="crit', "'level=\"crit', column 7: the quote is not closed (add \" after the value)"),
        ("a=b c=d", "'a=b c=d', column 5: expected a comma, got 'c' (part matchers by commas)"),
        ("a=~(", "column 4: '(' is no regular expression"),
        ("level=critcal", "column 1: no level is 'critcal' (known are info, warning, critical)"),
    ],
)
def test_a_matcher_that_is_none_says_where_and_what_to_write(agent: Agent, capsys: Out, match: str, told: str) -> None:
    assert run(["silence", "add", match, "--for", "1h"]) == 64
    assert told in capsys.readouterr().err
    assert agent.desk.asked == []


def test_a_silence_needs_matchers_and_an_end(agent: Agent, capsys: Out) -> None:
    assert run(["silence", "add", "--for", "1h"]) == 64
    assert run(["silence", "add", "a=b"]) == 64
    assert agent.desk.asked == []


# ── channels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_test_notification_says_what_the_other_side_said(agent: Agent, capsys: Out) -> None:
    assert run(["notify", "test", "log"]) == 0
    assert capsys.readouterr().out == "log works: written\n"
    assert run(["notify", "test", "--all"]) == 1
    assert capsys.readouterr().out == "log works: written\nops fails: no answer within 15 s (is it running?)\n"
    assert run(["notify", "test", "log", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == [{"channel": "log", "arrived": True, "message": "written", "remedy": None}]
    assert run(["notify", "test", "nope"]) == 1
    assert capsys.readouterr().err == "salus: there is no channel 'nope' (known are log, old, ops)\n"
    assert run(["notify", "test"]) == 64
    assert run(["notify", "test", "log", "--all"]) == 64


def test_channels_are_listed_without_their_options(agent: Agent, capsys: Out) -> None:
    assert run(["notify", "channels"]) == 0
    out = capsys.readouterr().out
    assert "no answer within 15 s" in out
    assert run(["notify", "channels", "--json"]) == 0
    assert "options" not in json.loads(capsys.readouterr().out)[0]


def test_dead_letters_are_listed_and_tried_again(agent: Agent, capsys: Out) -> None:
    assert run(["notify", "dead"]) == 0
    out = capsys.readouterr().out
    assert "Critical: web is unhealthy: expected status 200, got 500" in out
    assert "it answered 410" in out
    agent.desk.dead = [DEAD, replace(DEAD, id="dd00000000000000")]
    assert run(["notify", "retry", "--all"]) == 0
    assert agent.desk.asked == [("revive", "dd00000000000000"), ("revive", DEAD.id)]  # the older one first
    assert capsys.readouterr().out == (
        f"notification dd00000000000000 is tried again\nnotification {DEAD.id} is tried again\n"
    )
    assert run(["notify", "retry", "dd11"]) == 0
    assert run(["notify", "retry", "zz"]) == 1
    assert "there is no dead letter 'zz'" in capsys.readouterr().err
    assert run(["notify", "retry"]) == 64
    agent.desk.dead = []
    assert run(["notify", "retry", "--all"]) == 0
    assert run(["notify", "dead"]) == 0
    assert capsys.readouterr().out == (
        "nothing was given up\nnothing was given up: every notification arrived, or is on its way\n"
    )


def test_dead_letters_are_remembered_by_the_ledger(nobody: Path, capsys: Out) -> None:
    remember(nobody, deliveries=(DEAD,))
    assert run(["notify", "dead", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [DEAD.id]


# ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_routes_test_asks_the_running_salus(agent: Agent, capsys: Out) -> None:
    assert run(["routes", "test", "level=critical", "component=web"]) == 0
    out = capsys.readouterr().out
    assert "nothing gets through to it" in out
    assert "the channel is switched off" in out
    assert "This is what the config says" not in out
    assert run(["routes", "test", "level=info"]) == 1
    assert capsys.readouterr().out == "nobody would hear of it now\n"
    assert run(["routes", "test", "check=disk"]) == 1  # it is silenced
    assert "silence s1 by olaf: moving house" in capsys.readouterr().out


def test_routes_test_with_a_config_asks_nobody(agent: Agent, capsys: Out) -> None:
    path = config(agent.folder)
    assert run(["routes", "test", "level=critical", "--config", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["ops", "phone", "log", "old"]
    assert "after 15m" in lines[2]
    assert lines[-1] == "This is what the config says; silences and hours are not looked at."
    assert run(["routes", "test", "component=noise", "--config", path]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "nobody would hear of it"


def test_routes_test_without_an_agent_asks_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("SALUS_CONFIG", config(tmp_path))
    assert run(["routes", "test", "level=warning", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["running"], [way["channel"] for way in told["audience"]]) == (False, ["log", "old"])


@pytest.mark.parametrize(
    "expected, code, told",
    [
        (["ops", "phone", "log"], 0, ""),
        (["ops", "log"], 1, "not as expected: it also goes to phone"),
        (["ops", "phone", "log", "sms"], 1, "not as expected: it does not go to sms"),
        (["sms"], 1, "not as expected: it does not go to sms; it also goes to log, ops, phone"),
    ],
)
def test_what_is_expected_is_for_scripts(
    tmp_path: Path, capsys: Out, expected: list[str], code: int, told: str
) -> None:
    asked = ["routes", "test", "level=critical", "--config", config(tmp_path)]
    for name in expected:
        asked += ["--expect", name]
    assert run(asked) == code
    assert told in capsys.readouterr().out


def test_a_label_has_a_value(capsys: Out) -> None:
    assert run(["routes", "test", "level=~crit.*"]) == 64
    assert "so it is given with = (write level=...)" in capsys.readouterr().err


def test_routes_are_shown_in_their_order(tmp_path: Path, capsys: Out) -> None:
    path = config(tmp_path)
    assert run(["routes", "show", "--config", path]) == 0
    out = capsys.readouterr().out
    assert out.index('1. level="critical" -> ops') < out.index('2. component="noise" -> nobody')
    assert "   not acknowledged within 15m -> phone\n" in out
    assert run(["routes", "show", "--config", path, "--json"]) == 0
    assert [one["match"] for one in json.loads(capsys.readouterr().out)] == [
        'level="critical"',
        'component="noise"',
        "everything",
    ]


# ── elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_and_status_tell_of_alerts_too(agent: Agent, capsys: Out) -> None:
    from tests.fake_agent import WEB

    agent.view.reports = [WEB]
    assert run(["explain", "web"]) == 0
    assert "alert aa11bb22 (down, critical) is firing for " in capsys.readouterr().out
    assert run(["status"]) == 1
    out = capsys.readouterr().out
    assert out.index("aa11bb22") < out.index("CHECK")
    assert run(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["alerts"]["firing"]["critical"] == 1
