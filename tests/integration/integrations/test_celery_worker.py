"""Salus inside a worker of Celery: what its check sees, and for which application it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from celery.worker import state

from salus import HealthSystem
from salus.integrations.celery import WorkerCheck, watch_worker
from salus.model import Status
from tests.looks import NOON, look_from, look_once, site


@dataclass
class Process:
    alive: bool = True

    def is_alive(self) -> bool:
        return self.alive


@dataclass
class Pool:
    _pool: Any


@dataclass(eq=False)
class Consumer:
    """As much of a worker's consumer as its check reads."""

    app: Any = None
    connected: bool = True
    processes: list[Process] = field(default_factory=lambda: [Process(), Process()])

    @property
    def connection(self) -> Any:
        return self

    @property
    def pool(self) -> Any:
        return Pool(Pool(self.processes))


@dataclass(eq=False)
class Request:
    name: str
    time_start: float | None


@pytest.fixture
def requests() -> Iterator[set[Any]]:
    yield state.active_requests
    state.active_requests.clear()


async def test_a_worker_that_is_not_ready_yet_is_unknown() -> None:
    assert (await look_once(WorkerCheck())).status is Status.UNKNOWN


async def test_it_sees_the_connection_the_pool_and_tasks_that_run_too_long(requests: set[Any]) -> None:
    check = WorkerCheck(task_below=60)
    check.consumer = consumer = Consumer()
    began = (NOON - timedelta(minutes=5)).timestamp()
    kept = [Request("shop.pack", began), Request("shop.mail", NOON.timestamp()), Request("shop.wait", None)]
    look = look_from(site(), at=NOON)
    well = await check.look(look)
    assert (well.status, well.message) == (Status.HEALTHY, "connected, 0 tasks run")
    requests.update(kept)
    late = await check.look(look)
    assert (late.status, late.message) == (Status.DEGRADED, "shop.pack: runs for longer than 1m")
    assert (late.metrics["tasks_active"].value, late.metrics["task_oldest_seconds"].value) == (3, 300)
    requests.clear()
    consumer.processes[1].alive = False
    assert (await check.look(look)).message == "1 of 2 processes of the pool have ended"
    consumer.connected = False
    broken = await check.look(look)
    assert broken.status is Status.UNHEALTHY
    assert broken.message.startswith("there is no connection to the broker")


def test_it_starts_and_stops_with_workers_of_its_application_alone(tmp_path: Path) -> None:
    app, other = Celery("ours", set_as_current=False), Celery("others", set_as_current=False)
    health = HealthSystem("worker", state_dir=tmp_path, settings={"salus": {"store": "memory"}})
    watch_worker(app, health, interval="1s")
    ran = []
    try:
        for signal, sender in (
            (signals.worker_ready, other),
            (signals.worker_ready, app),
            (signals.worker_shutdown, other),
            (signals.worker_shutdown, app),
        ):
            signal.send(sender=Consumer(sender))
            ran.append(health.runs)
    finally:
        health.stop()
    assert ran == [False, True, True, False]
