"""A real Salus: a check that is paused over its death, a recovery that is called off with all that it started."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.salus_process import SalusProcess, eventually, nothing_may_happen_for


def config(folder: Path) -> str:
    script = f"sleep 600 & echo began >> {folder}/acts; wait"
    return f"""
checks:
  web: {{command: {{run: [sh, -c, "echo x >> {folder}/looks; test ! -e {folder}/bad"]}}, interval: 100ms, timeout: 10s}}
rules:
  web:
    cooldown_period: 1h
    recovery_timeout: 10m
    actions: [{{run: [sh, -c, {json.dumps(script)}]}}]
"""


def looks(folder: Path) -> int:
    return len((folder / "looks").read_text().splitlines()) if (folder / "looks").exists() else 0


def post(agent: SalusProcess, path: str, body: object) -> tuple[int, dict[str, Any]]:
    code, answer = agent.talk("POST", path, None if body is None else json.dumps(body).encode())
    return code, json.loads(answer)


def test_a_paused_check_stays_paused_over_a_kill(salus: Callable[[str], SalusProcess], tmp_path: Path) -> None:
    agent = salus(config(tmp_path))
    agent.ready()
    eventually(lambda: looks(tmp_path) > 2)
    assert post(agent, "/v1/checks/web/pause", {"seconds": 3600, "reason": "moving"})[0] == 200
    agent.kill()
    agent.start()
    agent.ready()
    eventually(lambda: agent.ready()["overall"]["message"] == "All systems operational (1 paused)")
    assert agent.check("web")["paused"]["reason"] == "moving"
    before = looks(tmp_path)
    nothing_may_happen_for(1.0)
    assert looks(tmp_path) == before
    assert post(agent, "/v1/checks/web/run", {})[1]["status"] == "healthy"
    assert looks(tmp_path) == before + 1
    assert post(agent, "/v1/checks/web/resume", {})[0] == 200
    eventually(lambda: agent.check("web")["status"] == "healthy")
    assert agent.check("web")["paused"] is None


def test_what_a_recovery_has_started_dies_when_a_person_calls_it_off(
    salus: Callable[[str], SalusProcess], tmp_path: Path
) -> None:
    agent = salus(config(tmp_path))
    agent.ready()
    (tmp_path / "bad").touch()
    eventually(lambda: (tmp_path / "acts").exists() and len(agent.children("action")) > 1, what="the action")
    (running,) = agent.ready()["recoveries"]
    assert (running["current"]["phase"], running["current"]["action"]) == ("acting", "run")
    code, told = post(agent, "/v1/recoveries/web/cancel", {})
    assert (code, told["outcome"], told["steps"][0]["result"]) == (200, "cancelled", "cancelled")
    assert agent.children("action") == []
    rule = agent.rule("web")
    assert (rule["attempts"], rule["last_outcome"]) == (1, "cancelled")
    eventually(lambda: (agent.rule("web")["last_refusal"] or {}).get("reason") == "cooling_down")
    assert post(agent, f"/api/v1/recoveries/{told['id']}/cancel", None)[0] == 409
