"""What builds things in the background: workers, a queue before them, a cache behind them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from salus.components._facts import shown
from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict, moment, number
from salus.components.rules import BUILD_PIPELINE
from salus.units import format_duration

LONGEST_WAIT = 30.0
"""Seconds that the oldest job may wait where the pipeline does not say ``max_waiting``."""


@runtime_checkable
class BuildPipeline(Protocol):
    """Workers that take jobs from a queue and keep what they make in a cache.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application). Three faults
    are told apart, in the message and as the cause of the look:

    - ``workers_dead``: fewer workers are alive than there should be (degraded; none at all is unhealthy).
    - ``queue_stuck``: the oldest job waits longer than ``max_waiting`` and nothing was finished in that time either.
      Where something was, the queue is only too long: ``queue_long``, degraded.
    - ``cache_poisoned``: ``verify_cache`` objects.

    Used where they are there, each a method, a property or an attribute:

    - ``max_waiting``: seconds that a job may wait (30).
    - ``last_success``: when a job was last finished well: an aware ``datetime``, or seconds since 1970; None while
      none was.
    - ``verify_cache()``: says whether entries are poisoned. Returns nothing or True when all are right; otherwise
      False, a text, or a collection of the keys whose entries are wrong; raising counts as wrong.
    """

    def queue_length(self) -> int | Awaitable[int]:
        """Return how many jobs wait for a worker."""
        ...

    def oldest_waiting(self) -> float | Awaitable[float | None] | None:
        """Return how long the oldest of them has waited, in seconds; None or 0 when none waits."""
        ...

    def workers_alive(self) -> int | Awaitable[int]:
        """Return how many workers live."""
        ...

    def workers_expected(self) -> int | Awaitable[int]:
        """Return how many should."""
        ...

    def clear_cache(self) -> object:
        """Forget everything that was built. May return how many entries there were."""
        ...

    def restart(self) -> object:
        """Replace the workers, and return when the new ones work. Jobs that wait are kept, or made anew."""
        ...


def judge(facts: Facts, verdict: Verdict) -> str:
    """Tell dead workers and a stuck queue apart."""
    alive, expected = facts.needed("workers_alive"), facts.needed("workers_expected")
    waiting, oldest = facts.needed("queue_length"), facts.number("oldest_waiting") or 0.0
    said = f"{shown(alive)} of {shown(expected)} workers alive"
    if alive < expected:
        note = verdict.degraded if alive else verdict.unhealthy
        note(f"workers dead: {said}", "workers_dead")
    _judge_queue(facts, waiting, oldest, verdict)
    return f"{said}, {shown(waiting)} waiting"


def _judge_queue(facts: Facts, waiting: float, oldest: float, verdict: Verdict) -> None:
    most = facts.number("max_waiting")
    most = LONGEST_WAIT if most is None else most
    if not waiting or oldest <= most:
        return
    age = facts.age("last_success")
    said = (
        f"{shown(waiting)} waiting, the oldest for {format_duration(oldest)}, expected at most {format_duration(most)}"
    )
    if age is None or age > most:
        last = "" if age is None else f"; last success {format_duration(age)} ago"
        verdict.unhealthy(f"queue stuck: {said}{last}", "queue_stuck")
    else:
        verdict.degraded(f"queue too long: {said}; last success {format_duration(age)} ago", "queue_long")


KIND = ComponentKind(
    name="build_pipeline",
    protocol=BuildPipeline,
    requires=("queue_length", "oldest_waiting", "workers_alive", "workers_expected", "clear_cache", "restart"),
    readings=(
        number("queue_length"),
        number("oldest_waiting", unit="seconds"),
        number("workers_alive"),
        number("workers_expected"),
        moment("last_success"),
        Reading("max_waiting"),
    ),
    judge=judge,
    deeds={
        "clear_build_cache": Deed(done="cleared the cache of {name}", calls=("clear_cache",)),
        "restart_pipeline": Deed(done="restarted {name}", calls=("restart",)),
    },
    rule=BUILD_PIPELINE,
    probes=("verify_cache",),
    broken="cache poisoned",
)
