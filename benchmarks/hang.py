"""A hung service (SIGSTOP) is seen, killed and replaced; four checks and one action that hang too must not delay it."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import sys
import time
from pathlib import Path

from benchmarks._agent import MeasuredAgent, running_agent
from benchmarks._common import Row, free_port, print_table

INTERVAL, TIMEOUT, RETRY, FAILURES = 1.0, 0.5, 0.5, 2
BOUND = TIMEOUT + RETRY * (FAILURES - 1) + INTERVAL
SERVER = Path(__file__).parent.parent / "tests" / "acceptance" / "healing" / "server.py"
HANGING = """
  hang-1: {command: {run: [sleep, "600"]}, timeout: 2s, interval: 2s}
  hang-2: {command: {run: [sh, -c, "trap '' TERM; sleep 600"]}, timeout: 2s, interval: 2s}
  hang-3: {tcp: {port: SILENT, expect: never}, timeout: 2s, interval: 2s}
  hang-4: {http: {url: "http://127.0.0.1:SILENT/"}, timeout: 2s, interval: 2s}
"""
SLEEPER = "  hang-1: {recovery_timeout: 20m, actions: [{run: [sh, -c, 'sleep 600 & sleep 600']}]}"


def main(quick: bool = False) -> list[Row]:
    """Hang the service again and again, first alone, then in bad company."""
    times = 4 if quick else 12
    alone = _measure(times, company=False)
    crowded = _measure(times, company=True)
    seen = statistics.median(each[0] for each in crowded)
    rows = [
        Row(
            name="hung service seen (deciding look), median",
            value=seen,
            unit="s",
            reference=statistics.median(each[0] for each in alone),
            target=f"within {BOUND:g} s",
            passed=max(each[0] for each in crowded) <= BOUND + 0.05,
            note="value: beside four hanging checks and an action that sleeps and forks; reference: alone; slack 50 ms",
        ),
        _compared("hung service seen", [each[0] for each in alone], [each[0] for each in crowded]),
        _compared("hung service replaced", [each[1] for each in alone], [each[1] for each in crowded]),
    ]
    print_table("A service that hangs", rows)
    return rows


def _compared(name: str, alone: list[float], crowded: list[float]) -> Row:
    one, other = statistics.median(alone), statistics.median(crowded)
    return Row(
        name=f"{name}: in company over alone",
        value=other,
        unit="s",
        reference=one,
        ratio=other / one,
        target="at most 1.05 x",
        passed=other / one <= 1.05,
    )


def _measure(times: int, *, company: bool) -> list[tuple[float, float]]:
    port, silent = free_port(), free_port()
    with socket.create_server(("127.0.0.1", silent)) as nobody, running_agent(_config(port, silent, company)) as agent:
        nobody.listen()
        agent.wait_until_healthy("web-http")
        if company:
            time.sleep(3)  # until the action hangs as well
        return [_hang(agent) for _ in range(times)]


def _config(port: int, silent: int, company: bool) -> str:
    command = f'[{sys.executable}, -I, -S, {SERVER}, "{port}", "{{folder}}"]'
    return f"""
services:
  web: {{process: {{command: {command}}}}}
checks:
  web-http:
    http: {{url: "http://127.0.0.1:{port}/"}}
    interval: {INTERVAL}s
    timeout: {TIMEOUT}s
    retry_interval: {RETRY}s
    service: web
{HANGING.replace("SILENT", str(silent)) if company else ""}
rules:
  web-http:
    min_failure_count: {FAILURES}
    cooldown_period: 0s
    max_recovery_attempts: 1000
    actions: [restart_service]
{SLEEPER if company else ""}
limits: {{recoveries_per_hour: 1000, storm_brake: 100%}}
"""


def _hang(agent: MeasuredAgent) -> tuple[float, float]:
    """Stop the service right after a look, the worst moment; return seconds until it was seen and until replaced."""
    pid = agent.service_pid("web")
    while pid is None:
        time.sleep(0.01)
        pid = agent.service_pid("web")
    before = _web(agent)["last_checked"]
    while _web(agent)["last_checked"] == before or _web(agent)["status"] != "healthy":
        time.sleep(0.002)
    stopped = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    while not _running(agent):
        time.sleep(0.002)
    seen = time.monotonic() - stopped
    while agent.service_pid("web") in (None, pid):
        time.sleep(0.002)
    replaced = time.monotonic() - stopped
    agent.wait_until_healthy("web-http")
    return seen, replaced


def _running(agent: MeasuredAgent) -> bool:
    return any(each["check"] == "web-http" for each in (agent.status() or {"recoveries": []})["recoveries"])


def _web(agent: MeasuredAgent) -> dict[str, str]:
    checks: list[dict[str, str]] = (agent.status() or {"checks": []})["checks"]
    return next(check for check in checks if check["name"] == "web-http")
