"""Salus inside an application: what twenty checks of its own cost, and whether its requests feel them.

*Cost*: two copies of one FastAPI application run side by side, one without Salus.

*Requests*: two copies run side by side, both with Salus, which runs in one of them and is stopped in the other.
Requests go to both in turn, one at a time; then the two change places. A crossover, because two processes of the very
same program differ by some percent at the p99, and a machine does so from one moment to the next: both cancel out.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from benchmarks._agent import resident
from benchmarks._common import Row, cpu_seconds, free_port, median, print_table

CHILD = Path(__file__).with_name("_library_child.py")
CORE, MEMORY, SLOWER, IMPORT = 0.002, 15 * 2**20, 1.01, 0.040


def main(quick: bool = False) -> list[Row]:
    """Measure what it costs."""
    rows: list[Row] = []
    for first, second, measure in (("off", "on", _cost), ("on", "on", _latency)):
        with _application(first) as one, _application(second) as other:
            rows += measure(one, other, quick)
    rows += _import(7 if quick else 25)
    print_table("Library (reference: the same application without Salus, or with Salus stopped)", rows)
    return rows


class _Application:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, times: int = 1) -> float:
        """Ask so often; returns the seconds of the last answer."""
        taken = 0.0
        for _ in range(times):
            began = time.perf_counter()
            self.connection.request("GET", "/hello")
            self.connection.getresponse().read()
            taken = time.perf_counter() - began
        return taken

    def warm_up(self) -> None:
        """Let it answer for a while, on a new connection: the server has ended one that nobody used."""
        self.connection.close()
        self.ask(300)

    def turn(self, path: str) -> None:
        """Start or stop Salus in it."""
        self.connection.close()
        self.connection.request("POST", path)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != HTTPStatus.OK:
            message = f"POST {path}: {answer.status}"
            raise RuntimeError(message)


@contextmanager
def _application(mode: str) -> Iterator[_Application]:
    with tempfile.TemporaryDirectory() as folder:
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


def _cost(off: _Application, on: _Application, quick: bool) -> list[Row]:
    """Compare what the two use while nobody asks them anything."""
    for one in (off, on):
        one.ask(200)
    time.sleep(12)  # every check has been looked at
    before = [(cpu_seconds(one.pid), time.monotonic()) for one in (off, on)]
    time.sleep(20 if quick else 60)
    shares = [
        (cpu_seconds(one.pid) - spent) / (time.monotonic() - at)
        for one, (spent, at) in zip((off, on), before, strict=True)
    ]
    memory = [resident(one.pid) for one in (off, on)]
    more_cpu, more_memory = shares[1] - shares[0], memory[1] - memory[0]
    return [
        Row(
            name="twenty checks at 10 s: of one core",
            value=shares[1] * 100,
            unit="%",
            reference=shares[0] * 100,
            target=f"under {CORE * 100:g} % more",
            passed=more_cpu < CORE,
            note=f"{more_cpu * 100:.3f} % more",
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


def _latency(on: _Application, off: _Application, quick: bool) -> list[Row]:
    """Compare the p99 of all requests to whichever ran Salus just then with that of all others."""
    times, rounds = (2_000, 4) if quick else (10_000, 16)
    without: list[float] = []
    inside: list[float] = []
    ratios: list[float] = []
    off.turn("/stop")
    for _ in range(rounds):
        time.sleep(2.5)  # the first looks are over
        for one in (on, off):
            one.warm_up()
        taken: dict[_Application, list[float]] = {on: [], off: []}
        for number in range(times):
            for one in (on, off) if number % 2 else (off, on):
                taken[one].append(one.ask())
        inside += taken[on]
        without += taken[off]
        ratios.append(_p99(taken[on]) / _p99(taken[off]))
        off.turn("/start")
        on.turn("/stop")
        on, off = off, on
    ratio = _p99(inside) / _p99(without)
    crossed = [(first * second) ** 0.5 for first, second in zip(ratios[::2], ratios[1::2], strict=True)]
    return [
        Row(
            name="a request to the application: p99",
            value=_p99(inside) * 1000,
            unit="ms",
            reference=_p99(without) * 1000,
            ratio=ratio,
            target=f"at most {SLOWER:.2f} x",
            passed=ratio <= SLOWER,
            note=f"{ratio:.4f} x of {rounds * times} requests each; crossovers: {_spread(crossed)}",
        )
    ]


def _p99(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


def _spread(ratios: Sequence[float]) -> str:
    """Say the mean of ratios, and its standard error."""
    error = statistics.stdev(ratios) / len(ratios) ** 0.5
    return f"{statistics.mean(ratios):.4f} x, standard error {error:.4f}"


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
