"""Connections that are lent and given back."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from salus.components._facts import shown
from salus.components.kind import ComponentKind, Deed, Facts, Verdict, number
from salus.components.rules import CONNECTION_POOL


@runtime_checkable
class ConnectionPool(Protocol):
    """A pool of connections to a database, a broker or an HTTP server.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there, each a method, a property or an attribute:

    - ``waiting``: how many callers wait for a connection. Where some wait and none is free, the pool is exhausted:
      unhealthy. Without it, a pool with none free is degraded, which its default rule does not act on.
    - ``probe()``: takes a connection, asks something small (``SELECT 1``), gives it back. Returns nothing or True when
      that works; raising, False or a text is unhealthy. Not asked while none is free.
    """

    def in_use(self) -> int | Awaitable[int]:
        """Return how many connections are lent now."""
        ...

    def size(self) -> int | Awaitable[int]:
        """Return how many can be lent at the same time at most; 0 where there is no limit."""
        ...

    def reset(self) -> object:
        """Close what is idle or broken, and begin anew: what is lent afterwards is a new connection."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Tell an exhausted pool from a busy one."""
    used, size, waiting = facts.needed("in_use"), facts.needed("size"), facts.number("waiting")
    said = f"{shown(used)} of {shown(size)} connections in use" if size else f"{shown(used)} connections in use"
    if size and used >= size:
        verdict.busy = True
        if waiting:
            verdict.unhealthy(f"exhausted: {said}, {shown(waiting)} waiting, expected one to be free", "exhausted")
        elif waiting is None:
            verdict.degraded(f"{said}, expected one to be free", "all_in_use")
    return said + ("" if waiting is None else f", {shown(waiting)} waiting")


KIND = ComponentKind(
    name="connection_pool",
    protocol=ConnectionPool,
    requires=("in_use", "size", "reset"),
    readings=(number("in_use"), number("size"), number("waiting")),
    judge=judge,
    deeds={"reset_pool": Deed(done="reset {name}", calls=("reset",))},
    rule=CONNECTION_POOL,
    broken="connections do not work",
)
