"""The commands that ask a running Salus, against a real control socket with a made-up agent behind it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.cli.root import run
from salus.errors import ConfigError, ConflictError, Problem
from salus.surfaces.control import ControlApp
from salus.surfaces.health import HealthApp
from salus.surfaces.server import Server
from tests.fake_agent import API, DISK, WEB, WEB_RULE, WEB_SERVICE, Bus, FakeControl, FakeView


class Agent:
    """A server with fakes behind it, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.view = FakeView([API, DISK], service_list=[WEB_SERVICE], rule_list=[WEB_RULE])
        self.control = FakeControl()
        self.folder = folder
        self.port = 0
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        server = Server()
        control = ControlApp(self.view, self.control, Bus().subscribe)
        await server.start(HealthApp(self.view, self.control), "127.0.0.1", 0, control, self.folder / "salus.sock")
        self.port = server.addresses[0][1]
        self._ready.set()
        await self._end.wait()
        await server.stop(1)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


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
    assert capsys.readouterr().err == f"salus: no Salus answers at {tmp_path}/salus.sock (start it with `salus run`)\n"
