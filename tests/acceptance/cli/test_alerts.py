"""The real commands beside a real agent: an alert from its beginning to its end, as a person lives through it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.acceptance.salus_process import SalusProcess, eventually

CONFIG = """\
defaults: {{interval: 100ms, timeout: 20s, retry_interval: 50ms}}
checks:
  door:
    command:
      run: [{python}, -c, "import os, sys; os.path.exists('open') and sys.exit(print('the door is open') or 1)"]
      directory: {folder}
    critical: true
alerts:
  channels:
    hook: {{webhook: {{url: "http://127.0.0.1:{port}/hook"}}}}
    gone: {{webhook: {{url: "http://127.0.0.1:9/hook"}}}}
  targets: {{allow: [localhost]}}
  rules:
    door-open: {{check: door, status: unhealthy, for: 1s, runbook: "https://wiki.example.org/door"}}
  routes:
    - {{match: 'component="door"', channels: [hook], group_wait: 100ms, escalate: [{{after: 1h, channels: [gone]}}]}}
    - {{channels: [log]}}
"""


class Receiver:
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        found = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                found.append(self.rfile.read(int(self.headers["content-length"])).decode())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class House:
    """A Salus that watches a door, and whoever calls its commands."""

    def __init__(self, folder: Path) -> None:
        self.receiver = Receiver()
        self.door = folder / "open"
        port = self.receiver.server.server_port
        self.salus = SalusProcess(folder, CONFIG.format(python=sys.executable, folder=folder, port=port))

    def call(self, *arguments: str, code: int = 0) -> str:
        """Call a command, expect that exit code, and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "salus.cli.main", *arguments],
            env={"SALUS_CONFIG": str(self.salus.config), "LANG": "C.UTF-8"},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    one = House(tmp_path)
    try:
        one.salus.start()
        one.salus.ready()
        yield one
    finally:
        one.salus.close()
        one.receiver.close()


def rows(said: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line) for line in said.splitlines()]


def test_an_alert_is_seen_taken_silenced_and_ended(house: House) -> None:
    assert house.call("alerts") == "no alerts: nothing is wrong that anybody should hear of\n"
    house.door.touch()
    eventually(lambda: " firing " in house.call("alerts"), what="the alert")
    eventually(lambda: house.receiver.bodies, what="the notification")
    head, alert = rows(house.call("alerts"))
    told = dict(zip(head, alert, strict=True))
    assert (told["STATE"], told["LEVEL"], told["COMPONENT"], told["TOLD"]) == ("firing", "critical", "door", "hook")
    assert told["SUMMARY"] == "door is unhealthy: the door is open"
    assert house.call("status", code=1).index(told["ID"]) > 0
    assert f"alert {told['ID']} (door-open, critical) is firing for " in house.call("explain", "door")

    story = house.call("alert", "show", "door")
    assert story.startswith("firing, critical: door is unhealthy: the door is open\nid ")
    assert "\nRunbook: https://wiki.example.org/door\n" in story
    assert re.search(r'^gone +in \d+m\d+s, unless somebody takes it +1: component="door", not ack', story, re.MULTILINE)
    eventually(lambda: re.search(r"hook +firing +sent", house.call("alert", "show", "door")), what="its delivery")

    assert "acknowledged by " in house.call("alert", "ack", told["ID"], "closing", "it")
    eventually(lambda: len(house.receiver.bodies) == 2, what="the acknowledgement")
    assert "closing it" in house.receiver.bodies[1]
    assert "is acknowledged by " in house.call("alert", "ack", told["ID"], code=1)

    silence = house.call("silence", "add", "check=door", "--for", "2h", "--comment", "a new lock")
    assert 'of check="door", which is 1 alert now\n' in silence
    assert "a new lock" in house.call("alerts", "--silenced")
    name = silence.split()[1]
    assert house.call("silence", "expire", name) == f'silence {name} of check="door" has ended\n'

    house.door.unlink()
    eventually(lambda: len(house.receiver.bodies) == 3, what="the end")
    assert "resolved" in house.receiver.bodies[2]
    assert house.call("alerts") == "no alerts: nothing is wrong that anybody should hear of\n"
    ended = rows(house.call("alerts", "--ended", "--since", "1h"))[1]
    assert ended[0] == told["ID"]
    assert "How it ended: the trouble is gone" in house.call("alert", "show", told["ID"])
    house.salus.stop()
    assert told["ID"] in house.call("alerts", "--ended")
    assert "How it ended" in house.call("alert", "show", "door")


def test_what_a_person_ended_is_not_told_again(house: House) -> None:
    house.door.touch()
    eventually(lambda: house.receiver.bodies, what="the notification")
    said = house.call("alert", "resolve", "door-open", "it", "may")
    assert re.match(r"resolved by \S+: it may: door is unhealthy", said)
    eventually(lambda: len(house.receiver.bodies) == 2, what="the end")
    assert "resolved" in house.receiver.bodies[1]
    assert house.call("alerts") == "no alerts: nothing is wrong that anybody should hear of\n"


def test_channels_and_routes_are_tried_before_somebody_needs_them(house: House) -> None:
    assert house.call("notify", "test", "hook").startswith("hook works")
    assert "test" in json.loads(house.receiver.bodies[0])["occasion"]
    assert "gone fails: " in house.call("notify", "test", "--all", code=1)
    assert "known are console, gone, hook, log" in house.call("notify", "test", "nope", code=1)
    assert [row[0] for row in rows(house.call("routes", "test", "component=door"))[1:]] == ["hook", "gone"]
    house.call("routes", "test", "component=door", "--expect", "hook", "--expect", "gone")
    assert "it also goes to gone" in house.call("routes", "test", "component=door", "--expect", "hook", code=1)
    assert [row[0] for row in rows(house.call("notify", "channels"))[1:]] == ["console", "gone", "hook", "log"]
    assert house.call("notify", "dead").startswith("nothing was given up")
    assert "there is no active alert 'x'" in house.call("alert", "ack", "x", code=1)
    house.salus.stop()
    assert "no Salus answers" in house.call("silence", "list", code=1)
    assert "This is what the config says" in house.call("routes", "test", "component=door")
