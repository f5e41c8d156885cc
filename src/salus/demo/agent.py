"""A real ``salus run`` in a process of its own: started, asked, listened to, stopped."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from salus.cli.client import Client
from salus.errors import SalusError
from salus.surfaces.local import address

Event: TypeAlias = Mapping[str, Any]
Status: TypeAlias = Mapping[str, Any]

_START_WITHIN, _STOP_WITHIN = 20.0, 20.0
_PR_SET_PDEATHSIG = 1


class Events:
    """What Salus tells, in order, as it happens. One thread adds, others wait."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._events: list[Event] = []
        self._more = threading.Condition()
        self.ended = False

    def __len__(self) -> int:
        """Return how many there are: the mark after which the next ones stand."""
        return len(self._events)

    def since(self, mark: int) -> Sequence[Event]:
        """Return those after a mark."""
        return self._events[mark:]

    def add(self, event: Event) -> None:
        """Take one more."""
        with self._more:
            self._events.append(event)
            self._more.notify_all()

    def end(self) -> None:
        """Say that there will be no more."""
        with self._more:
            self.ended = True
            self._more.notify_all()

    def wait(self, mark: int, enough: Callable[[Sequence[Event]], bool], within: float) -> bool:
        """Wait until those after a mark are enough; tells whether they were in time."""
        with self._more:
            return self._more.wait_for(lambda: self.ended or enough(self._events[mark:]), within) and not self.ended


class RunningSalus:
    """One ``salus run``."""

    def __init__(self, config: Path, state_dir: Path, log: Path, *, heal: bool = True) -> None:
        """Mean the Salus of that config; ``start`` starts it."""
        self._command = [
            sys.executable,
            "-m",
            "salus.cli.main",
            "run",
            "-c",
            str(config),
            *([] if heal else ["--no-heal"]),
        ]
        self._state_dir = state_dir
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._client = Client(state_dir)
        self._link: socket.socket | None = None
        self.events = Events()

    @property
    def pid(self) -> int:
        """Return its process number; 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it, and return when it answers and every event from then on will be heard.

        Raises:
            SalusError: it does not answer.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops Salus in good order
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - no other thread runs yet
            )
        until = time.monotonic() + _START_WITHIN
        while True:
            with contextlib.suppress(OSError):
                self._listen()
                return
            if self._process.poll() is not None or time.monotonic() > until:
                message = f"Salus did not start; its log ends with:\n{self.last_words()}"
                raise SalusError(message)
            time.sleep(0.02)

    def status(self) -> Status:
        """Return everything at one glance."""
        return self._client.status()

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    def stop(self) -> bool:
        """Ask it to stop, which stops the services too; tells whether it did so in good order."""
        process = self._process
        if process is None:
            return True
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -signal.SIGKILL
        if self._link:
            self._link.close()
        return code == 0

    def _listen(self) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with address(self._state_dir / "salus.sock") as where:
                link.connect(where)
            link.sendall(b"GET /v1/events/stream HTTP/1.0\r\nHost: salus\r\n\r\n")
            lines = link.makefile("rb")
            if b" 200 " not in lines.readline():
                raise ConnectionError("the stream of events was refused")
            while lines.readline().strip():
                pass  # headers
            lines.readline()  # an empty line: from here on nothing is missed
        except OSError:
            link.close()
            raise
        self._link = link
        threading.Thread(target=self._hear, args=(lines,), name="events", daemon=True).start()

    def _hear(self, lines: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines:
                if line.strip().startswith(b"{"):
                    self.events.add(json.loads(line))
        self.events.end()


def at(event: Event) -> float:
    """Return when an event happened, in seconds since the epoch."""
    return datetime.fromisoformat(event["at"]).timestamp()


def _end_with_parent() -> None:
    """Have the kernel stop Salus in good order when the demo itself is killed (Linux)."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
