"""Run blocking work beside the loop, so that a call that never returns costs one thread and nothing else.

The loop's own pool is not used: it is small, a few hung calls would fill it for everybody, and the interpreter waits
for its threads when it exits.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from salus.errors import ActionError

Result = TypeVar("Result")

_MOST = 16
_alive: set[threading.Thread] = set()


async def in_thread(name: str, work: Callable[[threading.Event], Result], *, grace: float = 1.0) -> Result:
    """Run ``work`` in a thread of its own and return what it returns.

    Args:
        name: of the thread, for people who look at a stack dump.
        work: is given an event that is set when it should stop early.
        grace: seconds in which cancelled work may still end by itself; then it is left behind.

    Raises:
        ActionError: too many earlier calls still hang.
    """
    _alive.intersection_update(thread for thread in list(_alive) if thread.is_alive())
    if len(_alive) >= _MOST:
        what = f"{_MOST} earlier calls still run in threads and do not end"
        raise ActionError(what, remedy="a thread cannot be killed: find what they wait for, or restart this process")
    stop = threading.Event()
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(_carry, work, stop, done), name=name, daemon=True
    )
    _alive.add(thread)
    thread.start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({done}, timeout=grace)
        raise


def _carry(work: Callable[[threading.Event], Result], stop: threading.Event, done: asyncio.Future[Result]) -> None:
    """Do the work in the thread and carry its end back to the loop."""
    try:
        result = work(stop)
    except BaseException as error:  # noqa: BLE001 -- a thread has nobody above it; the loop's side raises it again
        _hand_over(done, partial(done.set_exception, _raisable(error)))
    else:
        _hand_over(done, partial(done.set_result, result))
    finally:
        _alive.discard(threading.current_thread())


def _hand_over(done: asyncio.Future[Result], settle: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop has closed: nobody waits any more
        done.get_loop().call_soon_threadsafe(settle)


def _raisable(error: BaseException) -> Exception:
    """Return what may travel through a future: an exit asked for in a thread must not end the agent."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return ActionError(f"it ended with {error!r}")
