"""The preview server in a process of its own, as its README starts it, and somebody who listens to what it tells."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.acceptance.salus_process import eventually, free_port

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/preview-server"
PARTS = ("build-pipeline", "component-registry", "file-watcher", "filesystem", "memory", "tasks", "threads")

# Only how often is looked, and how long is waited between attempts: what is done stands in the example itself.
CONFIG: dict[str, dict[str, Any]] = {
    "checks": {part: {"interval": "200ms", "retry_interval": "50ms", "timeout": "5s"} for part in PARTS},
    "rules": {
        part: {
            "cooldown_period": "50ms",
            "reset_after": "50ms",
            "recurrence_threshold": 0,
            "max_recovery_attempts": 20,
            "verify_timeout": "3s" if part == "build-pipeline" else "5s",
        }
        for part in PARTS
    },
    "limits": {"storm_window": "100ms", "recoveries_per_hour": 100},
}
OWN_ATTEMPTS: dict[str, dict[str, Any]] = {  # as CONFIG, but each rule gives up as soon as that of the example does
    **CONFIG,
    "rules": {
        part: {"cooldown_period": "50ms", "reset_after": "50ms", "recurrence_threshold": 0, "verify_timeout": "2s"}
        for part in PARTS
    },
    # All buttons at once are a storm: healing is held, then one recovery is let through, and the rest when it helped.
    "limits": {**CONFIG["limits"], "storm_hold": "200ms", "storm_hold_max": "1s"},
}

Said = dict[str, Any]


class Preview:
    """One server on a copy of its sample components."""

    def __init__(self, folder: Path, tuned: Mapping[str, Any] = CONFIG) -> None:
        self.components = folder / "components"
        shutil.copytree(EXAMPLE / "components", self.components)
        self.output = folder / "output"
        self.port = free_port()
        self.log = folder / "log"
        config = folder / "salus.yaml"
        config.write_text(json.dumps({**tuned, "salus": {"state_dir": str(folder / "state")}}), encoding="utf-8")
        paths = (str(EXAMPLE), *os.environ.get("PYTHONPATH", "").split(os.pathsep))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PREVIEW_CONFIG": str(config),
            "PREVIEW_OUTPUT": str(self.output),
            "PREVIEW_LONGEST_WAIT": "0.3",
            "PREVIEW_UNSEEN": "1.5",
            "PREVIEW_MEMORY": "350MiB",
            "PREVIEW_THREADS": "60",
            "PREVIEW_TASKS": "100",
            "PREVIEW_OUTPUT_SIZE": str(4 * 2**20),
        }
        command = [sys.executable, "-m", "preview_server", str(self.components), "--port", str(self.port), "--faults"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        self.told: list[tuple[str, Said]] = []
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def start(self) -> None:
        """Wait until it serves, is well, and is listened to."""
        eventually(self._well, within=45, what="a healthy server")
        self._listener.start()
        eventually(lambda: bool(self.told), what="the stream of events")

    def _well(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
        try:
            status, body = self.ask("GET", "/health")
        except OSError:
            return False
        return status == 200 and json.loads(body)["status"] == "healthy"

    def close(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()
            if self._listener.ident is not None:
                self._listener.join(10)

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Ask once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def page(self, path: str) -> str:
        """Return a page that must be there."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def preview(self, component: str, variant: str) -> str:
        """Return one variant, asked for as a browser does: again while it is not built yet."""
        path = f"/preview/{component}/{quote(variant)}"
        eventually(lambda: self.ask("GET", path)[0] != 503, what=f"the build of {component}")
        return self.page(path)

    def break_it(self, fault: str) -> int:
        """Break a part; returns how much had been told before."""
        before = len(self.told)
        status, body = self.ask("POST", f"/break/{fault}")
        assert status == 202, body
        return before

    # ── what it tells ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/events")
        lines = iter(connection.getresponse().readline, b"")
        try:
            for event, data in _events(lines):
                with self._heard:
                    self.told.append((event, data))
                    self._heard.notify_all()
        except (OSError, http.client.HTTPException):
            return  # the server has ended
        finally:
            connection.close()

    def hear(self, event: str, wanted: Callable[[Said], bool], *, after: int = 0, within: float = 30.0) -> Said:
        """Wait until something is told."""

        def found() -> Said | None:
            return next((data for kind, data in self.told[after:] if kind == event and wanted(data)), None)

        with self._heard:
            self._heard.wait_for(lambda: found() is not None, within)
            said = found()
        assert said is not None, f"nobody told it within {within:g} s; told was {self.told[after:]}"
        return said

    def healed(self, part: str, *, after: int) -> list[str]:
        """Wait until a part was healed, and return what was done, in order: ``action: what it said``."""
        self.hear("health", lambda said: said["part"] == part and said["reason"] == "recovered", after=after)
        mine = [said for kind, said in self.told[after:] if kind == "health" and said["part"] == part]
        assert any(said["kind"] == "status_changed" and said["new"] != "healthy" for said in mine)
        return [said["message"] for said in mine if said["kind"] == "action_finished"]


def _events(lines: Iterator[bytes]) -> Iterator[tuple[str, Said]]:
    """Read a stream of server-sent events."""
    event = "opened"
    for raw in lines:
        key, _, value = raw.decode().strip().partition(": ")
        if key == "event":
            event = value
        elif key == "data":
            yield event, json.loads(value)
        elif key == "retry":
            yield "opened", {}
