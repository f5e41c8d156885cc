"""How full a connection pool is, of whatever library: told by its own attributes, without importing the library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from salus.errors import CheckBrokenError
from salus.model import Cause

_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """One pool at one moment.

    Attributes:
        in_use: connections that are lent out.
        idle: connections that wait to be lent out.
        limit: the most that can be lent out; None where there is none.
        waiting: who waits for a connection; None where the library does not tell.
    """

    in_use: int
    idle: int
    limit: int | None = None
    waiting: int | None = None

    @property
    def share(self) -> float:
        """Return how much of the limit is in use, 0 where there is none."""
        return self.in_use / self.limit if self.limit else 0.0


def usage_of(pool: Any) -> Usage:
    """Read a pool, or what has one: an engine, a client, a session. Of several, the fullest.

    Raises:
        CheckBrokenError: it is of no known library, or of a version of it that is made differently.
    """
    for base in type(pool).__mro__:
        reader = _READERS.get(base.__module__.partition(".")[0])
        if reader is None:
            continue
        try:
            usages = reader(pool)
        except (AttributeError, TypeError, KeyError) as error:
            what = f"cannot read this {base.__module__.partition('.')[0]} {type(pool).__name__}: {error}"
            remedy = "is it a pool, or what has one? Else write a function check that returns a number"
            raise CheckBrokenError(what, remedy=remedy, cause=Cause.CRASHED) from error
        return max(usages, key=lambda each: (each.share, each.waiting or 0, each.in_use), default=Usage(0, 0))
    what = f"{type(pool).__module__}.{type(pool).__qualname__} is no pool that is known here"
    remedy = f"known are those of {', '.join(sorted(_READERS))}; for others write a function check"
    raise CheckBrokenError(what, remedy=remedy, cause=Cause.NOT_KNOWN)


def _limit(number: float | None) -> int | None:
    return int(number) if number is not None and 0 < number < _UNLIMITED else None


def _sqlalchemy(pool: Any) -> list[Usage]:
    """Engine, AsyncEngine, or one of their pools. Those that keep nothing (NullPool) have no limit either."""
    pool = getattr(pool, "sync_engine", pool)
    pool = getattr(pool, "pool", pool)
    if not hasattr(pool, "checkedout"):
        pool.status()  # every pool has it: what has not is something else
        return [Usage(0, 0)]
    queue = getattr(pool, "_pool", None)
    waiters = getattr(getattr(queue, "not_empty", None), "_waiters", None)
    if waiters is None:
        waiters = getattr(getattr(queue, "_queue", None), "_getters", None)
    extra = getattr(pool, "_max_overflow", 0)
    limit = None if extra < 0 else _limit(pool.size() + extra)
    return [Usage(pool.checkedout(), pool.checkedin(), limit, None if waiters is None else len(waiters))]


def _psycopg(pool: Any) -> list[Usage]:
    """ConnectionPool and AsyncConnectionPool: they tell by themselves."""
    told = pool.get_stats()
    idle = told["pool_available"]
    return [Usage(told["pool_size"] - idle, idle, _limit(told["pool_max"]), told.get("requests_waiting", 0))]


def _httpx(client: Any) -> list[Usage]:
    """Client and AsyncClient: the pool of its own transport, and those of its mounts (proxies)."""
    transports = [client._transport, *client._mounts.values()]  # noqa: SLF001 -- nothing public tells
    pools = [pool for each in transports if (pool := getattr(each, "_pool", None)) is not None]
    return [usage for pool in pools for usage in _httpcore(pool)]


def _httpcore(pool: Any) -> list[Usage]:
    connections = pool.connections
    idle = sum(each.is_idle() for each in connections)
    waiting = sum(each.is_queued() for each in list(pool._requests))  # noqa: SLF001 -- nothing public tells
    limit = _limit(pool._max_connections)  # noqa: SLF001 -- as above
    return [Usage(len(connections) - idle, idle, limit, waiting)]


def _redis(pool: Any) -> list[Usage]:
    """Redis, or its ConnectionPool; of a BlockingConnectionPool also who waits."""
    pool = getattr(pool, "connection_pool", pool)
    queue = getattr(pool, "pool", None)
    if queue is not None and hasattr(pool, "_connections"):  # blocking: what is not in its queue is in use
        idle = sum(each is not None for each in list(queue.queue))
        waiters = len(queue.not_empty._waiters)  # noqa: SLF001 -- nothing public tells
        return [Usage(len(pool._connections) - idle, idle, _limit(pool.max_connections), waiters)]  # noqa: SLF001
    in_use, idle = len(pool._in_use_connections), len(pool._available_connections)  # noqa: SLF001 -- as above
    others = getattr(getattr(pool, "_condition", None), "_waiters", None)
    return [Usage(in_use, idle, _limit(pool.max_connections), None if others is None else len(others))]


def _aiohttp(session: Any) -> list[Usage]:
    """ClientSession, or its connector."""
    connector = getattr(session, "connector", session)
    idle = sum(len(each) for each in list(connector._conns.values()))  # noqa: SLF001 -- nothing public tells
    waiting = sum(len(each) for each in list(connector._waiters.values()))  # noqa: SLF001 -- as above
    return [Usage(len(connector._acquired), idle, _limit(connector.limit), waiting)]  # noqa: SLF001 -- as above


def _asyncpg(pool: Any) -> list[Usage]:
    idle = pool.get_idle_size()
    waiters = getattr(getattr(pool, "_queue", None), "_getters", None)
    waiting = None if waiters is None else len(waiters)
    return [Usage(pool.get_size() - idle, idle, _limit(pool.get_max_size()), waiting)]


_READERS: Mapping[str, Callable[[Any], list[Usage]]] = {
    "aiohttp": _aiohttp,
    "asyncpg": _asyncpg,
    "httpcore": _httpcore,
    "httpx": _httpx,
    "psycopg_pool": _psycopg,
    "redis": _redis,
    "sqlalchemy": _sqlalchemy,
    "valkey": _redis,
}
