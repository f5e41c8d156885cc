"""The real command beside a real agent that runs a real service."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SALUS = str(Path(sys.executable).with_name("salus"))
PYTHON = sys.executable

CONFIG = f"""\
salus: {{listen: "127.0.0.1:0", state_dir: ./state, environment: test, show_details: always}}
defaults: {{interval: 200ms, timeout: 2s, retry_interval: 50ms}}
services:
  web:
    process: {{command: [{PYTHON}, -c, "import time; print('up', flush=True); time.sleep(600)"]}}
checks:
  web-up:
    process: {{service: web}}
    critical: true
    service: web
  job:
    heartbeat: {{slug: backup, every: 1h}}
rules:
  web-up: {{actions: [log, restart_service], cooldown_period: 100ms}}
"""


class Agent:
    """``salus run`` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "salus.yaml").write_text(CONFIG)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([SALUS, "run"], cwd=folder, env=self._environ(), stderr=log)
        self.until("it is up", lambda: self.run("status").returncode == 0)

    def _environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SALUS, *arguments],
            cwd=self.folder, env=self._environ(), capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, dict[str, object]]:
        told = json.loads(self.run("status", "--json").stdout)
        return {one["name"]: one for room in ("checks", "services", "rules") for one in told.get(room, [])}

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 45
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"waited in vain until {what}:\n{self.log.read_text()}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    one = Agent(tmp_path_factory.mktemp("agent"))
    yield one
    if one.process.poll() is None:
        one.stop()


def pid_of_web(agent: Agent) -> int:
    pid = agent.status()["web"]["pid"]
    assert isinstance(pid, int)
    return pid


def test_a_killed_service_is_healed_and_history_tells_it(agent: Agent) -> None:
    first = pid_of_web(agent)
    os.kill(first, signal.SIGKILL)
    agent.until("it was healed", lambda: "recovered" in agent.run("history", "--rule", "web-up").stdout)
    assert pid_of_web(agent) != first
    lines = agent.run("history").stdout.splitlines()
    assert lines[0].split() == ["WHEN", "ID", "RULE", "ATTEMPT", "OUTCOME", "DETECTED", "HEALED", "ACTIONS", "BECAUSE"]
    assert "exited: killed by SIGKILL" in lines[1]
    assert re.fullmatch(r"web-up: 1 of 1 recovered and verified \(100%\), median .*", lines[-1])
    newest = json.loads(agent.run("history", "--json", "--limit", "1").stdout)[0]
    told = agent.run("history", newest["id"][:10]).stdout
    assert "Evidence recorded before anything was touched:" in told
    assert "restart_service" in told
    events = agent.run("history", "--events", "--check", "web-up").stdout
    assert "recovery finished" in events
    assert "status_changed check=web-up" in agent.log.read_text()


def test_heal_runs_a_rule_now(agent: Agent) -> None:
    before = pid_of_web(agent)
    done = agent.run("heal", "web-up")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("web-up recovered after ")
    assert pid_of_web(agent) != before
    assert agent.run("heal", "nope").returncode == 1


def test_a_service_is_stopped_by_hand_stays_stopped_and_comes_back(agent: Agent) -> None:
    assert agent.run("service", "stop", "web").stdout == "web stopped: stopped by a person\n"
    agent.until("the check saw it", lambda: agent.run("status").returncode == 1)
    assert "stopped by a person" in agent.run("status").stdout
    assert agent.run("service", "start", "web").stdout.startswith("web running")
    agent.until("the check saw it", lambda: agent.run("status").returncode == 0)


def test_a_pause_holds_a_rule_and_explain_says_so_until_it_is_resumed(agent: Agent) -> None:
    assert agent.run("pause").returncode == 64
    assert agent.run("pause", "--all", "--for", "1h", "moving", "house").returncode == 0
    assert "moving house" in agent.run("status").stdout
    told = json.loads(agent.run("explain", "web-up", "--json").stdout)["rules"][0]
    assert told["reason"] == "paused"
    assert told["last_recovery"]["outcome"] == "recovered"
    assert len([one for one in told["stages"] if not one["passes"]]) >= 2  # paused, and nothing to heal
    assert agent.run("resume").returncode == 0
    lines = agent.run("explain", "web-up").stdout.splitlines()
    assert lines[0].startswith("web-up is healthy for ")
    assert lines[2].startswith("web-up has nothing to heal: the check is healthy")


