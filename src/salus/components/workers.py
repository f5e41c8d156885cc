"""Workers that should all be there."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from salus.components._facts import shown
from salus.components.kind import ComponentKind, Deed, Facts, Verdict, number
from salus.components.rules import WORKER_POOL


@runtime_checkable
class WorkerPool(Protocol):
    """Threads, tasks or processes that work side by side.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there, each a method, a property or an attribute:

    - ``restart_dead()``: replaces only those that died. Tried before ``restart``, for it disturbs nobody who works.
    - ``busy``: how many of them work now; only shown.
    - ``queue_length``: how many jobs wait; only shown.
    - ``probe()``: proves that they work, for instance by a job of its own that must come back. Returns nothing or True
      when they do; False, or a text that says what is wrong, otherwise; raising counts as wrong.
    """

    def alive(self) -> int | Awaitable[int]:
        """Return how many workers live."""
        ...

    def expected(self) -> int | Awaitable[int]:
        """Return how many there should be at least."""
        ...

    def restart(self) -> object:
        """Replace all workers, and return when the new ones work."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Hold those that live against those that should; none at all is unhealthy, too few is degraded."""
    alive, expected = facts.needed("alive"), facts.needed("expected")
    if alive < expected:
        note = verdict.degraded if alive else verdict.unhealthy
        note(f"{shown(alive)} workers alive, expected {shown(expected)}", "workers_dead")
    busy = facts.number("busy")
    return f"{shown(alive)} workers alive" + ("" if busy is None else f", {shown(busy)} busy")


KIND = ComponentKind(
    name="worker_pool",
    protocol=WorkerPool,
    requires=("alive", "expected", "restart"),
    readings=(number("alive"), number("expected"), number("busy"), number("queue_length")),
    judge=judge,
    deeds={
        "restart_dead_workers": Deed(done="replaced the dead workers of {name}", calls=("restart_dead",)),
        "restart_worker_pool": Deed(done="restarted {name}", calls=("restart",)),
    },
    rule=WORKER_POOL,
    broken="workers alive and not working",
)
