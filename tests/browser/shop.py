"""A real Salus that watches real services, which can be killed, made slow and made to fail while somebody looks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.acceptance.salus_process import SalusProcess, eventually, free_port

T = TypeVar("T")

SERVICES = ("database", "cart", "web")
"""Each depends on the one before it."""

_PATIENCE = 60.0  # a limit, never the pace
_PROGRAM = Path(__file__).parent / "programs" / "service.py"
_SERVICE = """\
  {name}: {{process: {{command: {command}, ready: {{tcp: {port}}}}}{service_after}}}
"""
_CHECKS = """\
  {name}-up:
    process: {{service: {name}}}
    interval: 1s
    high_flap_threshold: 0
    service: {name}
    tags: [shop, {name}]
  {name}-http:
    http: {{url: "http://127.0.0.1:{port}/"}}
    interval: 1s
    timeout: 3s
    retry_interval: 500ms
    high_flap_threshold: 0
    critical: {critical}
    service: {name}
    tags: [shop, {name}]
    description: "Answers what {name} is asked"
{check_after}"""
# A recovery that is watched ends when its test has it end, not because a person on a busy machine looks slowly.
_RULES = """\
  {name}-up: {{cooldown_period: 1s, reset_after: 1s, actions: [restart_service]}}
  {name}-http:
    {{min_failure_count: 2, cooldown_period: 1s, reset_after: 1s, recovery_timeout: 2m, verify_timeout: 40s,
     actions: [restart_service]}}
"""
# Tests run on busy machines: what Salus would hold there, such as time-outs of a host under pressure, is healed here.
_REST = """\
  disk: {disk: {path: /}, interval: 5s, tags: [host]}
limits:
  {recoveries_at_once: 10, recoveries_per_hour: 1000, storm_brake: 100%, overload_lag: 1m, overload_pressure: 100%}
"""


class _Salus(SalusProcess):
    """One that tells details to nobody whom it does not know, as a fresh one does."""

    details = "when_authorized"

    def write(self, config: str) -> None:
        head = f"listen: '127.0.0.1:{self.port}', state_dir: ./state, show_details: {self.details}"
        self.config.write_text(f"salus: {{{head}, trusted_proxies: [127.0.0.1]}}\n{config}")
        self.config.chmod(0o600)

    def ready(self) -> dict[str, Any]:
        return eventually(self.status, within=_PATIENCE, what=f"an answer of Salus\n{self.log}")


class Shop:
    """Three services behind each other, watched and healed."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        """Write what it needs; ``more`` is added below the sections of these names, or becomes one."""
        self.folder = folder
        self._ports = {name: free_port() for name in SERVICES}
        self._more = more or {}
        self.salus = _Salus(folder, self._config())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.salus.port}"

    def open(self) -> None:
        """Start it, and wait until everything is well."""
        self.salus.start()
        self.salus.ready()
        eventually(self.well, within=_PATIENCE, what=f"a shop that is well\n{self.salus.log}")

    def close(self) -> None:
        self.salus.close()

    def show_everybody(self) -> None:
        """Tell everybody how it is, from the next start on."""
        self.salus.details = "always"
        self.salus.write(self._config())

    def well(self) -> bool:
        """Tell whether its services and their host are healthy."""
        status = self.salus.status()
        mine = {"disk", *(f"{name}-{what}" for name in SERVICES for what in ("up", "http"))}
        return status is not None and all(
            check["status"] == "healthy" for check in status["checks"] if check["name"] in mine
        )

    def all_well(self) -> bool:
        """Tell whether Salus itself is well, too: on a busy machine it is degraded over looks that began late."""
        status = self.salus.status()
        return status is not None and self.well() and bool(status["overall"]["status"] == "healthy")

    def token(self, role: str = "viewer", name: str = "") -> str:
        """Return the text of a new token, made as a person makes one."""
        command = [*self.salus.command, "token", "create", name or role, "--role", role]
        command += ["--config", str(self.salus.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.strip()

    # ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def kill(self, name: str) -> None:
        """End a service as the kernel would."""
        os.kill(self.salus.service(name)["pid"], signal.SIGKILL)

    def fail(self, name: str, *, always: bool = False) -> None:
        """Let a service answer 500: until it is restarted, or ``always``, so that no restart helps."""
        self._mood(name).write_text("always fail" if always else "fail")

    def slow(self, name: str, seconds: float, *, always: bool = False) -> None:
        """Let a service take its time."""
        self._mood(name).write_text(f"{'always ' if always else ''}slow {seconds:g}")

    def mend(self, name: str) -> None:
        """Let a service be what it was."""
        self._mood(name).unlink(missing_ok=True)

    def _mood(self, name: str) -> Path:
        return self.folder / f"{name}.mood"

    def _config(self) -> str:
        more = self._more
        services, checks, rules = (more.get(section, "") for section in ("services", "checks", "rules"))
        before = ""
        for name in SERVICES:
            command = [sys.executable, "-I", "-S", str(_PROGRAM), str(self._ports[name]), str(self._mood(name))]
            words = {
                "name": name,
                "port": self._ports[name],
                "command": json.dumps(command),
                "critical": "true" if name == "web" else "false",
                "service_after": f", depends_on: [{before}]" if before else "",
                "check_after": f"    depends_on: [{before}-http]\n" if before else "",
            }
            services += _SERVICE.format(**words)
            checks += _CHECKS.format(**words)
            rules += _RULES.format(**words)
            before = name
        rest = "".join(f"{name}:\n{text}" for name, text in more.items() if name not in ("services", "checks", "rules"))
        return f"services:\n{services}rules:\n{rules}checks:\n{checks}{_REST}{rest}"


async def until(condition: Callable[[], T | None], what: str, within: float = _PATIENCE) -> T:
    """Ask until the answer is true, while the pages go on."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within:g} s"
        await asyncio.sleep(0.02)
    return answer
