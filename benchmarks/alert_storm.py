"""Ten thousand alerts in a second: healing goes on as without them, people get a handful of notifications."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks._common import Row, median, print_table
from benchmarks._storm_child import RATE

CHECKS = 10_000
SLOWER = 1.10
BYTES_PER_ALERT = 12_288


def main(quick: bool = False) -> list[Row]:
    """Let the storm come with alerts and without, in turn."""
    rounds = 1 if quick else 3
    results: dict[str, list[dict[str, Any]]] = {"without": [], "with": []}
    for _ in range(rounds):
        for mode, found in results.items():
            found.append(_run(mode))
    without = sorted(took for result in results["without"] for took in result["began"])
    with_alerts = sorted(took for result in results["with"] for took in result["began"])
    ratio = median(with_alerts) / median(without)
    raised = min(result["raised"] for result in results["with"])
    made = max(result["notifications"] for result in results["with"])
    cost = median([result["bytes"] for result in results["with"]])
    spent = median([result["bytes"] for result in results["without"]])
    per_alert = (cost - spent) / CHECKS
    rows = [
        Row(
            name="alerts raised",
            value=raised,
            unit="",
            target=f"{CHECKS:,}",
            passed=raised >= CHECKS,
            note=f"the last one {max(result['seconds'] for result in results['with']):.1f} s after the first",
        ),
        Row(
            name="notifications made",
            value=made,
            unit="",
            target=f"at most the rate's {RATE}",
            passed=0 < made <= RATE,
        ),
        Row(
            name="deciding look to first action in the storm: median",
            value=median(with_alerts) * 1000,
            unit="ms",
            reference=median(without) * 1000,
            ratio=ratio,
            target=f"at most {SLOWER:.2f} x of the same storm without alerts",
            passed=ratio <= SLOWER,
            note=f"p99 {_p99(with_alerts) * 1000:.1f} ms with alerts, {_p99(without) * 1000:.1f} ms without",
        ),
        Row(
            name="memory for each alert",
            value=per_alert,
            unit="B",
            target=f"at most {BYTES_PER_ALERT:,} B",
            passed=per_alert <= BYTES_PER_ALERT,
        ),
    ]
    print_table(f"Storm of {CHECKS:,} alerts (reference: the same storm without alerts)", rows)
    return rows


def _p99(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def _run(mode: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks._storm_child", mode, str(CHECKS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result
