"""The ``thread_pool`` check: is there a thread for the next piece of work, and how long does work wait for one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.checks._objects import is_name, thing
from salus.clock import SystemClock
from salus.errors import CheckBrokenError
from salus.model import Cause, Metric, Observation
from salus.ports import Check, Look, Site
from salus.threads import Threads
from salus.units import Duration, Share, format_duration

_monotonic = SystemClock().monotonic
_THREADS = Threads(2, "salus-pool-check")
_SHARE_OF_TIMEOUT = 0.8


class ThreadPool(BoundedOptions, frozen=True, kw_only=True):
    """A pool of threads of the application that Salus lives in: of ``concurrent.futures``, or AnyIO's.

    How long work waits is measured: while work is queued, a call that does nothing is queued behind it, one at a time.
    Without bounds it is degraded while that has waited for more than a second, and unhealthy from ten seconds on.

    Metrics: ``busy``, ``workers`` (the most there may be), ``busy_ratio``, ``queued``, ``waited_seconds`` (of the
    newest call that was queued, so far where it still waits). A look costs 40 us; by name, 150 us.

    Attributes:
        executor: where it is: ``package.module:name``, or a function without arguments that returns it; ``asyncio`` for
            the one behind ``asyncio.to_thread``, ``anyio`` for the one in which Starlette and FastAPI run plain
            functions (a limiter: only how many are busy and how many wait).
        busy_below: unhealthy unless less than this share of the workers is busy.
        warn_busy_below: degraded unless less than this share of the workers is busy.
        queued_below: unhealthy unless fewer pieces of work than this are queued.
        warn_queued_below: degraded unless fewer pieces of work than this are queued.
        waited_below: unhealthy unless work waits for less than this.
        warn_waited_below: degraded unless work waits for less than this.
    """

    scalar = "executor"

    executor: str
    busy_below: Share | None = None
    warn_busy_below: Share | None = None
    queued_below: int | None = None
    warn_queued_below: int | None = None
    waited_below: Duration | None = None
    warn_waited_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that the name could be one."""
        found = super().problems()
        if self.executor not in _BUILT_IN and not is_name(self.executor):
            found.append(("executor", "write it like package.module:name, or asyncio, or anyio"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that finds the pool anew at every look: it may be replaced."""
        return ThreadPoolCheck(self.executor, bounds=self)


@dataclass(frozen=True, slots=True)
class _Load:
    """How busy a pool of threads is."""

    busy: int
    workers: int
    queued: int


class ThreadPoolCheck:
    """Looks at a pool of threads that it is given: ``ThreadPoolCheck(executor)``."""

    def __init__(self, executor: ThreadPoolExecutor | str, *, bounds: ThreadPool | None = None) -> None:
        """Take the executor, or its name as told at ``ThreadPool``; ``bounds`` are what it is held against."""
        self._executor = executor
        self._bounds = _with_defaults(bounds or ThreadPool(executor="asyncio"))
        self._probe: Future[None] | None = None
        self._probed: object = None
        self._sent = 0.0
        self._waited = 0.0

    async def look(self, look: Look) -> Observation:
        """See how busy it is."""
        pool = self._executor if not isinstance(self._executor, str) else await self._find(look, self._executor)
        if pool is None:
            return look.healthy("no work was ever given to it")
        load = _load(pool)
        if self._probe is not None and self._probed is pool and not self._probe.running() and not self._probe.done():
            load = replace(load, queued=max(0, load.queued - 1))  # our own call
        if isinstance(pool, ThreadPoolExecutor):
            self._measure(pool, load)
        return self._judge(look, load)

    async def aclose(self) -> None:
        """Take back the call that measures."""
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    async def _find(self, look: Look, name: str) -> Any:
        built_in = _BUILT_IN.get(name)
        if built_in is None:
            return await _THREADS.run(thing, name)
        deadline = asyncio.timeout(look.remaining * _SHARE_OF_TIMEOUT)

        async def there() -> Any:
            return built_in()

        try:
            async with deadline:
                return await look.site.home.run(there)
        except TimeoutError:
            if not deadline.expired():
                raise
            what = "the application's event loop does not answer, so its pool of threads cannot be found"
            raise CheckBrokenError(what) from None

    def _measure(self, pool: ThreadPoolExecutor, load: _Load) -> None:
        """Queue a call that does nothing behind the work that waits, and see how long it has waited."""
        if self._probed is not pool:
            self._probe, self._probed, self._waited = None, pool, 0.0
        if self._probe is not None and not self._probe.done():
            self._waited = _monotonic() - self._sent
            return
        if self._probe is None:
            self._waited = 0.0
        self._probe = None
        if load.queued:
            self._sent = _monotonic()
            try:
                self._probe = pool.submit(self._ran, self._sent)
            except RuntimeError as error:
                raise CheckBrokenError(f"the pool takes no work: {error}", cause=Cause.NOT_KNOWN) from error

    def _ran(self, sent: float) -> None:
        """Note how long it waited. Runs in the pool."""
        if sent == self._sent:
            self._waited = _monotonic() - sent

    def _judge(self, look: Look, load: _Load) -> Observation:
        findings, bounds = Findings(), self._bounds
        share = load.busy / max(load.workers, 1)
        said = f"{load.busy} of {load.workers} threads busy ({show_share(share)}), {load.queued} queued"
        findings.judge(bounds, "busy", share, said, show=show_share)
        findings.judge(bounds, "queued", load.queued, f"{load.queued} queued")
        waited = f"work waits {format_duration(self._waited)} for a thread ({said})"
        findings.judge(bounds, "waited", self._waited, waited, show=format_duration)
        metrics = {
            "busy": Metric(load.busy),
            "workers": Metric(load.workers),
            "busy_ratio": Metric(share, "ratio"),
            "queued": Metric(load.queued),
            "waited_seconds": Metric(self._waited, "seconds"),
        }
        return findings.answer(look, said, metrics=metrics)


def _with_defaults(bounds: ThreadPool) -> ThreadPool:
    if any(bounds.bounds(name) for name in ("busy", "queued", "waited")):
        return bounds
    from msgspec import structs

    return structs.replace(bounds, waited_below=Duration(10), warn_waited_below=Duration(1))


def _load(pool: Any) -> _Load:
    """Read a pool.

    Raises:
        CheckBrokenError: it is no pool of threads that is known here.
    """
    try:
        if isinstance(pool, ThreadPoolExecutor):
            queued = pool._work_queue.qsize()  # noqa: SLF001 -- nothing public tells
            there = len(pool._threads)  # noqa: SLF001 -- as above
            idle = min(pool._idle_semaphore._value, there)  # noqa: SLF001 -- as above
            return _Load(there if queued else there - idle, pool._max_workers, queued)  # noqa: SLF001 -- as above
        waiting = pool.statistics().tasks_waiting
        return _Load(int(pool.borrowed_tokens), int(min(pool.total_tokens, sys.maxsize)), int(waiting))
    except AttributeError as error:
        what = f"{type(pool).__module__}.{type(pool).__qualname__} is no pool of threads that is known here"
        remedy = "give a ThreadPoolExecutor or a CapacityLimiter of AnyIO"
        raise CheckBrokenError(what, remedy=remedy, cause=Cause.NOT_KNOWN) from error


def _of_asyncio() -> Any:
    """Return the executor behind ``asyncio.to_thread``, or None before it was first used. On its loop."""
    return getattr(asyncio.get_running_loop(), "_default_executor", None)


def _of_anyio() -> Any:
    """Return AnyIO's limiter, where the application uses AnyIO. On its loop."""
    there = sys.modules.get("anyio.to_thread")
    return None if there is None else there.current_default_thread_limiter()


_BUILT_IN: dict[str, Callable[[], Any]] = {"asyncio": _of_asyncio, "anyio": _of_anyio}
