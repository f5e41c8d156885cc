"""A console in the folder of a page: what is typed is run, and prints what the page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.integration.docs.typed import OPERATORS, Typed, typed
from tests.pages import Block

_SAME = (  # what differs from one run to the next, in the order in which it is looked for
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,32}\b"), "<id>"),
    (re.compile(r"(\b\d+(\.\d+)? ?(ns|µs|us|ms|s|min|h|d)\b)+"), "<duration>"),
    (re.compile(r"duration_seconds=[\d.e-]+s?"), "duration_seconds=<number>"),
    (re.compile(r"\b(pid|process) \d+"), r"\1 <pid>"),
    (re.compile(r"[ \t]+"), " "),
)
_LOOKS = frozenset(
    ("salus status", "salus history", "salus health", "salus explain", "salus alerts", "salus incidents", "curl")
)
"""What changes nothing, so that it can be asked again until what the page tells of has happened."""

_PATIENCE = 60.0  # nothing is measured here, and the machine may be busy
_PAUSE = threading.Event()


class Console:
    """Runs lines, one after the other; a server that is started is left running."""

    def __init__(self, folder: Path, ours: int, port: int) -> None:
        """Sit down in a folder.

        Args:
            folder: where commands run.
            ours: the port that ``salus run`` listens on.
            port: the port of any other server.
        """
        self._there = {"SALUS_LISTEN": f"127.0.0.1:{ours}", "UVICORN_PORT": str(port)}
        self._folder = folder
        self._port = port
        self._code = 0
        self._servers: list[subprocess.Popen[bytes]] = []

    def run(self, block: Block) -> None:
        """Run what a block types, and hold what is printed against the page.

        Raises:
            AssertionError: something else is printed.
        """
        for one in typed(block):
            if re.match(r"salus run\b|uvicorn ", one.line):
                self._serve(one.line)
                continue
            printed = self._printed(one, silent=block.language != "console")
            if block.language != "console":
                assert self._code == 0, f"{one.line} ends with {self._code}:\n" + "\n".join(printed)
                continue
            told = f"$ {one.line}\nprints (and ends with {self._code}):\n" + "\n".join(printed)
            assert agree(one.printed, printed), told

    def close(self) -> None:
        """End the servers."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.terminate()
        for server in servers:
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    def _printed(self, one: Typed, *, silent: bool) -> list[str]:
        deadline = time.monotonic() + _PATIENCE
        asked = any(one.line.startswith(look) for look in _LOOKS)
        while True:
            self._code, printed = self._run(one.line)
            if silent or not asked or agree(one.printed, printed) or time.monotonic() > deadline:
                return printed
            _PAUSE.wait(0.2)

    def _serve(self, line: str) -> None:
        self.close()  # as a person would: the next one may want the same port
        log = self._folder / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                shlex.split(line, comments=True),
                cwd=self._folder,
                env={**os.environ, **self._there},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        self._servers.append(server)
        ready = self._ours_is_there if line.startswith("salus") else self._takes_connections
        deadline = time.monotonic() + _PATIENCE
        while not ready():
            there = server.poll() is None and time.monotonic() < deadline
            assert there, f"$ {line}\ndoes not serve: {log.read_text(errors='replace')}"
            _PAUSE.wait(0.1)

    def _ours_is_there(self) -> bool:
        """Tell whether it has started what it is to start, and looked at everything once."""
        _, printed = self._ours(["status", "--json"])
        try:
            told = json.loads("\n".join(printed))
        except ValueError:
            return False
        return bool(told["running"] and told["overall"]["started"])

    def _takes_connections(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _run(self, line: str) -> tuple[int, list[str]]:
        """Run a line; a plain command of ours in a fork, which has loaded it already, the rest in a shell."""
        words = shlex.split(line, comments=True)
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
        if words[0] == "salus" and not OPERATORS.search(bare) and "$" not in line:
            return self._ours([str(Path(word).expanduser()) if word.startswith("~") else word for word in words[1:]])
        done = subprocess.run(
            ["sh"],  # from its input, as in a terminal: `pkill -f` must not find the shell that calls it
            input=f"(exit {self._code}); {line}\n",
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.splitlines()

    def _ours(self, arguments: list[str]) -> tuple[int, list[str]]:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            sys.stdout.flush()
            sys.stderr.flush()
            child = os.fork()
            if child == 0:
                code = 70
                try:
                    os.environ.update(self._there)
                    os.dup2(output.fileno(), 1)
                    os.dup2(output.fileno(), 2)
                    from salus.cli.root import run as ours

                    code = ours(arguments)
                    sys.stdout.flush()
                    sys.stderr.flush()
                finally:
                    os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            output.seek(0)
            return code, output.read().splitlines()


def agree(expected: list[str], printed: list[str]) -> bool:
    """Tell whether lines are the same but for times, ids and where the page says ``...``."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*".join(re.escape(_evened(part)) for part in line.split("...")) + "\n"
    return re.fullmatch(rf"{pattern}\n*", "".join(f"{_evened(line)}\n" for line in printed)) is not None


def _evened(line: str) -> str:
    line = line.rstrip()
    for pattern, instead in _SAME:
        line = pattern.sub(instead, line)
    return line
