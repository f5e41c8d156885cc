"""What every guard around calls has in common: one way in, one way out, and all the forms that Python calls take."""

from __future__ import annotations

import asyncio
import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from salus.guards._forms import Fallback, form_of
from salus.model import Observation
from salus.ports import Check, Look

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Ticket = TypeVar("Ticket")


class Guard(ABC, Generic[Ticket]):
    """Something that lets calls through, or refuses them, and hears how they end.

    A guard decorates functions of every kind (``@guard`` or ``@guard(fallback=...)``), guards a block (``with guard:``,
    ``async with guard:``) and makes single calls (``guard.call(function, ...)``). One guard serves any number of
    threads and event loops at once.
    """

    def __init__(self, name: str, fallback: Fallback | None) -> None:
        """Take the name that errors, checks and logs call it by."""
        self.name = name
        self._fallback = fallback
        self._blocks_lock = threading.Lock()
        self._blocks: dict[object, list[Ticket]] = {}

    # ── What a kind of guard says ─────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def enter(self) -> Ticket:
        """Let a call through, or raise ``CallRefusedError``. May wait, where no event loop runs in this thread."""

    async def enter_soon(self) -> Ticket:
        """Likewise, in a coroutine."""
        return self.enter()

    @abstractmethod
    def leave(self, ticket: Ticket, error: BaseException | None, *, timed: bool = True) -> None:
        """Hear that a call has ended. Called once per ticket, whatever happens."""

    @abstractmethod
    def undo(self, ticket: Ticket) -> None:
        """Take a call back that has not begun after all. Called instead of ``leave``."""

    def answered(self, ticket: Ticket, answer: object) -> None:
        """Hear what a call returned."""
        self.leave(ticket, None)

    # ── It is a check ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    @abstractmethod
    def check(self) -> Check:
        """Return the check that says how this is."""

    async def look(self, look: Look) -> Observation:
        """Say how this is: a guard can be registered like a check."""
        return await self.check.look(look)

    async def aclose(self) -> None:
        """Nothing is kept."""

    # ── Blocks ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        """Let the block through.

        Raises:
            CallRefusedError: it must not begin.
        """
        self._opened(self.enter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(self._closed(), error)

    async def __aenter__(self) -> Self:
        """Let the block through.

        Raises:
            CallRefusedError: it must not begin.
        """
        self._opened(await self.enter_soon())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(self._closed(), error)

    def _opened(self, ticket: Ticket) -> None:
        with self._blocks_lock:
            self._blocks.setdefault(_whose(), []).append(ticket)

    def _closed(self) -> Ticket:
        """Return the ticket of the innermost block of this task or thread.

        A block may end elsewhere than it began (a generator that another task closes). Then any ticket will do: what
        matters is that as many are given back as were taken.
        """
        with self._blocks_lock:
            whose = _whose()
            if whose not in self._blocks:
                whose = next(iter(self._blocks))
            tickets = self._blocks[whose]
            ticket = tickets.pop()
            if not tickets:
                del self._blocks[whose]
            return ticket

    # ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(
        self, function: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call a function through the guard. What a coroutine function returns is to be awaited, as ever.

        Raises:
            CallRefusedError: it must not begin, and there is no fallback.
            Exception: whatever the function raises.
        """
        return self._wrap(function, self._fallback)(*args, **kwargs)

    @overload
    def __call__(self, function: Callable[Parameters, Result], /) -> Callable[Parameters, Result]: ...
    @overload
    def __call__(
        self, function: None = None, /, *, fallback: Fallback | None = None
    ) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]: ...
    def __call__(self, function: Callable[..., Any] | None = None, /, *, fallback: Fallback | None = None) -> Any:
        """Decorate a function: plain, coroutine, generator or asynchronous generator.

        Args:
            function: what is to be guarded.
            fallback: called with the same arguments when a call is refused; of the same kind as the function. (A call
                that was let through and failed raises what it raises.)
        """
        chosen = fallback or self._fallback
        if function is None:
            return functools.partial(self._wrap, fallback=chosen)
        return self._wrap(function, chosen)

    def _wrap(self, function: Callable[Parameters, Result], fallback: Fallback | None) -> Callable[Parameters, Result]:
        if isinstance(function, classmethod | staticmethod):
            message = f"write @{type(function).__name__} above the guard {self.name!r}, not below it"
            raise TypeError(message)
        return functools.update_wrapper(form_of(function)(self, function, fallback), function)


def _whose() -> object:
    """Tell who runs here: a task of a loop, or a thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return id(task) if task is not None else -threading.get_ident()
