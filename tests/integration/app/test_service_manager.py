"""What systemd hears of Salus, at a real datagram socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.app.agent import Agent
from salus.app.notify import LONGEST, Notifier
from salus.app.vitals import STUCK_AFTER, Vitals, feed_watchdog
from salus.config import load
from salus.engine.recorder import Recorder
from salus.errors import ConfigError
from salus.model import Memo
from salus.ports import Batch
from salus.store.memory import MemoryStore
from salus.testing import virtual_time
from tests.acceptance.salus_process import SalusProcess, eventually
from tests.stage import until


class Manager:
    """Listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard.append(self.socket.recv(8192).decode())
        return self.heard

    def environment(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, **more}


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@salus-test-{os.getpid()}-{tmp_path.name}"
    made = Manager(address)
    yield made
    made.socket.close()


def test_whoever_is_not_meant_by_the_watchdog_does_not_feed_it(manager: Manager) -> None:
    mine, other = str(os.getpid()), str(os.getpid() + 1)
    every = {"WATCHDOG_USEC": "10000000"}
    assert Notifier(manager.environment(**every, WATCHDOG_PID=mine)).watchdog_seconds == 10
    assert Notifier(manager.environment(**every)).watchdog_seconds == 10
    assert Notifier(manager.environment(**every, WATCHDOG_PID=other)).watchdog_seconds == 0
    assert Notifier(manager.environment(WATCHDOG_USEC="soon")).watchdog_seconds == 0
    assert Notifier(every).watchdog_seconds == 0
    assert Notifier({**every, "NOTIFY_SOCKET": "vsock:2:9"}).watchdog_seconds == 0


def test_the_status_is_one_bounded_line_and_said_when_it_changes(manager: Manager) -> None:
    notifier = Notifier(manager.environment())
    notifier.ready("All systems\noperational")
    notifier.status("All systems operational")
    notifier.status("x" * 1000)
    assert manager.listen() == ["READY=1\nSTATUS=All systems operational", f"STATUS={'x' * LONGEST}"]


def test_a_manager_that_is_gone_costs_nothing(manager: Manager) -> None:
    notifier = Notifier(manager.environment())
    manager.socket.close()
    notifier.ready("fine")


async def test_the_manager_hears_of_the_start_of_changes_of_reloads_and_of_the_end(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "salus.yaml"
    good = (
        "salus: {listen: '127.0.0.1:0', state_dir: ./state}\n"
        "checks: {flag: {file: {path: ./flag, exists: true}, critical: true, interval: 0.1s}}\n"
    )
    file.write_text(good)
    file.chmod(0o600)
    (tmp_path / "flag").touch()
    agent = Agent(load(file), config_path=file)
    agent._notifier = Notifier(manager.environment(WATCHDOG_USEC="200000"))
    await agent.start()
    # Its queue is short: what comes while nobody listens is lost.
    asyncio.get_running_loop().add_reader(manager.socket, manager.listen)
    try:
        await until(lambda: manager.listen().count("WATCHDOG=1") >= 2)
        (tmp_path / "flag").unlink()
        await until(lambda: any("flag" in line for line in manager.listen() if line.startswith("STATUS=")))
        await agent.reload()
        file.write_text("checks: nonsense\n")
        with pytest.raises(ConfigError):
            await agent.reload()
    finally:
        await agent.stop()
        asyncio.get_running_loop().remove_reader(manager.socket)
    # How everything is may be said at any moment.
    said = [line for line in manager.listen() if line != "WATCHDOG=1" and not line.startswith("STATUS=")]
    assert said[0].startswith("READY=1\nSTATUS=")
    reloads = [place for place, line in enumerate(said) if line.startswith("RELOADING=1\nMONOTONIC_USEC=")]
    assert len(reloads) == 2
    for place in reloads:
        assert int(said[place].rpartition("=")[2]) > 0
        assert said[place + 1].startswith("READY=1")
    assert said[-1] == "STOPPING=1"


async def test_an_agent_inside_an_application_leaves_its_manager_alone(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in manager.environment(WATCHDOG_USEC="100000").items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "salus.yaml"
    file.write_text("salus: {listen: '127.0.0.1:0', state_dir: ./state}\n")
    agent = Agent(load(file))
    await agent.start()
    await agent.stop()
    assert manager.listen() == []


def test_a_salus_of_its_own_speaks_to_its_manager(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    environment = {**os.environ, **manager.environment(WATCHDOG_USEC="200000")}
    salus = SalusProcess(tmp_path, "", environment=environment)
    try:
        salus.start()
        eventually(lambda: "WATCHDOG=1" in manager.listen(), what=f"the watchdog's food\n{salus.log}")
        assert salus.stop() == 0
    finally:
        salus.close()
    assert any(line.startswith("READY=1") for line in manager.listen())
    assert [line for line in manager.heard if line != "WATCHDOG=1"][-1] == "STOPPING=1"  # it is fed to the very end
    manager.socket.close()


# ── stuck ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class HungStore(MemoryStore):
    """Does not come back from a write."""

    async def write(self, batch: Batch) -> None:
        await asyncio.Event().wait()


class NothingDue:
    """An engine that is on time."""

    def overdue(self) -> float:
        return 0.0


def test_a_stuck_ledger_starves_the_watchdog(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        recorder = Recorder(HungStore(), clock, lambda *_, **__: None)
        vitals = Vitals(NothingDue(), recorder, clock)  # type: ignore[arg-type]  # as much of one as is asked here
        notifier = Notifier(manager.environment(WATCHDOG_USEC="20000000"))
        feeding = asyncio.ensure_future(feed_watchdog(clock, notifier, vitals))
        await clock.sleep(100)
        assert manager.listen().count("WATCHDOG=1") >= 10
        recorder.memo(Memo(key="x", value={}))
        writing = asyncio.ensure_future(recorder.commit())
        await clock.sleep(STUCK_AFTER + 10)
        manager.listen().clear()
        await clock.sleep(100)
        assert manager.listen() == []
        assert "the ledger has been writing for" in vitals.stuck()
        for task in (feeding, writing):
            task.cancel()
        await asyncio.gather(feeding, writing, return_exceptions=True)

    with virtual_time() as (runner, clock):
        runner.run(scenario())
    assert len([one for one in caplog.records if "asks systemd's watchdog" in one.getMessage()]) == 1
