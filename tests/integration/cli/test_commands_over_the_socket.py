"""The commands that ask a running Salus, against a real control socket with a made-up agent behind it."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from salus.cli.root import run
from salus.engine.memos import memo
from salus.errors import ConfigError, ConflictError, Problem
from salus.model import Event, EventKind, Maintenance, Memo, Mode, Pause, PolicyReport, Selector
from salus.ports import Batch
from salus.store.sqlite import SqliteStore
from tests.fake_agent import API, DISK, NOW, RECOVERY, WEB, explanation
from tests.served_agent import Agent

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    one = Agent(tmp_path)
    yield one
    one.stop()


def test_status_is_0_when_degraded_and_1_when_unhealthy(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    out = capsys.readouterr().out
    assert "degraded: 1 of 2 checks need attention: api" in out
    assert out.index("api ") < out.index("disk ")
    agent.view.reports = [API, DISK, WEB]
    assert run(["status"]) == 1


def test_status_as_json_is_the_whole_truth(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["running"] is True
    assert told["rules"][0]["last_refusal"]["reason"] == "cooling_down"


def test_heal_waits_and_tells_how_it_went(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heal", "web"]) == 0
    assert capsys.readouterr().out == (
        "web recovered after 1.94 s: healthy after restart_service\n"
        "STEP  ACTION           RESULT  TOOK    CHECK AFTER  MESSAGE\n"
        "1     log              ok      0.0 ms  -            -\n"
        "2     restart_service  ok      340 ms  passes       web restarted, pid 778\n"
    )
    assert agent.control.asked == [("heal", "web")]


def test_heal_of_an_unknown_rule_says_which_there_are(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heal", "nope"]) == 1
    assert capsys.readouterr().err == "salus: there is no heal 'nope' (known is web)\n"


def test_a_conflict_is_told_with_its_remedy(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.control.error = ConflictError("web is being healed", remedy="wait for it")
    assert run(["service", "restart", "web"]) == 1
    assert capsys.readouterr().err == "salus: web is being healed (wait for it)\n"


def test_services_are_started_stopped_and_restarted(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("start", "stop", "restart"):
        assert run(["service", verb, "web"]) == 0
    assert capsys.readouterr().out == "web running, pid 777\nweb stopped\nweb running, pid 777\n"
    assert [what for what, _ in agent.control.asked] == ["start_service", "stop_service", "restart_service"]


def test_reset_and_reload_say_what_they_did(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert (run(["reset", "web"]), run(["reload"])) == (0, 0)
    assert capsys.readouterr().out == ("rule 'web' starts again with all its attempts\nreloaded: 1 check changed\n")


def test_a_refused_reload_tells_every_problem_at_its_place(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.control.error = ConfigError((Problem(file="salus.yaml", line=3, column=5, path="checks", what="is a list"),))
    assert run(["reload"]) == 1
    assert capsys.readouterr().err == "salus.yaml:3:5: checks: is a list\nsalus: the config has 1 problem\n"


def test_names_with_odd_signs_arrive_as_they_are(agent: Agent) -> None:
    run(["reset", "wéb/ü?x=1%2F"])
    assert agent.control.asked == [("reset", "wéb/ü?x=1%2F")]


def test_health_speaks_to_the_real_endpoints(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    from salus.cli.health import main

    port = str(agent.port)
    assert main(["-p", port]) == 0
    assert capsys.readouterr().out == "degraded\n"
    assert main(["-p", port, "-v"]) == 0
    assert capsys.readouterr().out == ("[!]api degraded: reason withheld\n[+]disk ok\nhealth check passed: degraded\n")
    assert main(["-p", port, "--path", "/health/checks/nope"]) == 1
    assert "answered 404" in capsys.readouterr().err
    assert main(["-H", str(agent.folder / "salus.sock"), "-v"]) == 0
    assert "[!]api degraded: 812 ms, expected below 500 ms" in capsys.readouterr().out
    agent.view.reports = [WEB]
    agent.view.version += 1
    assert main(["-p", port, "-v"]) == 1
    assert capsys.readouterr().out == "[-]web failed: reason withheld\nhealth check failed\n"


def test_without_a_running_salus_the_remedy_is_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heal", "web", "--state-dir", str(tmp_path)]) == 1
    remedy = "start it with `salus run`, or the application that it is in"
    assert capsys.readouterr().err == f"salus: no Salus answers at {tmp_path}/salus.sock ({remedy})\n"


def test_a_pause_must_be_spelled_out_and_says_who_what_and_until_when(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["pause", "--for", "1h"]) == 64
    assert "say --all to stop all automatic recovery, or --check NAME" in capsys.readouterr().err
    assert run(["pause", "--all", "--check", "web"]) == 64
    assert "either --all or --check" in capsys.readouterr().err
    assert agent.control.asked == []
    assert run(["pause", "--all", "--for", "1h", "moving", "house"]) == 0
    assert capsys.readouterr().out == ("all automatic recovery is paused until 2026-03-01T13:00:00Z: moving house\n")
    assert agent.control.said == {"seconds": 3600.0, "reason": "moving house", "by": ME}
    assert run(["pause", "--all"]) == 0
    assert capsys.readouterr().out == "all automatic recovery is paused until somebody says salus resume\n"
    assert run(["resume"]) == 0
    assert capsys.readouterr().out == "automatic recovery goes on\n"
    agent.control.paused = False
    assert run(["resume"]) == 1
    assert capsys.readouterr().err == "salus: nothing is paused (`salus status` shows what holds healing)\n"


def test_one_check_is_paused_and_taken_back(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pause", "--check", "web", "--for", "1h", "--reason", "the page is rebuilt"]) == 0
    assert capsys.readouterr().out == "check web is paused until 2026-03-01T13:00:00Z: the page is rebuilt\n"
    assert agent.control.said == {"seconds": 3600.0, "reason": "the page is rebuilt", "by": ME}
    assert run(["pause", "--check", "web", "moving", "house"]) == 0
    said = "check web is paused until somebody says salus resume --check web: moving house\n"
    assert capsys.readouterr().out == said
    assert run(["pause", "--check", "nope"]) == 1
    assert run(["resume", "--check", "web"]) == 0
    assert capsys.readouterr().out == "check 'web' is looked at again\n"
    agent.control.paused = False
    assert run(["resume", "--check", "web"]) == 1
    assert capsys.readouterr().err == "salus: check 'web' is not paused (`salus status` shows which are)\n"
    asked = [what for what, _ in agent.control.asked]
    assert asked == ["pause_check"] * 3 + ["resume_check"] * 2


def test_a_recovery_is_called_off(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cancel", "web"]) == 0
    assert capsys.readouterr().out.startswith(f"web cancelled after 1.94 s: called off by {ME}\n")
    assert agent.control.asked == [("cancel", "web")]
    assert (run(["cancel", "web", "--json"]), json.loads(capsys.readouterr().out)["outcome"]) == (0, "cancelled")
    assert run(["cancel", "nope"]) == 1
    assert run(["cancel"]) == 64


def test_how_far_a_rule_may_go_is_set_and_given_back(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "mode", "web", "observe"]) == 0
    assert capsys.readouterr().out == "rule 'web' is in the mode observe\n"
    assert agent.control.said == {"mode": Mode.OBSERVE, "by": ME}
    assert run(["rule", "mode", "web", "config"]) == 0
    assert capsys.readouterr().out == "rule 'web' is in the mode auto, as in the config\n"
    assert agent.control.said["mode"] is None
    assert run(["rule", "mode", "web", "whatever"]) == 64
    assert run(["rule", "mode", "nope", "auto"]) == 1


def test_maintenance_is_started_listed_and_ended(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["maintenance", "start", "--for", "30m", "--check", "a", "--check", "b", "--tag", "x", "--name", "web"]
    assert run([*start, "version", "42"]) == 0
    assert capsys.readouterr().out == (
        "maintenance 'web' of check a, b; tag x until 2026-03-01T12:30:00Z\n"
        "to end it sooner: salus maintenance end web\n"
    )
    members = Selector(checks=("a", "b"), tags=("x",))
    assert agent.control.said == {"members": members, "seconds": 1800.0, "reason": "version 42", "by": ME}
    assert run(["maintenance", "list"]) == 0
    assert capsys.readouterr().out == "no maintenance\n"
    agent.view.report = PolicyReport(
        maintenance=(Maintenance(id="web", since=NOW, until=NOW + timedelta(days=36500), members=members, by="olaf"),)
    )
    assert run(["maintenance", "list"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["MAINTENANCE", "STATE", "BEGINS", "ENDS", "WHAT", "BY", "REASON"]
    assert line.startswith("web          open ")
    assert "check a, b; tag x  olaf" in line
    assert run(["maintenance", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["members"]["tags"] == ["x"]
    assert run(["maintenance", "end", "web"]) == 0
    assert capsys.readouterr().out == "maintenance 'web' has ended\n"
    assert agent.control.asked[-1] == ("end_maintenance", "web")


def test_the_command_that_ends_a_window_can_be_pasted(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["maintenance", "start", "--for", "30m", "--all", "--name", "version 42"]) == 0
    assert capsys.readouterr().out.endswith("to end it sooner: salus maintenance end 'version 42'\n")


@pytest.mark.parametrize("wanted", [[], ["--all", "--check", "a"]])
def test_maintenance_of_nothing_or_of_everything_and_more_is_a_wrong_call(agent: Agent, wanted: list[str]) -> None:
    assert run(["maintenance", "start", "--for", "30m", *wanted]) == 64
    assert run(["maintenance", "start", "--for", "0s", "--all"]) == 64
    assert run(["maintenance", "start", "--for", "5000d", "--all"]) == 64
    assert run(["maintenance", "start", "--all"]) == 64
    assert agent.control.asked == []


def test_rules_are_listed_and_switched(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "list"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "RULE"
    assert "log, restart_service" in line
    assert (run(["rule", "disable", "web"]), run(["rule", "enable", "web"])) == (0, 0)
    assert capsys.readouterr().out == "rule 'web' is switched off\nrule 'web' is switched on\n"
    assert [what for what, _ in agent.control.asked] == ["disable_rule", "enable_rule"]
    assert run(["rule", "disable", "nope"]) == 1
    assert json.loads((run(["rule", "list", "--json"]), capsys.readouterr().out)[1])[0]["mode"] == "auto"


def test_a_question_is_answered_with_a_note(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approve", "web", "looks", "right"]) == 0
    assert capsys.readouterr().out == f"approved by {ME}: web may act until 2026-03-01T12:12:00Z\n"
    assert agent.control.said == {"by": ME, "note": "looks right"}
    assert run(["reject", "web"]) == 0
    assert agent.control.asked == [("approve", "web"), ("reject", "web")]
    agent.control.error = ConflictError("that was approved already", remedy="`salus reset` begins anew")
    assert run(["reject", "web"]) == 1
    assert capsys.readouterr().err == "salus: that was approved already (`salus reset` begins anew)\n"


def test_explain_tells_what_the_agent_knows_and_what_the_ledger_remembers(
    agent: Agent, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.view.explained = [explanation()]
    assert run(["explain", "api"]) == 0
    out = capsys.readouterr().out
    assert "\nweb would act at the next bad look: nothing holds it\n" in out
    assert "does not exist" in out  # there is no ledger in this folder
    write_ledger(agent.folder, Batch(recoveries=[RECOVERY]))
    assert run(["explain", "api", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["running"] is True
    assert told["rules"][0]["last_recovery"]["id"] == RECOVERY.id
    assert run(["explain", "nope"]) == 1
    assert capsys.readouterr().err == "salus: there is no check 'nope' (`salus status` lists the checks)\n"


# ── Without an agent ──────────────────────────────────────────────────────────────────────────────────────────────────


def write_ledger(folder: Path, batch: Batch) -> None:
    async def write() -> None:
        store = SqliteStore(folder / "ledger.sqlite")
        await store.open()
        await store.write(batch)
        await store.close()

    asyncio.run(write())


REFUSED = Event(
    id=1,
    at=NOW,
    kind=EventKind.RECOVERY_REFUSED,
    check="web",
    rule="web",
    reason="cooling_down",
    message="a moment ago",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    return tmp_path


def test_without_an_agent_explain_tells_the_last_refusal_as_the_past(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ledger(folder, Batch(check_states={"web": WEB.state}, events=[REFUSED], recoveries=[RECOVERY]))
    assert run(["explain", "web"]) == 0
    out = capsys.readouterr().out
    assert "(start it with `salus run`, or the application that it is in); this is what the ledger remembers\n" in out
    assert "web was unhealthy: expected status 200, got 500\n" in out
    assert "web did not act the last time it was asked: cooling down (a moment ago), " in out
    assert "last recovery: recovered after 1.94 s" in out


def test_without_an_agent_a_recovery_after_the_last_refusal_is_the_last_word(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = replace(RECOVERY, started_at=NOW + timedelta(seconds=1))
    write_ledger(folder, Batch(check_states={"web": WEB.state}, events=[REFUSED], recoveries=[later]))
    assert run(["explain", "web", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["running"] is False
    assert told["rules"][0]["verdict"] == "web acted the last time it was asked: recovered"
    assert told["rules"][0]["reason"] is None


def test_without_an_agent_a_check_nobody_remembers_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", "web"]) == 1
    assert "does not exist" in capsys.readouterr().err
    write_ledger(folder, Batch(check_states={"web": WEB.state}))
    assert run(["explain", "nope"]) == 1
    assert "there is no check 'nope', and the ledger remembers none" in capsys.readouterr().err


def test_without_an_agent_status_still_shows_the_pause_and_the_windows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pause = Pause(since=NOW, reason="moving house", by="olaf")
    window = Maintenance(id="deploy", since=NOW, until=NOW + timedelta(days=36500), members=Selector(tags=("x",)))
    memos = [memo("pause:all", pause), memo("maintenance:deploy", window), Memo(key="off:web", value={})]
    write_ledger(folder, Batch(check_states={"web": WEB.state}, memos=memos))
    assert run(["status"]) == 1
    out = capsys.readouterr().out
    assert "all recovery (olaf: moving house)" in out
    assert "deploy: tag x" in out
    assert "rule web, by a person" in out
