"""A real Salus for measurements: ``salus run`` on a config in a temporary folder."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class _Door(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class MeasuredAgent:
    """One running Salus."""

    def __init__(self, folder: Path, config: str, port: int = 0) -> None:
        """Write the config and start it; port 0 is any that is free."""
        self.folder = folder
        self.state = folder / "state"
        file = folder / "salus.yaml"
        file.write_text(f"salus: {{listen: '127.0.0.1:{port}', state_dir: ./state}}\n{config}")
        file.chmod(0o600)
        command = [sys.executable, "-m", "salus.cli.main", "run", "--log-level", "error", "--config", str(file)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def status(self) -> dict[str, Any] | None:
        """Return its status, or None while it does not answer."""
        door = _Door(self.state / "salus.sock")
        try:
            door.request("GET", "/v1/status")
            answer: dict[str, Any] = json.loads(door.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        else:
            return answer
        finally:
            door.close()

    def wait_until_healthy(self, *names: str, within: float = 60.0) -> dict[str, Any]:
        """Wait until the named checks (all of them unless told otherwise) are healthy."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            status = self.status()
            checks = [each for each in (status or {"checks": []})["checks"] if not names or each["name"] in names]
            if status and checks and all(check["status"] == "healthy" for check in checks):
                return status
            time.sleep(0.01)
        message = f"{names or 'everything'} did not get healthy within {within:g} s"
        raise TimeoutError(message)

    def service_pid(self, name: str) -> int | None:
        """Return the main process of a service."""
        for service in (self.status() or {"services": []})["services"]:
            if service["name"] == name:
                pid: int | None = service["pid"]
                return pid
        return None


@contextlib.contextmanager
def running_agent(config: str, port: int = 0) -> Iterator[MeasuredAgent]:
    """Run a Salus for as long as the block lasts; ``{folder}`` in the config is its folder."""
    with tempfile.TemporaryDirectory() as name:
        agent = MeasuredAgent(Path(name), config.replace("{folder}", name), port)
        try:
            yield agent
        finally:
            agent.process.send_signal(signal.SIGTERM)
            try:
                agent.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                agent.process.kill()
                agent.process.wait()


def resident(pid: int) -> int:
    """Return resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
