"""A real Prometheus Alertmanager on loopback, and a receiver for what it tells."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from salus import httpclient

# Debian's name, and everybody else's.
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_alertmanager = pytest.mark.skipif(
    PROGRAM is None, reason="not on this platform: there is no Prometheus Alertmanager (scripts/install-test-peers)"
)
_LISTENING = re.compile(r'msg="Listening on".* address=127\.0\.0\.1:(\d+)')


@dataclass
class RunningAlertmanager:
    """One that runs.

    Attributes:
        url: where it listens.
    """

    url: str

    async def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it shows now."""
        answer = await httpclient.fetch(httpclient.Request(url=f"{self.url}/api/v2/alerts"))
        found: list[dict[str, Any]] = json.loads(answer.body)
        return found

    async def shows(self, condition: Callable[[list[dict[str, Any]]], bool], what: str) -> list[dict[str, Any]]:
        """Wait, bounded, until its alerts are so; returns them."""
        found: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(30):
                while not condition(found := await self.alerts()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"waited in vain for {what}; it shows {found}")
        return found


@asynccontextmanager
async def alertmanager(folder: Path, receiver: str = "", password_hash: str = "") -> AsyncIterator[RunningAlertmanager]:
    """Run one in a folder of its own; ended by its pid.

    Args:
        folder: for its config and its data.
        receiver: URL that it tells of firing and resolved alerts, or nothing.
        password_hash: of the user ``salus``; without one it lets in everybody.
    """
    assert PROGRAM is not None
    hooks = [{"url": receiver, "send_resolved": True}] if receiver else []
    config = {
        "route": {"receiver": "all", "group_by": ["..."], "group_wait": "10ms", "group_interval": "100ms"},
        "receivers": [{"name": "all", "webhook_configs": hooks}],
    }
    (folder / "alertmanager.yml").write_text(json.dumps(config))  # JSON is YAML
    (folder / "web.yml").write_text(json.dumps({"basic_auth_users": {"salus": password_hash}} if password_hash else {}))
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--storage.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            port = await _port(process)
        drain = asyncio.get_running_loop().create_task(_drain(process))
        try:
            yield RunningAlertmanager(f"http://127.0.0.1:{port}")
        finally:
            drain.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    said = b""
    while line := await process.stderr.readline():
        said += line
        if found := _LISTENING.search(line.decode()):
            return int(found[1])
    pytest.fail(f"Alertmanager did not start: {said.decode()}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read on, so that it never waits for a full pipe."""
    assert process.stderr is not None
    while await process.stderr.readline():
        pass
