"""One measured process of the engine bench: ``python -m benchmarks._engine_child WHAT CHECKS INTERVAL SECONDS``.

WHAT is ``salus`` (the real engine with a SQLite ledger) or ``bare`` (a heap on asyncio that does nothing else).
Prints one JSON object: lateness quantiles (s), share of one core, bytes per check, looks per second.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from salus.clock import SystemClock
from salus.engine.bus import Bus
from salus.engine.engine import Engine
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.recorder import Recorder
from salus.engine.units import CheckUnit
from salus.model import CheckSpec, CheckState, Observation
from salus.ports import Look, Site
from salus.store.sqlite import SqliteStore
from salus.threads import Threads


def resident() -> int:
    """Return resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def cpu() -> float:
    """Return seconds of processor time of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def report(samples: list[float], used: float, elapsed: float, per_check: float) -> None:
    """Print the result."""
    samples.sort()
    result = {
        "p50": samples[len(samples) // 2],
        "p99": samples[min(len(samples) - 1, int(len(samples) * 0.99))],
        "max": samples[-1],
        "core": used / elapsed,
        "bytes_per_check": per_check,
        "looks_per_second": len(samples) / elapsed,
    }
    print(json.dumps(result))


async def bare(count: int, interval: float, seconds: float) -> None:
    """The reference: one heap, one timer, one task a look, nothing else."""
    loop = asyncio.get_running_loop()

    async def look() -> None:
        pass

    gc.collect()
    before = resident()
    start = loop.time()
    heap = [(start + interval * i / count, i) for i in range(count)]
    heapq.heapify(heap)
    gc.collect()
    per_check = (resident() - before) / count
    samples: list[float] = []
    measure_from, until = start + interval, start + interval + seconds
    used = 0.0
    while (now := time.monotonic()) < until:
        if not used and now >= measure_from:
            used = cpu()
        while heap and heap[0][0] <= now:
            due, number = heapq.heappop(heap)
            if used:
                samples.append(now - due)
            loop.create_task(look())  # noqa: RUF006 - the reference keeps nothing
            heapq.heappush(heap, (due + interval, number))
        await asyncio.sleep(max(0.0, heap[0][0] - time.monotonic()))
    report(samples, cpu() - used, seconds, per_check)


class NoOp:
    """A check that answers at once."""

    async def look(self, look: Look) -> Observation:
        """Look once."""
        return look.healthy("fine")

    async def aclose(self) -> None:
        """Nothing is kept."""


def build(store: SqliteStore, folder: Path) -> tuple[Engine, Recorder]:
    """Put the real engine together, as the agent does."""
    clock = SystemClock()
    bus = Bus(clock)
    recorder = Recorder(store, clock, bus.tell)
    bus.subscribe(recorder.event)
    site = Site(
        clock=clock,
        state_dir=folder,
        state_id="0" * 32,
        services={},
        heartbeats=HeartbeatBox(),
        tell=bus.tell,
        remember=recorder.service,
        nudge=lambda _: None,
    )
    return Engine(site, bus, recorder, Threads(2)), recorder


async def salus(count: int, interval: float, seconds: float) -> None:
    """The real engine: looks are due, run, folded, published and recorded."""
    with tempfile.TemporaryDirectory() as name:
        store = SqliteStore(Path(name) / "ledger.sqlite")
        await store.open()
        engine, recorder = build(store, Path(name))
        writing = asyncio.get_running_loop().create_task(recorder.run())
        gc.collect()
        before = resident()
        check = NoOp()
        specs = (CheckSpec(name=f"check-{i}", kind="noop", interval=interval, timeout=5.0) for i in range(count))
        engine.replace_units({spec.name: CheckUnit(spec=spec, check=check, state=CheckState()) for spec in specs})
        samples = listen(engine)
        engine.start()
        await asyncio.sleep(interval * 2)  # the ramp of first looks, and one whole round
        gc.collect()
        per_check = (resident() - before) / count
        samples.clear()
        used = cpu()
        await asyncio.sleep(seconds)
        used = cpu() - used
        measured = list(samples)
        await engine.stop(1.0)
        await recorder.stop()
        writing.cancel()
        await store.close()
        report(measured, used, seconds, per_check)


def listen(engine: Engine) -> list[float]:
    """Note how late every look begins."""
    samples: list[float] = []
    begin = engine.prober.start

    def timed(unit: CheckUnit) -> object:
        if unit.entry is not None:
            samples.append(time.monotonic() - unit.entry.due)
        return begin(unit)

    engine.prober.start = timed  # type: ignore[method-assign,assignment] # measured where the look begins
    return samples


if __name__ == "__main__":
    what, checks, every, lasting = sys.argv[1:5]
    uvloop.run({"bare": bare, "salus": salus}[what](int(checks), float(every), float(lasting)))
