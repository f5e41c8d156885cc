"""Alerts of others heal: as a sender would post them, and from a real Prometheus and a real Alertmanager."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from salus.clock import SystemClock
from salus.ports import RecoveryQuery
from salus.store.sqlite import read_recoveries
from tests.acceptance.salus_process import SalusProcess, eventually, free_port, nothing_may_happen_for

PROGRAM = Path(__file__).parent / "metered.py"
TOKEN = "a-token-that-nobody-guesses"
Make = Callable[[str], SalusProcess]


def config(
    folder: Path, port: int, *, options: str = "", rule: str = "verify_timeout: 30s, recovery_timeout: 40s"
) -> str:
    command = json.dumps([sys.executable, "-I", "-S", str(PROGRAM), str(port), str(folder)])
    (folder / "token").write_text(TOKEN + "\n")
    return f"""
services:
  web: {{process: {{command: {command}}}}}
checks:
  web-stuck:
    alert: {{match: 'alertname="Stuck", job="web"'{options}}}
    interval: 1s
    service: web
rules:
  web-stuck: {{{rule}, actions: [restart_service]}}
alerts:
  receive: {{token_file: token}}
limits: {{recoveries_per_hour: 1000, storm_brake: 100%}}
"""


def post(agent: SalusProcess, content: Any, path: str = "/api/v2/alerts", token: str = TOKEN) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(content), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def stuck(lasts: float) -> list[dict[str, Any]]:
    """Say it as a Prometheus does: it fires for that many seconds more, or has ended (0)."""
    now = SystemClock().now()
    return [
        {
            "labels": {"alertname": "Stuck", "job": "web"},
            "annotations": {"summary": "the queue stands still"},
            "startsAt": (now - timedelta(seconds=30)).isoformat(),
            "endsAt": (now + timedelta(seconds=lasts)).isoformat(),
            "generatorURL": "http://127.0.0.1:9090/graph",
        }
    ]


def starts(folder: Path) -> int:
    """Return how many copies of the service have begun; one that Salus has just started is not so far yet."""
    return len((folder / "starts").read_text().splitlines()) if (folder / "starts").exists() else 0


def status(agent: SalusProcess) -> str:
    return str(agent.check("web-stuck")["status"])


def was_looked_at(agent: SalusProcess, since: datetime) -> bool:
    last = agent.check("web-stuck")["last_checked"]
    return last is not None and datetime.fromisoformat(last) > since


def is_kept(agent: SalusProcess) -> bool:
    """Tell whether the ledger knows of an alert that fires."""
    with closing(sqlite3.connect(agent.state / "ledger.sqlite")) as ledger:
        return bool(ledger.execute("select key from memos where key like 'received:%'").fetchall())


def outcomes(agent: SalusProcess) -> list[str]:
    agent.stop()
    return [str(each.outcome) for each in read_recoveries(agent.state / "ledger.sqlite", RecoveryQuery())]


# ── as a sender would ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_firing_alert_restarts_the_service_and_only_its_end_proves_the_healing(salus: Make, tmp_path: Path) -> None:
    agent = salus(config(tmp_path, free_port()))
    agent.ready()
    eventually(lambda: status(agent) == "healthy" and starts(tmp_path) == 1)
    assert post(agent, stuck(240)) == 200
    eventually(lambda: starts(tmp_path) == 2, what="the restart")
    nothing_may_happen_for(1.0)
    assert agent.check("web-stuck")["healing"], "it was believed before anybody said that it has ended"
    assert status(agent) == "unhealthy"
    assert post(agent, stuck(0)) == 200
    eventually(lambda: status(agent) == "healthy", what="the verified recovery")
    assert outcomes(agent) == ["recovered"]
    assert starts(tmp_path) == 2


def test_an_alert_that_goes_on_firing_is_no_recovery(salus: Make, tmp_path: Path) -> None:
    rule = "verify_timeout: 1s, recovery_timeout: 40s, max_recovery_attempts: 1"
    agent = salus(config(tmp_path, free_port(), rule=rule))
    agent.ready()
    eventually(lambda: status(agent) == "healthy")
    assert post(agent, stuck(240)) == 200
    eventually(lambda: agent.rule("web-stuck")["exhausted_since"], what="giving up")
    assert outcomes(agent) == ["not_recovered"]


def test_what_fires_is_known_to_the_next_salus_after_a_kill(salus: Make, tmp_path: Path) -> None:
    rule = "verify_timeout: 1s, recovery_timeout: 2s, mode: observe"
    agent = salus(config(tmp_path, free_port(), rule=rule))
    agent.ready()
    assert post(agent, stuck(3600)) == 200
    eventually(lambda: status(agent) == "unhealthy")
    eventually(lambda: is_kept(agent), what="a row: the ledger is written in batches")
    agent.kill()
    killed = SystemClock().now()
    agent.start()
    agent.ready()
    eventually(lambda: was_looked_at(agent, killed), what="a fresh look")
    assert "the queue stands still" in agent.check("web-stuck")["message"]
    assert status(agent) == "unhealthy"
    assert post(agent, stuck(0)) == 200
    eventually(lambda: status(agent) == "healthy")


def test_nobody_comes_in_without_the_token_and_it_appears_nowhere(salus: Make, tmp_path: Path) -> None:
    agent = salus(config(tmp_path, free_port()))
    agent.ready()
    assert post(agent, stuck(240), token="another-token-of-that-length") == 401
    assert post(agent, stuck(240), "/api/v1/alerts/webhook", token="") == 401
    eventually(lambda: status(agent) == "healthy")
    assert "nothing was heard" in agent.check("web-stuck")["message"]
    shown = json.dumps(agent.status())
    agent.stop()
    assert TOKEN not in shown + agent.log
    assert not [file for file in agent.state.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]


# ── from the real ones ────────────────────────────────────────────────────────────────────────────────────────────────


def prometheus(folder: Path, target: int, alertmanager: str) -> list[str]:
    """Write the config of a Prometheus that sees whether the target is stuck; return its command."""
    (folder / "rules.yml").write_text(
        """
