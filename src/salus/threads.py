"""Run blocking code beside the event loop, in threads that are capped and counted.

A thread cannot be killed. So one whose caller gave up is *stuck* until it ends by itself: it keeps its place, it is
counted, and when nothing but stuck threads is left, callers hear that at once instead of queueing for ever. All
threads are daemons: none keeps Salus from ending. One that is done stays for a while, for the next call: to start one
costs more than most calls do.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import CoroutineType
from typing import Any, ParamSpec, TypeAlias, TypeVar

from salus.errors import CheckBrokenError
from salus.model import Cause

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_MOST_IDLE, _IDLE_FOR = 2, 30.0


_Queue: TypeAlias = "SimpleQueue[_Work]"
_Work: TypeAlias = Callable[[_Queue], bool]


class _Call:
    """One call, from the moment its thread starts to the moment it ends."""

    __slots__ = ("error", "future", "loop", "result", "stuck")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[None] = loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None
        self.stuck = False

    def finished(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


_ALL: weakref.WeakSet[Threads] = weakref.WeakSet()
_UNDER_WAY: set[_Call] = set()


def awaited_on(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether something on a loop awaits the end of a call in a thread."""
    return bool(_UNDER_WAY) and any(call.loop is loop for call in list(_UNDER_WAY))


