"""Real servers for tests: started once, on free ports of loopback, in folders of their own, ended by their pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

READY_WITHIN = 45.0
# Where wheels and Debian put programs that an ordinary user's PATH may lack.
PATH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"]
)
_PAUSE = threading.Event()  # never set: waits without being a sleep


def command(name: str, package: str) -> str:
    """Return where a program is, or skip."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"not on this platform: {name} is not installed (scripts/install-test-peers, or apt: {package})")
    return found


@contextmanager
def folder(*, fast: bool = False) -> Iterator[Path]:
    """Make a folder with a short path, and remove it; a fast one is in memory where there is room for it."""
    memory = Path("/dev/shm")
    roomy = fast and memory.is_dir() and shutil.disk_usage(memory).free > 400 << 20
    path = Path(tempfile.mkdtemp(prefix="salus-peer-", dir=memory if roomy else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def answers(port: int) -> bool:
    """Tell whether something listens there."""
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """One server program, and the means to stop it, start it again and freeze it. It dies with the tests."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        *,
        quits_by: int = signal.SIGINT,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        keeper = shutil.which("setpriv", path=PATH)
        keep = [keeper, "--pdeathsig", "KILL"] if keeper else []
        # Who becomes somebody else would lose that again.
        self._arguments = [*keep, *(arguments[1:] if keep and arguments[0] == "setpriv" else arguments)]
        self._environ = {**os.environ, "PATH": PATH, **(environ or {})}
        self._log = log
        self._ready = ready
        self._quits_by = quits_by
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )

    def say(self, text: str) -> None:
        """Write to its input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until it is ready."""
        assert self._process is not None
        for _ in range(int(READY_WITHIN / 0.02)):
            if self._process.poll() is not None:
                break
            if self._ready():
                return
            _PAUSE.wait(0.02)
        tail = self._log.read_text(errors="replace")[-2000:]
        self.stop()
        pytest.fail(f"{self._arguments[0]} did not get ready: {tail}")

    def stop(self) -> None:
        """Kill it and wait for its end: nobody needs its data again."""
        if self._process is None:
            return
        if self._process.poll() is None:
            for process in self._family():
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._ended(10)

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]

    def _ended(self, within: float) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.wait(within)
        self._process.stdin.close()
        self._process = None

    def quit(self) -> None:
        """Let it shut down in order, and wait for its end."""
        if self._process is not None:
            self._process.send_signal(self._quits_by)
            self._ended(20)

    def restart(self) -> None:
        """End it in order and start it again."""
        self.quit()
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it and its children: it is there and does nothing."""
        stopped = self._family()[:1]
        stopped[0].suspend()  # before its children are counted: it makes no further ones, such as one for a connection
        stopped += self._family()[1:]
        for process in stopped[1:]:
            with suppress(psutil.NoSuchProcess):  # one whose connection has just ended
                process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """Start a program, ready when this begins, and end it."""
    program.start()
    try:
        yield program
    finally:
        program.stop()
