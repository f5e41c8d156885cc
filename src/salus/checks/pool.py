"""The ``pool`` check: how full a connection pool of the application is, and who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.checks._objects import is_name, thing
from salus.checks._pools import Usage, usage_of
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.threads import Threads
from salus.units import Share

# A pool is asked in a thread: some take a lock of theirs for it, and that must not hold up Salus.
_THREADS = Threads(4, "salus-pool-check")


class Pool(BoundedOptions, frozen=True, kw_only=True):
    """A connection pool of the application that Salus lives in: of a database or of an HTTP client.

    Known are the pools of SQLAlchemy (engines too, asynchronous ones too), psycopg_pool, asyncpg, redis-py, httpx,
    httpcore and aiohttp. No connection is taken for it, and nothing is asked over the network. Without bounds it is
    degraded while every connection is in use.

    Metrics: ``in_use``, ``idle``, ``limit``, ``used_ratio``, ``waiting`` (as far as the library tells). A look costs
    150 us.

    Attributes:
        pool: where it is: ``package.module:name``, or a function without arguments that returns it.
        used_below: unhealthy unless less than this share of the limit is in use.
        warn_used_below: degraded unless less than this share of the limit is in use.
        waiting_below: unhealthy unless fewer than this wait for a connection.
        warn_waiting_below: degraded unless fewer than this wait for a connection.
    """

    scalar = "pool"

    pool: str
    used_below: Share | None = None
    warn_used_below: Share | None = None
    waiting_below: int | None = None
    warn_waiting_below: int | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that the name could be one."""
        found = super().problems()
        if not is_name(self.pool):
            found.append(("pool", "write it like package.module:name"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that finds the pool anew at every look: it may be replaced."""
        return PoolCheck(lambda: thing(self.pool), bounds=self, load=True)


class PoolCheck:
    """Looks at a pool that it is given: ``PoolCheck(engine, bounds=Pool(pool="shop:engine", used_below=0.9))``."""

    def __init__(self, pool: object, *, bounds: Pool | None = None, load: bool = False) -> None:
        """Take the pool, or what has one.

        Args:
            pool: a pool of a known library, or an engine, client or session.
            bounds: what it is held against; its ``pool`` is only a name then.
            load: ``pool`` returns it, and is called in a thread at every look.
        """
        self._load: Callable[[], Any] = pool if load and callable(pool) else lambda: pool
        self._bounds = bounds or Pool(pool="given:pool")

    async def look(self, look: Look) -> Observation:
        """Read how full it is."""
        return self._judge(look, await _THREADS.run(self._read))

    async def aclose(self) -> None:
        """Nothing of the pool is kept."""

    def _read(self) -> Usage:
        return usage_of(self._load())

    def _judge(self, look: Look, usage: Usage) -> Observation:
        findings, bounds = Findings(), self._bounds
        metrics = {"in_use": Metric(usage.in_use), "idle": Metric(usage.idle)}
        said = f"{usage.in_use} connections in use, {usage.idle} idle"
        if usage.limit is not None:
            metrics |= {"limit": Metric(usage.limit), "used_ratio": Metric(usage.share, "ratio")}
            said = f"{usage.in_use} of {usage.limit} connections in use ({show_share(usage.share)})"
            findings.judge(bounds, "used", usage.share, said, show=show_share)
        waits = f"{usage.waiting} wait for a connection"
        if usage.waiting is not None:
            metrics["waiting"] = Metric(usage.waiting)
            findings.judge(bounds, "waiting", usage.waiting, waits)
        if not bounds.bounds("used") and not bounds.bounds("waiting") and usage.share >= 1:
            findings.degraded(f"all {usage.limit} connections are in use" + (f", {waits}" if usage.waiting else ""))
        return findings.answer(look, said, metrics=metrics)
