"""Salus inside an application: what twenty checks of its own cost, and whether its requests feel them.

Two copies of one FastAPI application run side by side, one without Salus. Requests go to both in turn, one at a time,
so that whatever else happens on the machine happens to both.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._agent import resident
from benchmarks._common import Row, cpu_seconds, free_port, median, print_table

CHILD = Path(__file__).with_name("_library_child.py")
CORE, MEMORY, SLOWER, IMPORT = 0.002, 15 * 2**20, 1.01, 0.040


def main(quick: bool = False) -> list[Row]:
    """Measure what it costs."""
    with tempfile.TemporaryDirectory() as folder, _application("off", folder) as off, _application("on", folder) as on:
        for one in (off, on):
            one.ask(200)
        rows = [*_idle(off, on, 20 if quick else 60), _latency(off, on, 4_000 if quick else 30_000)]
    rows += _import(7 if quick else 25)
    print_table("Library (reference: the same application without Salus)", rows)
    return rows


class _Application:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(self, times: int = 1) -> float:
        """Ask so often; returns the seconds of the last answer."""
        taken = 0.0
        for _ in range(times):
            began = time.perf_counter()
            self.connection.request("GET", "/hello")
            self.connection.getresponse().read()
            taken = time.perf_counter() - began
        return taken


@contextmanager
def _application(mode: str, folder: str) -> Iterator[_Application]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(CHILD), mode, str(port), folder])
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield _Application(process, port)
    finally:
        process.terminate()
        process.wait(10)


def _idle(off: _Application, on: _Application, seconds: float) -> list[Row]:
    time.sleep(12)  # every check has been looked at
    before = [(cpu_seconds(one.pid), time.monotonic()) for one in (off, on)]
    time.sleep(seconds)
    shares = [
        (cpu_seconds(one.pid) - spent) / (time.monotonic() - at)
        for one, (spent, at) in zip((off, on), before, strict=True)
    ]
    memory = [resident(one.pid) for one in (off, on)]
    more_cpu, more_memory = shares[1] - shares[0], memory[1] - memory[0]
    return [
        Row(
            name="twenty checks at 10 s: of one core",
            value=more_cpu * 100,
            unit="%",
            target=f"under {CORE * 100:g} %",
            passed=more_cpu < CORE,
            note=f"CPU time is counted in hundredths of a second: {0.01 / seconds * 100:.2g} % here",
        ),
        Row(
            name="twenty checks at 10 s: resident",
            value=memory[1] / 2**20,
            unit="MiB",
            reference=memory[0] / 2**20,
            target=f"under {MEMORY / 2**20:g} MiB more",
            passed=more_memory < MEMORY,
            note=f"{more_memory / 2**20:.1f} MiB more",
        ),
    ]


def _latency(off: _Application, on: _Application, times: int) -> Row:
    """Compare the p99 of blocks of requests that alternate between the two; the median of the blocks' ratios."""
    for one in (off, on):
        one.connection.close()  # the server has ended it meanwhile; the next request opens another
        one.ask(200)
    blocks = 10
    ratios, ours, theirs = [], [], []
    for _ in range(blocks):
        without: list[float] = []
        inside: list[float] = []
        for number in range(times // blocks):
            pair = ((off, without), (on, inside))
            for one, taken in pair if number % 2 else pair[::-1]:
                taken.append(one.ask())
        p99 = [sorted(taken)[int(len(taken) * 0.99)] for taken in (without, inside)]
        ratios.append(p99[1] / p99[0])
        theirs.append(p99[0])
        ours.append(p99[1])
    ratio = median(ratios)
    return Row(
        name="a request to the application: p99",
        value=median(ours) * 1000,
        unit="ms",
        reference=median(theirs) * 1000,
        ratio=ratio,
        target=f"at most {SLOWER:.2f} x",
        passed=ratio <= SLOWER,
    )


def _import(times: int) -> list[Row]:
    """Compare a Python that imports asyncio with one that imports salus, too, and with one that asks for its object."""
    codes = ("import asyncio", "import asyncio, salus", "import asyncio, salus; salus.HealthSystem")
    taken: dict[str, list[float]] = {code: [] for code in codes}
    for _ in range(times):
        for code in codes:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            taken[code].append(time.perf_counter() - began)
    without, within, whole = (median(one) for one in taken.values())
    return [
        Row(
            name="importing salus",
            value=within * 1000,
            unit="ms",
            reference=without * 1000,
            target=f"under {IMPORT * 1000:g} ms more",
            passed=within - without < IMPORT,
        ),
        Row(name="importing salus.HealthSystem", value=whole * 1000, unit="ms", reference=without * 1000),
    ]
