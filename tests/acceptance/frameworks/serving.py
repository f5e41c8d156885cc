"""The examples under their real servers: each a process of its own, on a free port, with a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salus.cli.client import Client
from salus.errors import SalusError

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


@dataclass
class Answer:
    code: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Served:
    """One application behind its server."""

    command: list[str]
    folder: Path
    port: int
    environ: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/readyz"
    process: subprocess.Popen[bytes] | None = None
    log: Path = Path()

    def surroundings(self) -> dict[str, str]:
        home = {"XDG_STATE_HOME": str(self.folder / "state"), "SHOP_FOLDER": str(self.folder), "HOME": str(self.folder)}
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        python = {"PYTHONPATH": f"{ROOT / 'src'}:{EXAMPLES}", "PYTHONUNBUFFERED": "1"}
        return {**kept, **python, **home, **self.environ}

    def run(self, *command: str) -> str:
        """Run another program in the same surroundings; returns what it says."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.surroundings(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def token(self) -> str:
        """Make a token at the socket of the process that leads."""
        made = self.client().create_token({"name": "tests", "role": "operator"})
        token: str = made["token"]
        return token

    def start(self) -> None:
        self.log = self.folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                cwd=self.folder,
                env=self.surroundings(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def end(self) -> None:
        """Ask it to end, and do not wait."""
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
            raise

    def ask(self, path: str, *, data: str | None = None, method: str | None = None, **headers: str) -> Answer:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if data is None else data.encode(),
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with urllib.request.build_opener(_Stay()).open(request, timeout=10) as found:
                return Answer(found.status, found.read().decode(), dict(found.headers.items()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode(), dict(error.headers.items()))

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def until(self, holds: Callable[[], bool], what: str, *, within: float = 50.0) -> float:
        """Wait until something holds; returns how long that took."""
        began = time.monotonic()
        while True:
            try:
                if await asyncio.to_thread(holds):
                    return time.monotonic() - began
            except (OSError, ValueError, KeyError, SalusError):
                pass
            assert self.process is None or self.process.poll() is None, f"it ended:\n{self.output()}"
            assert time.monotonic() - began < within, f"not within {within:g} s: {what}\n{self.output()}"
            await asyncio.sleep(0.05)

    async def until_ready(self) -> None:
        await self.until(lambda: self.ask(self.ready).code == 200, f"{self.ready} answers 200")

    def client(self) -> Client:
        (folder,) = (self.folder / "state" / "salus").iterdir()
        return Client(folder)

    def status(self) -> Any:
        """Return all that the process that leads knows, as ``salus status`` asks for it."""
        return self.client().status()

    def check(self, name: str) -> Any:
        (found,) = (one for one in self.status()["checks"] if one["name"] == name)
        return found

    def recovered(self, check: str) -> int:
        """Return how often a check was healed, as ``/metrics`` counts it."""
        text = self.ask("/salus/metrics").body
        found = re.search(rf'^salus_recoveries_total{{check="{check}",outcome="recovered"}} (\d+)', text, re.MULTILINE)
        return int(found[1]) if found else 0

    async def until_healed(self, check: str, *, before: int = 0) -> None:
        """Wait until a check was healed once more than before."""
        await self.until(lambda: self.recovered(check) > before, f"{check} is healed")
        await self.until(lambda: self.check(check)["status"] == "healthy", f"{check} is healthy")
