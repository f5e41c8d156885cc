"""The API of a real agent, as a person and their tools live with it: from the first token to the audit."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.salus_process import SalusProcess, eventually

CONFIG = """\
services:
  web: {{process: {{command: [{python}, -c, "print('hello', flush=True); import signal; signal.pause()"]}}}}
checks:
  web-up: {{process: {{service: web}}, interval: 200ms, timeout: 2s, critical: true, service: web}}
  disk: {{disk: {{path: /}}, interval: 1s}}
rules:
  web-up: {{check: web-up, cooldown_period: 1s, actions: [restart_service]}}
"""


class Api:
    """A client with a token, and what it heard on the stream."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.last = ""

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, f"/api/v1{path}", json.dumps(body) if body else None, self.headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        code, told = self.ask("GET", path)
        assert code == 200, told
        return told

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen in a thread of its own, after the last event that was heard."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        more = {"Last-Event-ID": self.last} if self.last else {}
        connection.request("GET", "/api/v1/stream", headers={**self.headers, **more})
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline() == b"retry: 2000\n"
        reader = threading.Thread(target=self._read, args=(response,))
        reader.start()
        try:
            yield
        finally:
            connection.sock.shutdown(socket.SHUT_RDWR)
            reader.join(10)
            connection.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        kind = ""
        while line := _line(response):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.last = value
            elif name == "event":
                kind = value
            elif name == "data":
                self.heard.append((kind, json.loads(value)))

    def kinds(self) -> list[str]:
        return [str(event.get("kind", kind)) for kind, event in self.heard]


def _line(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.readline()
    except (OSError, http.client.HTTPException):  # hung up in the middle of a stream
        return b""


@pytest.fixture
def salus(tmp_path: Path) -> Iterator[SalusProcess]:
    one = SalusProcess(tmp_path, CONFIG.format(python=sys.executable))
    one.start()
    one.ready()
    yield one
    one.close()


def command(salus: SalusProcess, *words: str) -> str:
    asked = [*salus.command, *words, "--state-dir", str(salus.state)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_token_to_a_healed_service_and_the_audit_of_it_all(salus: SalusProcess) -> None:
    api = Api(salus.port, command(salus, "token", "create", "deploy", "--role", "operator").strip())
    viewer = Api(salus.port, command(salus, "token", "create", "grafana").strip())
    eventually(lambda: api.get("/status")["overall"]["message"] == "All systems operational", what="the first looks")

    checks = viewer.get("/checks")["items"]
    assert [one["name"] for one in checks] == ["disk", "salus", "web-up"]
    assert viewer.ask("POST", "/checks/disk/run")[0] == 403
    assert api.ask("POST", "/checks/disk/run")[1]["status"] == "healthy"

    before = api.get("/services/web")["pid"]
    with api.listening(), viewer.listening():
        code, told = api.ask("POST", "/services/web/restart")
        assert (code, told["state"]) == (200, "running")
        assert told["pid"] != before
        eventually(lambda: "request_done" in api.kinds(), what="the restart on the stream")
        assert "request_done" not in viewer.kinds()  # who asked for what is told to those who may act
        os.kill(told["pid"], signal.SIGKILL)
        eventually(lambda: "recovery_finished" in viewer.kinds(), what="the recovery on the stream")
    kinds = viewer.kinds()
    kinds = kinds[kinds.index("service_exited") :]  # while it was restarted, a look may have found it down, too
    course = ["service_exited", "status_changed", "recovery_started", "action_finished", "recovery_finished"]
    places = [kinds.index(kind) for kind in course]
    assert places == sorted(places)
    eventually(lambda: api.get("/status")["overall"]["status"] == "healthy", what="health")
    recovery = viewer.get("/recoveries?limit=1")["items"][0]
    assert recovery["outcome"] == "recovered"
    assert recovery["steps"][0]["action"] == "restart_service"
    assert viewer.get(f"/recoveries/{recovery['id']}") == recovery
    assert api.get("/services/web/output")["lines"][-1].endswith("hello")

    assert api.ask("POST", "/rules/web-up/disable")[0] == 200  # while nobody listened
    heard = len(viewer.heard)
    with viewer.listening():
        eventually(lambda: "rule_disabled" in viewer.kinds()[heard:], what="what was missed")
    assert "recovery_finished" not in viewer.kinds()[heard:]

    audit = api.get("/events?kind=request_done,request_refused")["items"]
    rows = [(one["data"]["by"], one["data"]["request"], one["data"]["code"]) for one in reversed(audit)]
    assert ("grafana", "POST /api/v1/checks/disk/run", 403) in rows
    assert ("deploy", "POST /api/v1/services/web/restart", 200) in rows
    assert ("deploy", "POST /api/v1/rules/web-up/disable", 200) in rows
    history = command(salus, "history", "--events")
    assert "deploy: POST /api/v1/services/web/restart: 200" in " ".join(history.split())
    assert "token created" in history


def test_tokens_survive_a_kill_of_salus_and_end_when_they_are_revoked(salus: SalusProcess) -> None:
    api = Api(salus.port, command(salus, "token", "create", "deploy", "--role", "operator").strip())
    with api.listening():
        assert api.ask("POST", "/checks/disk/run")[0] == 200
        eventually(lambda: "request_done" in api.kinds(), what="the look on the stream")
        salus.kill()
    heard = len(api.heard)
    salus.start()
    salus.ready()
    assert api.get("/session")["name"] == "deploy"
    with api.listening():  # a stream goes on over the death of Salus: nothing is missed, nothing comes twice
        eventually(lambda: "agent_started" in api.kinds()[heard:], what="the new start on the stream")
    ids = [event["id"] for _, event in api.heard]
    assert ids == sorted(set(ids))
    ledger = b"".join(file.read_bytes() for file in salus.state.glob("ledger.sqlite*"))
    secret = api.headers["Authorization"].split("_", 2)[2].encode()
    assert b"token:" in ledger
    assert secret not in ledger
    command(salus, "token", "revoke", "deploy")
    assert api.ask("GET", "/rules")[0] == 401
    salus.kill()
    salus.start()
    salus.ready()
    assert api.ask("GET", "/rules")[0] == 401
