"""A real Prometheus scrapes a real Salus, in both formats, and the alert rules that are shipped fire."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from salus.surfaces.metrics.table import FAMILIES
from tests.acceptance.salus_process import SalusProcess, eventually, free_port

PROGRAM = Path(__file__).parent / "server.py"
SHIPPED = Path(__file__).resolve().parents[3] / "docs/examples/prometheus/salus-alerts.yml"
SCRAPES = 10
Make = Callable[[str], SalusProcess]
Peer = Callable[[Sequence[str]], subprocess.Popen[bytes]]


def config(folder: Path, healed: int, left: int) -> str:
    command = json.dumps([sys.executable, "-I", "-S", str(PROGRAM), str(healed), str(folder)])
    return f"""
services:
  web: {{process: {{command: {command}, ready: {{tcp: {healed}}}}}}}
checks:
  web: {{tcp: {{host: 127.0.0.1, port: {healed}}}, interval: 200ms, timeout: 5s, service: web}}
  left: {{tcp: {{host: 127.0.0.1, port: {left}}}, interval: 200ms, timeout: 5s}}
rules:
  web: {{actions: [restart_service]}}
"""


class Prometheus:
    """One that scrapes every second, and fires after a second what should wait for minutes."""

    def __init__(self, folder: Path, salus: int, peer: Peer) -> None:
        self.log, self.port = folder / "prometheus.log", free_port()
        rules = re.sub(r"for: \d+m", "for: 1s", SHIPPED.read_text(encoding="utf-8"))
        (folder / "salus-alerts.yml").write_text(rules, encoding="utf-8")
        (folder / "prometheus.yml").write_text(
            f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}}
rule_files: [salus-alerts.yml]
scrape_configs:
  - {{job_name: salus, static_configs: [{{targets: ["127.0.0.1:{salus}"]}}]}}
"""
        )
        peer(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--enable-feature=exemplar-storage",
            ]
        )

    def ask(self, what: str, **query: str) -> Any:
        """Ask its API; None while it does not answer yet."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.loads(answer.read())["data"]
        except OSError:
            return None

    def value(self, query: str) -> float | None:
        found = self.ask("query", query=query)
        return float(found["result"][0]["value"][1]) if found and found["result"] else None

    def firing(self) -> set[tuple[str, str]]:
        """Return what fires: (alert, check)."""
        found = self.ask("alerts") or {"alerts": []}
        return {
            (one["labels"]["alertname"], one["labels"].get("check", ""))
            for one in found["alerts"]
            if one["state"] == "firing"
        }


@pytest.mark.alone
@pytest.mark.timeout(120)
def test_a_real_prometheus_scrapes_without_a_warning_and_what_is_shipped_fires(
    salus: Make, peer: Peer, tmp_path: Path
) -> None:
    healed, left = free_port(), free_port()
    (tmp_path / "other").mkdir()
    other = peer([sys.executable, "-I", "-S", str(PROGRAM), str(left), str(tmp_path / "other")])
    agent = salus(config(tmp_path, healed, left))
    agent.ready()
    eventually(lambda: agent.check("web")["status"] == agent.check("left")["status"] == "healthy")
    prometheus = Prometheus(tmp_path, agent.port, peer)
    eventually(lambda: prometheus.value("salus_build_info") == 1, 30, what="the first scrape")
    eventually(lambda: prometheus.firing() == set(), what="peace")

    # A service that is killed is healed; the recovery stands in the counters, and as an example in the histogram.
    os.kill(agent.service("web")["pid"], signal.SIGKILL)
    recovered = 'salus_recoveries_total{check="web",outcome="recovered"}'
    eventually(lambda: prometheus.value(recovered) == 1, 20, what="the recovery")
    examples = eventually(
        lambda: prometheus.ask(
            "query_exemplars",
            query="salus_recovery_duration_seconds_bucket",
            start="0",
            end="9999999999",
        ),
        10,
        what="its example",
    )
    (recovery,) = {one["labels"]["recovery_id"] for series in examples for one in series["exemplars"]}
    assert agent.talk("GET", f"/api/v1/recoveries/{recovery}")[0] == 200

    # What nobody heals makes the shipped rule fire, and the end of Salus itself another one.
    other.kill()
    eventually(lambda: ("SalusCheckUnhealthy", "left") in prometheus.firing(), 20, what="the alert")
    assert prometheus.value('salus_check_status{check="left",salus_check_status="unhealthy"}') == 1
    up = 'count_over_time(up{job="salus"}[2m])'
    eventually(lambda: (prometheus.value(up) or 0) >= SCRAPES, 30, what="ten scrapes")
    assert prometheus.value('min_over_time(up{job="salus"}[2m])') == 1
    seen = {one["__name__"] for one in prometheus.ask("series", **{"match[]": '{__name__=~"salus_.+"}'})}
    told = {family.name for family in FAMILIES if any(name.startswith(family.name) for name in seen)}
    assert {family.name for family in FAMILIES} - told <= {"salus_recovery_refusals_total"}
    described = prometheus.ask("metadata")
    assert {one["unit"] for one in described["salus_recovery_duration_seconds"]} == {"seconds"}
    (target,) = prometheus.ask("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert [
        line for line in prometheus.log.read_text().splitlines() if "level=warn" in line or "level=error" in line
    ] == []

    agent.kill()
    eventually(lambda: ("SalusDown", "") in prometheus.firing(), 20, what="the alert about Salus itself")
