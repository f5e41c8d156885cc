"""The examples under their real servers: each a process of its own, on a free port, with a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


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

    def start(self) -> None:
        self.log = self.folder / "server.log"
        home = {"XDG_STATE_HOME": str(self.folder / "state"), "SHOP_FOLDER": str(self.folder), "HOME": str(self.folder)}
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        python = {"PYTHONPATH": f"{ROOT / 'src'}:{EXAMPLES}", "PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                cwd=self.folder,
                env={**kept, **python, **home, **self.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
            raise

    def ask(self, path: str, *, data: str | None = None, method: str | None = None, **headers: str) -> Answer:
        request = urllib.request.Request(  # noqa: S310 -- loopback
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

    async def until(self, holds: Callable[[], bool], what: str, *, within: float = 20.0) -> float:
        """Wait until something holds; returns how long that took."""
        began = time.monotonic()
        while True:
            try:
                if await asyncio.to_thread(holds):
                    return time.monotonic() - began
            except (OSError, ValueError, KeyError):
                pass
            assert self.process is None or self.process.poll() is None, f"it ended:\n{self.output()}"
            assert time.monotonic() - began < within, f"not within {within:g} s: {what}\n{self.output()}"
            await asyncio.sleep(0.05)

    async def until_ready(self) -> None:
        await self.until(lambda: self.ask(self.ready).code == 200, f"{self.ready} answers 200")

    def check(self, name: str) -> Any:
        """Return what ``/health`` says of one check."""
        return self.ask("/salus/health").json["checks"][name]

    async def until_check(self, name: str, status: str) -> float:
        return await self.until(lambda: self.check(name)["status"] == status, f"{name} is {status}")
