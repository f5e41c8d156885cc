"""A real Salus in a process of its own, as a person would run it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_PAUSE = threading.Event()
_LUCK = random.SystemRandom()  # hypothesis seeds the other one, in every process alike
# Who runs beside this process (pytest-xdist) takes from a part of its own. From 20,000 on `salus demo` takes its ports.
_PART = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PARTS = max(_PART + 1, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
_PORTS = list(range(15_000 + _PART, 20_000, _PARTS))


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment, and that nobody is given by chance.

    A port of the kernel's choice is given to the next connection that goes out, too, and a server that is started again
    a second later finds it taken. These are below what the kernel chooses from.
    """
    while True:
        port = _PORTS.pop(_LUCK.randrange(len(_PORTS)))  # not twice: who was given it may use it later
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def eventually(condition: Callable[[], T | None], within: float = 30.0, what: str = "it") -> T:
    """Ask until the answer is true; the bound is generous because nothing is measured here."""
    deadline = time.monotonic() + within
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            message = f"{what} did not happen within {within:g} s"
            raise AssertionError(message)
        _PAUSE.wait(0.01)


def nothing_may_happen_for(seconds: float) -> None:
    """Let that much real time pass: the only way to see that something does *not* happen."""
    _PAUSE.wait(seconds)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class SalusProcess:
    """``salus run`` on a config in a folder; ended by ``close`` whatever happened."""

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        command: Sequence[str] = (sys.executable, "-m", "salus.cli.main"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.command = tuple(command)
        self.environment = environment
        self.config = folder / "salus.yaml"
        self.port = free_port()
        self.write(config)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> str:
        file = self.folder / "salus.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def write(self, config: str) -> None:
        head = f"salus: {{listen: '127.0.0.1:{self.port}', state_dir: ./state, show_details: always}}\n"
        self.config.write_text(head + config)
        self.config.chmod(0o600)

    def start(self, *options: str) -> None:
        with (self.folder / "salus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "run", "--config", str(self.config), *options],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def ready(self) -> dict[str, Any]:
        """Wait until it answers; return its status."""
        return eventually(self.status, what=f"an answer of Salus\n{self.log}")

    def status(self) -> dict[str, Any] | None:
        """Return what ``salus status --json`` shows, or None when nobody answers."""
        try:
            return self.ask("GET", "/v1/status")[1]
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def ask(self, method: str, path: str, timeout: float = 30.0) -> tuple[int, dict[str, Any]]:
        status, answer = self.talk(method, path, timeout=timeout)
        return status, json.loads(answer or b"{}")

    def talk(self, method: str, path: str, body: bytes | None = None, timeout: float = 30.0) -> tuple[int, bytes]:
        """Ask on the control socket; return the answer as it came."""
        connection = _UnixConnection(self.state / "salus.sock", timeout)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def check(self, name: str) -> dict[str, Any]:
        return next(check for check in self._answer()["checks"] if check["name"] == name)

    def service(self, name: str) -> dict[str, Any]:
        return next(each for each in self._answer()["services"] if each["name"] == name)

    def rule(self, name: str) -> dict[str, Any]:
        return next(rule for rule in self._answer()["rules"] if rule["name"] == name)

    def _answer(self) -> dict[str, Any]:
        """Return its status; wait for it where one question was not answered in time."""
        return eventually(self.status, what="an answer of Salus")

    def kill(self) -> None:
        """End it as the kernel would when memory runs out."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(timeout=45)

    def close(self) -> None:
        """End it and everything it started."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def children(self, kind: str = "") -> list[int]:
        """Return the living processes that carry this Salus' mark."""
        try:
            state_id = (self.state / "id").read_text().strip()
        except OSError:
            return []
        mark = f"SALUS_CHILD={state_id}:{kind}".encode()
        return [pid for pid in _pids() if mark in _environment(pid) and not _zombie(pid)]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def zombies_of(pid: int) -> list[int]:
    """Return the zombies among the children of a process."""
    found = []
    for each in _pids():
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] == "Z":
            found.append(each)
    return found