def test_maintenance_leaves_a_dead_service_alone_until_it_ends(agent: Agent) -> None:
    assert agent.run("maintenance", "start", "--for", "10m", "--service", "web", "--name", "deploy").returncode == 0
    os.kill(pid_of_web(agent), signal.SIGKILL)
    agent.until("the check saw it", lambda: agent.run("status").returncode == 1)
    held = agent.run("explain", "web-up").stdout
    assert "web-up will not act: somebody is working on it" in held
    assert agent.run("maintenance", "end", "deploy").returncode == 0
    agent.until("it was healed", lambda: agent.run("status").returncode == 0)


def test_a_rule_switched_off_stays_off_and_is_switched_on_again(agent: Agent) -> None:
    assert agent.run("rule", "disable", "web-up").returncode == 0
    assert "salus rule enable web-up" in agent.run("status").stdout
    assert agent.run("explain", "web-up").stdout.splitlines()[2].startswith("web-up will not act: it is switched off")
    assert agent.run("rule", "enable", "web-up").returncode == 0
    assert agent.status()["web-up"]["enabled"] is True


def test_health_asks_the_endpoints_or_the_local_socket(agent: Agent) -> None:
    done = agent.run("health", "--host", "./state/salus.sock", "--verbose")
    assert done.returncode == 0
    assert "[+]web-up ok" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("health check passed")
    done = agent.run("health", "--state-dir", "state", "--verbose")
    assert done.returncode == 0
    assert "[+]web-up ok" in done.stdout


def test_a_bad_reload_is_refused_and_a_good_one_applied(agent: Agent) -> None:
    file = agent.folder / "salus.yaml"
    file.write_text(CONFIG.replace("slug: backup", "slugg: backup"))
    done = agent.run("reload")
    assert done.returncode == 1
    assert "did you mean 'slug'?" in done.stderr
    assert "job" in agent.status()
    file.write_text(CONFIG.replace("  job:\n", "  nightly:\n"))
    done = agent.run("reload")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reloaded: ")
    assert "alerts" not in done.stdout
    assert "nightly" in agent.status()
    window = "maintenance: {leap: {cron: '0 3 29 2 *', duration: 1m, checks: [nightly]}}\n"
    page = "status_page: {components: {Job: nightly}}\n"
    file.write_text(f"{file.read_text()}alerts: {{channels: {{mine: {{file: ./mine.jsonl}}}}}}\n{window}{page}")
    assert agent.run("reload").returncode == 0
    said = [one["message"] for one in json.loads(agent.run("history", "--events", "--json").stdout)]
    assert (
        said.count(  # Salus watches its files, and may have been quicker than the command
            "checks: nothing changed; services: nothing changed; rules: nothing changed; "
            "maintenance: changed; alerts: changed; status page: changed"
        )
        == 1
    )


def test_a_second_salus_on_the_same_folder_is_refused(agent: Agent) -> None:
    done = agent.run("run")
    assert done.returncode == 1
    assert str(agent.process.pid) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_ledger_of_a_running_salus_cannot_be_set_aside(agent: Agent) -> None:
    done = agent.run("ledger", "reset", "--yes")
    assert done.returncode == 1
    assert f"in use by the Salus with pid {agent.process.pid}" in done.stderr
    assert agent.run("ledger", "check").stdout.startswith("sound: ")


def test_backtest_replays_all_that_beside_the_running_salus(agent: Agent) -> None:
    told = json.loads(agent.run("backtest", "salus.yaml", "--json").stdout)
    assert told["then"]["acted"] == told["then"]["healed"] == 2, told  # the first kill, and the one in maintenance
    assert told["now"]["healed"] == 2
    assert (told["now"]["added"], told["now"]["dropped"]) == (0, 0), told["rows"]
    assert (told["unknown"], list(told["gone"])) == ([], ["job"])
    (agent.folder / "off.yaml").write_text(CONFIG.replace("actions:", "enabled: false, actions:"))
    done = agent.run("backtest", "off.yaml", "--ledger", "state/ledger.sqlite")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^does nothing where Salus acted +- +2$", done.stdout, re.MULTILINE)
    assert agent.run("ledger", "check").stdout.startswith("sound: ")


def test_after_a_stop_status_tells_what_the_ledger_remembers(agent: Agent) -> None:
    assert agent.stop() == 0
    done = agent.run("status")
    assert done.returncode == 1
    assert "What the ledger remembers:" in done.stdout
    assert "web-up" in done.stdout
    assert agent.run("ledger", "check").stdout.startswith("sound: ")
    assert "Traceback" not in agent.log.read_text()
