"""Salus and Celery: a check of the workers from outside, and Salus inside a worker.

From outside, in the web application for one::

    health.register("workers", ping(app, workers_above=1), interval="10s")

Inside, beside the application::

    watch_worker(app, HealthSystem("shop-worker"))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import Celery, signals
from celery.worker import state

from salus.checks._bounds import Findings
from salus.checks._celery_broker import Broker
from salus.checks.celery import Celery as Options
from salus.checks.celery import CeleryCheck
from salus.library.system import HealthSystem
from salus.model import Metric, Observation
from salus.ports import Look
from salus.units import Duration, format_duration

__all__ = ["WorkerCheck", "ping", "watch_worker"]

_MOST_NAMED = 3


def ping(app: Celery, **options: Any) -> CeleryCheck:
    """Return the ``celery`` check for an application that is in hand; no task is run.

    Args:
        app: the Celery application.
        **options: those of the kind ``celery``: ``workers``, ``workers_above``, ``queues``, ``queue_length_below``, ...

    Raises:
        TypeError: there is no such option.
        ValueError: the options make no sense together.
    """
    if "reply_timeout" in options:
        options["reply_timeout"] = Duration.parse(options["reply_timeout"])
    made = Options(app="given:app", **options)
    for name, wrong in made.problems():
        message = f"{name}: {wrong}"
        raise ValueError(message)
    return CeleryCheck(made, Broker(made, app))


def watch_worker(
    app: Celery, health: HealthSystem, *, name: str = "worker", task_below: float | str | None = None, **said: Any
) -> None:
    """Let a system live in the main process of each worker of an application, with a check of that worker.

    It starts when the worker is ready and stops when that shuts down. In the processes of the pool it does not run.

    Args:
        app: the Celery application; workers of others are left alone.
        health: the system.
        name: of the check; empty for none.
        task_below: a task that runs longer than this is degraded.
        **said: what every check can say: ``interval``, ``critical``, ...
    """
    limit = None if task_below is None else float(Duration.parse(task_below))
    check = WorkerCheck(limit)
    if name:
        health.register(name, check, **said)

    def ready(sender: Any = None, **_: Any) -> None:
        if getattr(sender, "app", None) is app:
            check.consumer = sender
            health.start()

    def ended(sender: Any = None, **_: Any) -> None:
        if getattr(sender, "app", None) is app:
            health.stop()

    _connect(signals.worker_ready, ready)
    _connect(signals.worker_shutdown, ended)


def _connect(signal: Any, receiver: Callable[..., None]) -> None:
    signal.connect(receiver, weak=False)


class WorkerCheck:
    """A worker from inside: its connection to the broker, the processes of its pool, and the tasks it works at."""

    def __init__(self, task_below: float | None = None) -> None:
        """Begin without a worker; ``task_below``: seconds after which a running task is degraded."""
        self.consumer: Any = None
        self._task_below = task_below

    async def look(self, look: Look) -> Observation:
        """Look at what the worker knows of itself; nobody is asked."""
        consumer = self.consumer
        if consumer is None:
            return look.unknown("the worker is not ready yet")
        findings = Findings()
        connection = consumer.connection
        if connection is None or not connection.connected:
            findings.unhealthy("there is no connection to the broker")
        processes = _processes(consumer.pool)
        gone = sum(not process.is_alive() for process in processes)
        if gone:
            findings.degraded(f"{gone} of {len(processes)} processes of the pool have ended")
        oldest = self._tasks(findings, look.at.timestamp())
        active = len(state.active_requests)
        metrics = {
            "tasks_active": Metric(active),
            "tasks_reserved": Metric(len(state.reserved_requests)),
            "tasks_total": Metric(sum(state.total_count.values())),
            "task_oldest_seconds": Metric(oldest, "seconds"),
            "pool_processes": Metric(len(processes) - gone),
        }
        return findings.answer(look, f"connected, {active} tasks run", metrics=metrics)

    async def aclose(self) -> None:
        """Nothing is kept."""

    def _tasks(self, findings: Findings, now: float) -> float:
        """Return for how long the oldest task runs; note those that run too long."""
        began = {request: request.time_start for request in list(state.active_requests)}  # None: not accepted yet
        running = {request: max(0.0, now - at) for request, at in began.items() if at}
        limit = self._task_below
        late = [request for request, age in running.items() if limit is not None and age > limit]
        if late and limit is not None:
            names = ", ".join(sorted({request.name for request in late})[:_MOST_NAMED])
            findings.degraded(f"{names}: runs for longer than {format_duration(limit)}")
        return max(running.values(), default=0.0)


def _processes(pool: Any) -> list[Any]:
    """Return the processes of a prefork pool; none where the pool has none."""
    inner = getattr(pool, "_pool", None)
    processes = getattr(inner, "_pool", None)
    return [one for one in list(processes or ()) if hasattr(one, "is_alive")]
