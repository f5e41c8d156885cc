"""The engine under load: lateness, share of a core, bytes per check; a bare heap on asyncio beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks._common import Row, print_table

LATENESS_P99, CORE, BYTES = 0.020, 0.15, 4096


def main(quick: bool = False) -> list[Row]:
    """Run it: 10,000 checks at 10 s, and 100,000 at 60 s unless ``quick``."""
    seconds = 10 if quick else 30
    bare = _run("bare", 10_000, 10, seconds)
    salus = _run("salus", 10_000, 10, seconds)
    rows = [
        Row(
            name="10,000 checks at 10 s: lateness p99",
            value=salus["p99"] * 1000,
            unit="ms",
            reference=bare["p99"] * 1000,
            target=f"under {LATENESS_P99 * 1000:g} ms",
            passed=salus["p99"] < LATENESS_P99,
        ),
        Row(
            name="10,000 checks at 10 s: share of a core",
            value=salus["core"] * 100,
            unit="%",
            reference=bare["core"] * 100,
            target=f"under {CORE:.0%}",
            passed=salus["core"] < CORE,
        ),
        Row(
            name="10,000 checks at 10 s: bytes per idle check",
            value=salus["bytes_per_check"],
            unit="B",
            reference=bare["bytes_per_check"],
            target=f"under {BYTES} B",
            passed=salus["bytes_per_check"] < BYTES,
        ),
    ]
    if not quick:
        large = _run("salus", 100_000, 60, 60)
        rows += [
            Row(name="100,000 checks at 60 s: lateness p99", value=large["p99"] * 1000, unit="ms"),
            Row(name="100,000 checks at 60 s: share of a core", value=large["core"] * 100, unit="%"),
            Row(
                name="100,000 checks at 60 s: looks a second",
                value=large["looks_per_second"],
                unit="1/s",
                target="all of them run",
                passed=large["looks_per_second"] > 100_000 / 60 * 0.99,
            ),
        ]
    print_table("Engine (reference: a bare heap on asyncio)", rows)
    return rows


def _run(what: str, checks: int, interval: int, seconds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._engine_child", what, str(checks), str(interval), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result
