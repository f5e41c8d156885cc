"""Looks per CPU-second: of Salus' own check objects, and of blackbox_exporter doing the same."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import uvloop

from benchmarks._common import Row, cpu_seconds, find_program, free_port, median, print_table, running
from salus.clock import SystemClock
from salus.httpclient import Connection, Request, prepare
from salus.model import CheckSpec, Status
from salus.options import CheckOptions
from salus.ports import Heartbeat, Look, Site

AT_ONCE = 20

_BLACKBOX = """
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  tcp_connect: {prober: tcp, timeout: 5s, tcp: {preferred_ip_protocol: ip4}}
"""


class _NoJobs:
    """No job reports in here."""

    def last(self, slug: str) -> Heartbeat | None:
        """Know of none."""
        del slug
        return None


def site() -> Site:
    """Return a site with a real clock and nothing else."""
    return Site(
        clock=SystemClock(),
        state_dir=Path(tempfile.gettempdir()),
        state_id="bench",
        services={},
        heartbeats=_NoJobs(),
        tell=lambda *_, **__: None,
        remember=lambda _: None,
        nudge=lambda _: None,
    )


async def _look(options: CheckOptions, count: int) -> float:
    """Return looks per CPU-second of this process, ``AT_ONCE`` at a time."""
    here = site()
    spec = CheckSpec(name="bench", kind="bench")
    left = count

    async def one_after_another() -> None:
        nonlocal left
        check = options.build(here)
        while left > 0:
            left -= 1
            look = Look(spec=spec, site=here, at=here.clock.now(), started=here.clock.monotonic())
            observation = await check.look(look)
            if observation.status is not Status.HEALTHY:
                raise RuntimeError(observation.message)
        await check.aclose()

    before = time.process_time()
    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return count / (time.process_time() - before)


def looks_per_cpu_second(options: CheckOptions, count: int) -> float:
    """Measure a check on uvloop, as the agent runs it."""
    return uvloop.run(_look(options, count))


@contextlib.contextmanager
def blackbox() -> Iterator[tuple[int, int] | None]:
    """Run blackbox_exporter; yield its pid and port, or None where it is not installed."""
    program = find_program("prometheus-blackbox-exporter") or find_program("blackbox_exporter")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "blackbox.yml")
        config.write_text(_BLACKBOX)
        port = free_port()
        argv = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        with running(argv, port) as child:
            yield child.pid, port


async def _probe(pid: int, port: int, module: str, target: str, count: int) -> float:
    url = f"http://127.0.0.1:{port}/probe?module={module}&target={quote(target, safe='')}"
    prepared = prepare(Request(url=url))
    left = count

    async def one_after_another() -> None:
        nonlocal left
        connection = Connection()
        while left > 0:
            left -= 1
            response = await connection.send(prepared)
            if b"\nprobe_success 1\n" not in response.body:
                raise RuntimeError(f"blackbox_exporter does not see {target} well: {response.body[-300:]!r}")
        connection.close()

    before = cpu_seconds(pid)
    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return count / (cpu_seconds(pid) - before)


def probes_per_cpu_second(peer: tuple[int, int], module: str, target: str, count: int) -> float:
    """Measure blackbox_exporter; who asks it keeps its connections, so only probing is counted."""
    return uvloop.run(_probe(*peer, module, target, count))


def compare(
    title: str, ours: Mapping[str, CheckOptions], *, module: str, target: str, at_least: float, quick: bool
) -> list[Row]:
    """Measure side by side, in turns, and judge the medians."""
    turns, looks, probes = (3, 3000, 400) if quick else (5, 15000, 1500)
    with blackbox() as peer:
        measured: dict[str, list[float]] = {name: [] for name in ours}
        theirs: list[float] = []
        for name, options in ours.items():  # Warm: imports, caches, the peer's heap.
            looks_per_cpu_second(options, 200)
            measured[name].clear()
        if peer is not None:
            probes_per_cpu_second(peer, module, target, 200)
        for _ in range(turns):
            for name, options in ours.items():
                measured[name].append(looks_per_cpu_second(options, looks))
            if peer is not None:
                theirs.append(probes_per_cpu_second(peer, module, target, probes))
    reference = median(theirs) if theirs else None
    rows = []
    for name, values in measured.items():
        ratio = median(values) / reference if reference else None
        passed = None if ratio is None else ratio >= at_least
        rows.append(
            Row(
                name=name,
                value=median(values),
                unit="looks/CPU-s",
                reference=reference,
                ratio=ratio,
                target=f"at least {at_least:g} x blackbox_exporter",
                passed=passed,
                note="" if peer else "prometheus-blackbox-exporter is not installed",
            )
        )
    print_table(title, rows)
    return rows