class Threads:
    """At most ``limit`` calls at once, each in a thread that it has for itself."""

    def __init__(self, limit: int, name: str = "salus-thread") -> None:
        """Start none yet.

        Args:
            limit: how many may run at the same time, stuck ones included.
            name: of the threads, for those who read a stack dump.
        """
        self.limit = limit
        self._name = name
        self._lock = threading.Lock()
        self._calls: set[_Call] = set()
        self._waiting: deque[_Call] = deque()
        self._idle: list[_Queue] = []  # where threads that are done wait for their next call
        _ALL.add(self)

    def forked(self) -> None:
        """Forget the threads of the parent, in a child made by a fork: none of them is here."""
        self._lock = threading.Lock()
        self._calls.clear()
        self._waiting.clear()
        self._idle.clear()

    @property
    def busy(self) -> int:
        """Return how many calls run, stuck ones included."""
        return len(self._calls)

    @property
    def stuck(self) -> int:
        """Return how many run on although nobody waits for them any more."""
        with self._lock:
            return sum(call.stuck for call in self._calls)

    async def run(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> _Result:
        """Call the function in a thread that does nothing else meanwhile, with the context variables of the caller.

        Raises:
            CheckBrokenError: all threads are stuck.
            Exception: whatever the function raises; what is no ``Exception`` comes as a ``RuntimeError``.
        """
        call = _Call(asyncio.get_running_loop())
        await self._place(call)
        context = contextvars.copy_context()
        _UNDER_WAY.add(call)
        try:
            self._hand_over(lambda mine: context.run(self._work, mine, call, function, args, kwargs))
        except RuntimeError as error:  # the system has no thread left
            _UNDER_WAY.discard(call)
            self._leave(call)
            raise CheckBrokenError(f"cannot start a thread: {error}", cause=Cause.NO_THREADS) from error
        try:
            await call.future
        except asyncio.CancelledError:
            self._give_up(call)
            _close(call.result)
            raise
        finally:
            _UNDER_WAY.discard(call)  # the thread may come to that later: whoever has the answer awaits nothing
        if call.error is not None:
            raise call.error
        result: _Result = call.result
        return result

    async def _place(self, call: _Call) -> None:
        """Wait for a place, first come first served."""
        with self._lock:
            if len(self._calls) < self.limit:
                self._calls.add(call)
                return
            if all(other.stuck for other in self._calls):
                raise _all_stuck(self.limit)
            self._waiting.append(call)
        try:
            await call.future
        except asyncio.CancelledError:
            with self._lock:
                waiting = call in self._waiting
                if waiting:
                    self._waiting.remove(call)
            if not waiting:
                self._leave(call)
            raise
        if call.error is not None:
            raise call.error
        call.future = call.loop.create_future()

    def _give_up(self, call: _Call) -> None:
        """Count a thread as stuck; when it was the last hope of those who wait, tell them."""
        with self._lock:
            call.stuck = call in self._calls
            hopeless = bool(self._calls) and all(other.stuck for other in self._calls)
            waiting = list(self._waiting) if hopeless else []
            for other in waiting:
                self._waiting.remove(other)
                other.error = _all_stuck(self.limit)
        for other in waiting:
            _wake(other)

    def _hand_over(self, work: _Work) -> None:
        """Give it to the thread that has been idle for the shortest time, or to a new one.

        Raises:
            RuntimeError: the system has no thread left.
        """
        with self._lock:
            queue = self._idle.pop() if self._idle else None
        starts = queue is None
        if queue is None:
            queue = SimpleQueue()
        queue.put(work)
        if starts:  # through the queue, too: what a thread is started with, it holds to its end
            threading.Thread(target=self._live, args=(queue,), name=self._name, daemon=True).start()

    def _live(self, mine: _Queue) -> None:
        """Work for as long as there is something to do, and a while longer."""
        work: _Work | None = mine.get()
        while work is not None:
            stays = work(mine)
            work = None  # a thread that waits holds nothing
            if stays:
                work = self._next(mine)

    def _next(self, mine: _Queue) -> _Work | None:
        try:
            return mine.get(timeout=_IDLE_FOR)
        except Empty:
            with self._lock:
                if mine in self._idle:
                    self._idle.remove(mine)
                    return None
            return mine.get()  # it was chosen in this very moment

    def _stays(self, mine: _Queue) -> bool:
        """Take a thread for idle, unless enough are."""
        with self._lock:
            if stays := len(self._idle) < _MOST_IDLE:
                self._idle.append(mine)
            return stays

    def _work(
        self, mine: _Queue, call: _Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool:
        """Make the call, in a thread; tells whether the thread stays for another one."""
        try:
            call.result = function(*args, **kwargs)
        except StopIteration as error:  # a coroutine cannot raise it
            call.error = _wrapped(error)
        except Exception as error:  # noqa: BLE001 -- it is raised again where it is awaited
            call.error = error
        except BaseException as error:  # noqa: BLE001 -- SystemExit in a thread must not end the loop that awaits it
            call.error = _wrapped(error)
        stays = self._stays(mine)  # before anybody hears of the end: whoever calls next finds it
        self._leave(call)
        if call.stuck:  # nobody waits for it any more
            _close(call.result)
        _wake(call)
        _UNDER_WAY.discard(call)
        return stays

    def _leave(self, call: _Call) -> None:
        """Give the place to the next in line."""
        with self._lock:
            self._calls.discard(call)
            following = None
            while self._waiting and following is None:
                following = self._waiting.popleft()
                if following.loop.is_closed():
                    following = None
            if following:
                self._calls.add(following)
        if following:
            _wake(following)


class Keeper:
    """One thread for one caller: whatever has to stay in its thread (a connection, as many drivers want it) stays.

    One call at a time. A caller that gives up leaves the thread to its call; until that ends, nothing else is begun.
    The thread starts with the first call, is a daemon, and ends with ``stop``.
    """

    def __init__(self, name: str = "salus-keeper") -> None:
        """Start nothing yet; ``name`` is for those who read a stack dump."""
        self._name = name
        self._calls: SimpleQueue[tuple[_Call | None, Callable[[], Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy = False

    @property
    def busy(self) -> bool:
        """Tell whether a call runs, one that nobody waits for any more included."""
        return self._busy and (self._thread is None or self._thread.is_alive())

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Call the function in the thread.

        Raises:
            CheckBrokenError: the call before has not come back, or the system has no thread left.
            Exception: whatever the function raises.
        """
        if self._thread is not None and not self._thread.is_alive():  # it stayed behind in the parent of this process
            self._thread, self._busy, self._calls = None, False, SimpleQueue()
        if self._busy:
            raise CheckBrokenError("the call before has not come back yet", cause=Cause.NO_THREADS)
        if self._thread is None:
            thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise CheckBrokenError(f"cannot start a thread: {error}", cause=Cause.NO_THREADS) from error
            self._thread = thread
        call = _Call(asyncio.get_running_loop())
        self._busy = True
        self._calls.put((call, function))
        await call.future
        if call.error is not None:
            raise call.error
        result: _Result = call.result
        return result

    def stop(self, last: Callable[[], object] | None = None) -> None:
        """End the thread after its call, and after ``last``, which closes what was kept; does not wait."""
        if self._thread is not None:
            if last is not None:
                self._calls.put((None, last))
            self._calls.put(None)
            self._thread = None

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            call, function = item
            result: Any = None
            error: Exception | None = None
            try:
                result = function()
            except Exception as raised:  # noqa: BLE001 -- it is raised again where it is awaited
                error = raised
            except BaseException as raised:  # noqa: BLE001 -- as above
                error = _wrapped(raised)
            self._busy = False
            if call is not None:
                call.result, call.error = result, error
                _wake(call)
            del item, call, function, result, error  # a thread that waits holds nothing


def _after_fork() -> None:
    _UNDER_WAY.clear()
    for threads in list(_ALL):
        threads.forked()


os.register_at_fork(after_in_child=_after_fork)


def _close(result: object) -> None:
    """Let go of an answer that nobody takes: a coroutine complains if nobody ever awaits it."""
    if isinstance(result, CoroutineType):
        result.close()


def _wake(call: _Call) -> None:
    if call.loop.is_closed():
        return
    try:
        call.loop.call_soon_threadsafe(call.finished)
    except RuntimeError:  # closed in this very moment: nobody waits
        return


def _wrapped(error: BaseException) -> RuntimeError:
    wrapped = RuntimeError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def _all_stuck(limit: int) -> CheckBrokenError:
    return CheckBrokenError(
        f"{limit} threads are stuck",
        remedy="find out what their functions wait for, and give that a time-out",
        cause=Cause.NO_THREADS,
    )
