"""Health endpoints under a flood: beside a bare ASGI app under the same server, and how late looks get meanwhile.

Nobody who asks can hurt the application. Both apps live in one process and one loop and are asked in turn, so that a
busy machine slows both alike; the ratio of a round is that of two floods that follow each other at once.
"""

from __future__ import annotations

import time

from benchmarks._common import Row, find_program, median, print_table
from benchmarks._doors import doors, wrk

PATHS = ("/health", "/livez", "/readyz")
SHARE = 0.80
MORE_LATE = 0.010
CHECKS = 1_000
_IDLE_CHECKS, _IDLE_INTERVAL = 100, 30.0


def main(quick: bool = False) -> list[Row]:
    """Measure both promises."""
    program = find_program("wrk")
    if program is None:
        rows = [Row(name="requests a second", value=None, unit="1/s", note="wrk is not installed")]
    else:
        rows = [*_speed(program, quick=quick), *_lateness(program, quick=quick)]
    print_table("Health endpoints (reference: a bare ASGI app under the same server; looks without a flood)", rows)
    return rows


def _speed(program: str, *, quick: bool) -> list[Row]:
    rounds, seconds = (3, 1) if quick else (5, 3)
    found: dict[str, list[tuple[float, float]]] = {path: [] for path in PATHS}
    with doors(_IDLE_CHECKS, _IDLE_INTERVAL) as running:
        ours, bare = (f"http://127.0.0.1:{running.ports[name]}" for name in ("salus", "hello"))
        for url in (bare, f"{ours}/health"):
            wrk(program, url, 1)  # what is used first is loaded first
        for _ in range(rounds):
            for path, pairs in found.items():
                pairs.append((wrk(program, bare, seconds), wrk(program, ours + path, seconds)))
    rows = []
    for path, pairs in found.items():
        ratio = median([our / reference for reference, our in pairs])
        rows.append(
            Row(
                name=f"{path}: requests a second",
                value=median([our for _, our in pairs]),
                unit="1/s",
                reference=median([reference for reference, _ in pairs]),
                ratio=ratio,
                target=f"at least {SHARE:.2f} x",
                passed=ratio >= SHARE,
            )
        )
    return rows


def _lateness(program: str, *, quick: bool) -> list[Row]:
    rounds, seconds = (1, 3) if quick else (3, 5)
    still: list[float] = []
    late: dict[str, list[float]] = {path: [] for path in PATHS}
    looks = 0.0
    with doors(CHECKS, 1.0) as running:
        time.sleep(3)  # the first looks, and those that make sure of what failed
        for _ in range(rounds):
            running.lateness()
            time.sleep(seconds)
            still.append(running.lateness()["p99"])
            for path, found in late.items():
                running.lateness()
                wrk(program, f"http://127.0.0.1:{running.ports['salus']}{path}", seconds)
                told = running.lateness()
                found.append(told["p99"])
                looks = told["looks"]
    rows = []
    for path, found in late.items():
        more = median(found) - median(still)
        rows.append(
            Row(
                name=f"{CHECKS:,} checks at 1 s, {path} flooded: lateness p99",
                value=median(found) * 1000,
                unit="ms",
                reference=median(still) * 1000,
                target=f"under {MORE_LATE * 1000:g} ms more",
                passed=more < MORE_LATE,
                note=f"{looks:,.0f} looks in the last {seconds} s" if path == PATHS[-1] else "",
            )
        )
    return rows