groups:
  - name: all
    rules:
      - {alert: Watchdog, expr: vector(1)}
      - {alert: Stuck, expr: stuck == 1, annotations: {summary: "{{ $labels.job }} stands still"}}
"""
    )
    (folder / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: web, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}
alerting:
  alertmanagers:
    - {alertmanager}
"""
    )
    return [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
    ]


def test_what_a_real_prometheus_sees_is_healed_and_its_word_verifies_it(
    salus: Make, peer: Callable[[Sequence[str]], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    target = free_port()
    agent = salus(config(tmp_path, target, options=", watchdog: 'alertname=\"Watchdog\"', stale_after: 5s"))
    agent.ready()
    eventually(
        lambda: "the watchdog" in agent.check("web-stuck")["message"], what="a look while nobody has told anything"
    )
    assert status(agent) == "unknown"
    door = f"""static_configs: [{{targets: ["127.0.0.1:{agent.port}"]}}]"""
    process = peer(prometheus(tmp_path, target, f"{{authorization: {{credentials_file: token}}, {door}}}"))
    eventually(lambda: status(agent) == "healthy", 30, what="a word of Prometheus")
    (tmp_path / "stick").touch()
    eventually(lambda: starts(tmp_path) == 2, 30, what="the restart")
    eventually(lambda: status(agent) == "healthy", 30, what="the verified recovery")
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=20)
    eventually(lambda: status(agent) == "unknown", 30, what="the silence of Prometheus")
    assert starts(tmp_path) == 2
    assert outcomes(agent) == ["recovered"]


def test_what_a_real_alertmanager_tells_by_its_webhook_is_healed(
    salus: Make, peer: Callable[[Sequence[str]], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    target, port = free_port(), free_port()
    agent = salus(config(tmp_path, target))
    agent.ready()
    (tmp_path / "alertmanager.yml").write_text(
        f"""
route: {{receiver: salus, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers:
  - name: salus
    webhook_configs:
      - url: http://127.0.0.1:{agent.port}/api/v1/alerts/webhook
        http_config: {{basic_auth: {{username: alertmanager, password_file: {tmp_path / "token"}}}}}
"""
    )
    peer(
        [
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yml'}",
            f"--storage.path={tmp_path / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
    )
    peer(prometheus(tmp_path, target, f"""{{static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}"""))
    eventually(lambda: "last heard" in agent.check("web-stuck")["message"], 30, what="a word of Alertmanager")
    (tmp_path / "stick").touch()
    eventually(lambda: starts(tmp_path) == 2, 30, what="the restart")
    eventually(lambda: status(agent) == "healthy", 30, what="the verified recovery")
    assert starts(tmp_path) == 2
    assert outcomes(agent) == ["recovered"]
