"""Handlers of an application that hear events: each in its own turn, bounded, and none in the way of healing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from salus.errors import CheckBrokenError, NotFoundError
from salus.home import Home
from salus.model import Event, EventKind
from salus.tasks import Nursery
from salus.threads import Threads

_log = logging.getLogger("salus.library")

MOST_WAITING = 1000
THREADS = 4
_LONGEST = 30.0


@dataclass(slots=True, eq=False)
class Handler:
    """One function that hears events of some kinds; of all where it names none."""

    function: Callable[[Event], object]
    kinds: frozenset[EventKind]
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    busy: bool = False
    lost: int = 0


class Hearing:
    """Hands events to handlers: in order for each, coroutine functions on the application's loop, others in threads."""

    def __init__(self, home: Home) -> None:
        """Begin without handlers."""
        self._home = home
        self._handlers: list[Handler] = []
        self._begin()

    def forked(self) -> None:
        """Forget what was under way, in a child made by a fork: its threads and its loop stayed behind."""
        self._begin()
        for handler in self._handlers:
            handler.waiting.clear()
            handler.busy, handler.lost = False, 0

    def _begin(self) -> None:
        self._threads = Threads(THREADS, "salus-handler")
        self._tasks = Nursery(lambda name, error: _log.error("%s failed", name, exc_info=error))

    def add(self, function: Callable[[Event], object], kinds: Iterable[str]) -> None:
        """Let a function hear events of these kinds from now on.

        Raises:
            NotFoundError: there is no such kind of event.
        """
        self._handlers.append(Handler(function, frozenset(_kind(one) for one in kinds)))

    def hear(self, event: Event) -> None:
        """Take an event, on Salus' own loop; returns at once."""
        for handler in self._handlers:
            if handler.kinds and event.kind not in handler.kinds:
                continue
            handler.lost += len(handler.waiting) == MOST_WAITING  # the oldest goes
            handler.waiting.append(event)
            if not handler.busy:
                handler.busy = True
                self._tasks.start(f"the handler {_name(handler.function)}", self._serve(handler))

    async def stop(self) -> None:
        """Give what still waits a moment, then end."""
        await self._tasks.stop(2.0)

    async def _serve(self, handler: Handler) -> None:
        try:
            while handler.waiting:
                event = handler.waiting.popleft()
                try:
                    async with asyncio.timeout(_LONGEST):
                        await self._call(handler.function, event)
                except TimeoutError:
                    _log.error("the handler %s took over %g s of %s", _name(handler.function), _LONGEST, event.kind)
                except CheckBrokenError as error:  # no thread is left, or the application's loop has ended
                    _log.error("the handler %s did not hear of %s: %s", _name(handler.function), event.kind, error)
                except Exception:  # noqa: BLE001 - whatever it raises, the others still hear
                    _log.exception("the handler %s failed on %s", _name(handler.function), event.kind)
            if handler.lost:
                _log.error("the handler %s was too slow for %d events", _name(handler.function), handler.lost)
                handler.lost = 0
        finally:
            handler.busy = False

    async def _call(self, function: Callable[[Event], Any], event: Event) -> None:
        if inspect.iscoroutinefunction(function):
            await self._home.run(partial(function, event))
            return
        answer = await self._threads.run(function, event)
        if inspect.isawaitable(answer):
            await self._home.run(partial(_awaited, answer))


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


def _kind(name: str) -> EventKind:
    try:
        return EventKind(name)
    except ValueError:
        from salus.config import did_you_mean

        known = [kind.value for kind in EventKind]
        remedy = did_you_mean(name, known) or f"known are {', '.join(known)}"
        raise NotFoundError(f"there is no event {name!r}", remedy=remedy) from None


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
