"""A whole agent behind its doors, for the benches that knock: its ports, and how late its looks were."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any


class Doors:
    """One running child of ``_doors_child``."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.ports: dict[str, int] = self._read()

    def lateness(self) -> dict[str, float]:
        """Return how the looks since the last call were."""
        assert self._child.stdin
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._child.stdout
        told: dict[str, Any] = json.loads(self._child.stdout.readline())
        return told


@contextlib.contextmanager
def doors(checks: int, interval: float, details: str = "when_authorized") -> Iterator[Doors]:
    """Run an agent with so many checks for as long as the block lasts."""
    command = [sys.executable, "-m", "benchmarks._doors_child", str(checks), str(interval), details]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin
    try:
        yield Doors(child)
    finally:
        child.stdin.close()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wrk(program: str, url: str, seconds: int, connections: int = 64) -> float:
    """Flood a URL; return the answers a second.

    Raises:
        RuntimeError: some of the answers were no success.
    """
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", url]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"wrk on {url}:\n{told}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None:
        raise RuntimeError(f"wrk told no number:\n{told}")
    return float(found[1])
