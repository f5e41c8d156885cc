"""Dead-man's switches: a real HTTP server that is told, and two Salus that watch each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from salus.app.agent import Agent
from salus.config import load, loads
from salus.engine.selfcheck import NAME
from salus.errors import ConfigError
from salus.model import Status
from tests.acceptance.salus_process import free_port
from tests.stage import until

SLUG = "3f1c6a52-7e0b-4b7a-9d7e-6f0a2f9c1d11"


@dataclass
class Switch:
    """A real server that keeps what it is told."""

    status: int = 200
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.told.append((self.path, body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{SLUG}?rid=shop"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.told]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def switch() -> Iterator[Switch]:
    made = Switch()
    yield made
    made.close()


def agent_in(folder: Path, config: str, *, port: int = 0) -> Agent:
    folder.mkdir(exist_ok=True)
    file = folder / "salus.yaml"
    file.write_text(f"salus: {{listen: '127.0.0.1:{port}', state_dir: ./state}}\n{config}")
    file.chmod(0o600)
    return Agent(load(file), config_path=file)


async def test_a_well_salus_reports_its_start_and_then_again_and_again(tmp_path: Path, switch: Switch) -> None:
    agent = agent_in(tmp_path, f"pings: {{hc: {{url: '{switch.url}', interval: 0.1s}}}}\n")
    await agent.start()
    try:
        await until(lambda: switch.paths.count(f"/{SLUG}?rid=shop") >= 3)
    finally:
        await agent.stop()
    assert switch.told[0] == (f"/{SLUG}/start?rid=shop", "Salus 0.1.0 starts")
    assert set(switch.told[1:]) == {(f"/{SLUG}?rid=shop", "All systems operational")}
    await falls_silent(switch)


async def test_failures_are_reported_where_the_config_wants_it(tmp_path: Path, switch: Switch) -> None:
    checks = "checks: {flag: {file: {path: ./flag, exists: true}, critical: true, interval: 0.1s}}\n"
    ping = f"url: '{switch.url}', interval: 0.1s, start: false, report_failures: true"
    agent = agent_in(tmp_path, f"{checks}pings: {{hc: {{{ping}}}}}\n")
    await agent.start()
    try:
        failed = f"/{SLUG}/fail?rid=shop"
        await until(lambda: any(path == failed and "flag" in body for path, body in switch.told))
        (tmp_path / "flag").touch()
        await until(lambda: switch.paths[-1] == f"/{SLUG}?rid=shop")
    finally:
        await agent.stop()


@pytest.mark.parametrize("report", [True, False])
async def test_a_salus_with_trouble_of_its_own_vouches_for_nothing(
    tmp_path: Path, switch: Switch, *, report: bool
) -> None:
    ping = f"url: '{switch.url}', interval: 0.1s, start: false, report_failures: {str(report).lower()}"
    agent = agent_in(tmp_path, f"pings: {{hc: {{{ping}}}}}\n")
    await agent.start()
    try:
        await until(lambda: switch.told)
        async with agent._recorder._writing:  # a write that succeeds would end the trouble
            agent._recorder.failure = "no space left on device"
            await agent.control.check_now(NAME)
            assert agent.engine.units[NAME].state.status is Status.DEGRADED
            if report:
                await until(lambda: switch.paths[-1] == f"/{SLUG}/fail?rid=shop")
                assert "no space left on device" in switch.told[-1][1]
            else:
                await falls_silent(switch)
        switch.told.clear()
        agent._recorder.failure = ""
        await agent.control.check_now(NAME)
        await until(lambda: f"/{SLUG}?rid=shop" in switch.paths)
    finally:
        await agent.stop()


async def test_a_report_that_does_not_arrive_is_tried_again_and_said_once_without_the_secret(
    tmp_path: Path, switch: Switch, caplog: pytest.LogCaptureFixture
) -> None:
    switch.status = 503
    agent = agent_in(tmp_path, f"pings: {{hc: {{url: '{switch.url}', interval: 0.1s, start: false}}}}\n")
    caplog.set_level("INFO", "salus.pings")
    await agent.start()
    try:
        await until(lambda: len(switch.told) >= 3)
        switch.status = 200
        await until(lambda: len([one for one in caplog.records if one.name == "salus.pings"]) == 2)
    finally:
        await agent.stop()
    lines = [one.getMessage() for one in caplog.records if one.name == "salus.pings"]
    assert "it answers 503" in lines[0]
    assert lines[1].endswith("hears from Salus again")
    assert SLUG not in caplog.text


async def test_a_reload_changes_who_is_told(tmp_path: Path, switch: Switch) -> None:
    agent = agent_in(tmp_path, "")
    await agent.start()
    try:
        assert agent.outside._pings is None
        head = agent_file(tmp_path)
        (tmp_path / "salus.yaml").write_text(f"{head}pings: {{hc: {{url: '{switch.url}', interval: 0.1s}}}}\n")
        assert "pings: changed" in await agent.reload()
        await until(lambda: len(switch.told) >= 3)
        (tmp_path / "salus.yaml").write_text(head)
        await agent.reload()
        await falls_silent(switch)
    finally:
        await agent.stop()


async def falls_silent(switch: Switch) -> None:
    """Wait until nothing has come for three intervals; one that is on its way may still come."""
    async with asyncio.timeout(10):
        told = -1
        while told != len(switch.told):
            told = len(switch.told)
            await asyncio.sleep(0.3)


def agent_file(folder: Path) -> str:
    return (folder / "salus.yaml").read_text()


async def test_two_salus_watch_each_other(tmp_path: Path) -> None:
    ports = {"east": free_port(), "west": free_port()}
    agents = {}
    for name, other in (("east", "west"), ("west", "east")):
        config = (
            f"checks: {{{other}: {{heartbeat: {{slug: {other}, every: 0.3s, grace: 0.2s}}, interval: 0.1s}}}}\n"
            f"pings: {{{other}: {{url: 'http://127.0.0.1:{ports[other]}/ping/{name}', interval: 0.1s}}}}\n"
        )
        agents[name] = agent_in(tmp_path / name, config, port=ports[name])
    for agent in agents.values():
        await agent.start()
    east, west = agents["east"], agents["west"]
    try:
        await until(lambda: status(east, "west") is Status.HEALTHY and status(west, "east") is Status.HEALTHY)
        await west.stop()
        await until(lambda: status(east, "west") is Status.UNHEALTHY)
        assert "last reported" in str(east.engine.units["west"].state.last)
    finally:
        await west.stop()
        await east.stop()


def status(agent: Agent, check: str) -> Status:
    return agent.engine.units[check].state.status


@pytest.mark.parametrize("url", ["hc-ping.com/x", "ftp://hc-ping.com/x", "https://hc-ping.com/a b"])
def test_what_is_no_address_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"pings: {{hc: '{url}'}}", name="salus.yaml", environ={})
    assert "it is not the address of a page (write it like https://hc-ping.com/<uuid>)" in str(caught.value)
    assert url not in str(caught.value)
