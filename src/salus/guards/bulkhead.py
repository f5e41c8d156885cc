"""The bulkhead around calls: so many at a time, so many who wait, and nobody for longer than agreed.

One line for everybody: threads and tasks of any event loop queue together, first come first served. A place is handed
from the one who leaves to the one who waits, under the lock, so that nobody can slip in between; whoever gave up
waiting in that very moment passes it on. So no place is ever lost, however a call ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from salus.clock import SystemClock
from salus.errors import BulkheadFullError
from salus.guards._forms import Fallback
from salus.guards._guard import Guard
from salus.model import Metric, Observation, Status
from salus.ports import Look
from salus.units import Duration, format_duration


class _Waiter(Protocol):
    """Somebody in the line; ``granted`` is only touched under the bulkhead's lock."""

    granted: bool

    def wake(self) -> bool:
        """Tell them that they have a place; false when there is nobody any more to be told."""
        ...


class _Thread:
    __slots__ = ("event", "granted")

    def __init__(self) -> None:
        self.granted = False
        self.event = threading.Event()

    def wake(self) -> bool:
        self.event.set()
        return True


class _Task:
    __slots__ = ("future", "granted", "loop")

    def __init__(self) -> None:
        self.granted = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self) -> bool:
        try:
            self.loop.call_soon_threadsafe(self._told)
        except RuntimeError:  # that loop has ended, and with it whoever waited there
            return False
        return True

    def _told(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


Kind = TypeVar("Kind", _Thread, _Task)


class Place:
    """One place that is taken."""

    __slots__ = ()


_PLACE = Place()


class Bulkhead(Guard[Place]):
    """Lets only so many calls run at a time, so that one slow dependency cannot take every thread and connection.

        reports = Bulkhead("reports", max_concurrent=4, max_waiting=8, max_wait="2s")

        @reports
        def render(report): ...

        health.register("reports", reports)

    One bulkhead serves plain functions in threads and coroutines on any event loop, all at once. Plain code that finds
    it full in a thread whose event loop runs is refused at once: waiting there would stop everybody.
    """

    def __init__(
        self,
        name: str,
        *,
        max_concurrent: int = 10,
        max_waiting: int = 0,
        max_wait: float | str | None = 1.0,
        fallback: Fallback | None = None,
        status_when_full: Status = Status.DEGRADED,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Begin empty.

        Args:
            name: what errors, checks and logs call it.
            max_concurrent: calls at a time.
            max_waiting: calls that may wait for a place; more are refused at once.
            max_wait: how long they wait at most, seconds or text such as ``"2s"``; None waits for as long as the caller
                does.
            fallback: called with the same arguments when a call is refused.
            status_when_full: what the check says while every place is taken, or calls were refused since the last look.
            clock: returns monotonic seconds.

        Raises:
            ValueError: a limit makes no sense; the message says which and why.
        """
        super().__init__(name, fallback)
        if max_concurrent < 1:
            message = f"max_concurrent is {max_concurrent}, and must be 1 or more"
            raise ValueError(message)
        if max_waiting < 0:
            message = f"max_waiting is {max_waiting}, and must be 0 (nobody waits) or more"
            raise ValueError(message)
        self.max_concurrent = max_concurrent
        self.max_waiting = max_waiting
        self.max_wait = None if max_wait is None else float(Duration.parse(max_wait))
        self.status_when_full = status_when_full
        self._clock = clock or SystemClock().monotonic
        self._lock = threading.Lock()
        self._taken = 0
        self._line: deque[_Waiter] = deque()
        self._calls = self._refused = self._peak = 0
        self._longest_wait = 0.0
        self._check = BulkheadCheck(self)

    def __repr__(self) -> str:
        return f"<Bulkhead {self.name}: {self._taken} of {self.max_concurrent} places taken>"

    @property
    def in_use(self) -> int:
        """Return how many places are taken."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Return how many calls wait."""
        return len(self._line)

    @property
    def refused(self) -> int:
        """Return how many calls were refused since it was made."""
        return self._refused

    @property
    def check(self) -> BulkheadCheck:
        """Return the check that says how full this is."""
        return self._check

    # ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self) -> Place:
        """Let a call through, or raise ``BulkheadFullError``; whoever uses this by hand calls ``leave`` in the end."""
        with self._lock:
            if self._take():
                return _PLACE
            if _loop_runs_here():
                raise self._refusal("and this thread runs an event loop, which must not wait", "use async with")
            waiter = self._queue(_Thread)
        began = self._clock()
        try:
            waiter.event.wait(self.max_wait)
        except BaseException:  # such as KeyboardInterrupt in the main thread
            self._give_up(waiter)
            raise
        return self._waited(waiter, began)

    async def enter_soon(self) -> Place:
        """Let a call through, or raise ``BulkheadFullError``; waits in the line without blocking the loop."""
        with self._lock:
            if self._take():
                return _PLACE
            waiter = self._queue(_Task)
        began = self._clock()
        try:
            await asyncio.wait((waiter.future,), timeout=self.max_wait)
        except BaseException:
            self._give_up(waiter)
            raise
        return self._waited(waiter, began)

    def leave(self, ticket: Place, error: BaseException | None, *, timed: bool = True) -> None:
        """Hear that a call has ended, and with which error."""
        with self._lock:
            self._hand_over()

    def undo(self, ticket: Place) -> None:
        """Take a call back that has not begun after all."""
        with self._lock:
            self._calls -= 1
            self._hand_over()

    # ── The line; all under the lock ──────────────────────────────────────────────────────────────────────────────────

    def _take(self) -> bool:
        if self._taken >= self.max_concurrent:
            return False
        self._taken += 1
        self._calls += 1
        self._peak = max(self._peak, self._taken)
        return True

    def _queue(self, kind: type[Kind]) -> Kind:
        if len(self._line) >= self.max_waiting:
            wait = f"and {len(self._line)} wait already" if self.max_waiting else "and nobody may wait"
            raise self._refusal(wait, "raise max_concurrent or max_waiting")
        waiter = kind()
        self._line.append(waiter)
        return waiter

    def _hand_over(self) -> None:
        """Give a place to the first in the line who is still there."""
        while self._line:
            waiter = self._line.popleft()
            if waiter.wake():
                waiter.granted = True
                self._calls += 1
                return
        self._taken -= 1

    def _refusal(self, why: str, remedy: str) -> BulkheadFullError:
        self._refused += 1
        said = f"{self.name} is full: all {self.max_concurrent} places are taken, {why}"
        return BulkheadFullError(said, name=self.name, remedy=f"{remedy}, give a fallback, or call it less often")

    # ── The end of a wait ─────────────────────────────────────────────────────────────────────────────────────────────

    def _waited(self, waiter: _Waiter, began: float) -> Place:
        waited = self._clock() - began
        with self._lock:
            self._longest_wait = max(self._longest_wait, waited)
            if waiter.granted:
                return _PLACE
            self._line.remove(waiter)
            raise self._refusal(f"and none became free within {format_duration(waited)}", "raise max_concurrent")

    def _give_up(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter.granted:
                self._calls -= 1
                self._hand_over()
            elif waiter in self._line:
                self._line.remove(waiter)

    def sight(self) -> tuple[int, int, int, dict[str, Metric]]:
        """Return all that the check tells, of one moment; the peak and the longest wait begin anew."""
        with self._lock:
            taken, waiting, refused = self._taken, len(self._line), self._refused
            metrics = {
                "in_use": Metric(taken),
                "in_use_ratio": Metric(taken / self.max_concurrent, "ratio"),
                "in_use_peak": Metric(self._peak),
                "waiting": Metric(waiting),
                "wait_longest_seconds": Metric(self._longest_wait, "seconds"),
                "calls_total": Metric(self._calls),
                "refused_total": Metric(refused),
            }
            self._peak, self._longest_wait = taken, 0.0
        return taken, waiting, refused, metrics


class BulkheadCheck:
    """Says how full a bulkhead is: healthy while there is room and nobody was turned away."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        """Look at that bulkhead; what it refused before does not count."""
        self._bulkhead = bulkhead
        self._refused = bulkhead.refused

    async def look(self, look: Look) -> Observation:
        """Ask the bulkhead."""
        bulkhead = self._bulkhead
        taken, waiting, refused, metrics = bulkhead.sight()
        lately, self._refused = refused - self._refused, refused
        said = f"{taken} of {bulkhead.max_concurrent} places are taken"
        if waiting:
            said += f", {waiting} wait"
        if lately:
            said += f", {lately} {'call was' if lately == 1 else 'calls were'} refused since the last look"
        full = lately > 0 or taken >= bulkhead.max_concurrent
        return look.observe(bulkhead.status_when_full if full else Status.HEALTHY, said, metrics=metrics)

    async def aclose(self) -> None:
        """Nothing is kept."""


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
