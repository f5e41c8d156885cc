"""The forms that Python functions take, each guarded as a whole: plain, coroutine, and both kinds of generator."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Protocol, TypeAlias

from salus.errors import CallRefusedError

Fallback: TypeAlias = Callable[..., Any]


class Door(Protocol):
    """The way in and out of a guard; ``Guard`` says what each of them means."""

    def enter(self) -> Any:
        """Let a call through, or raise."""
        ...

    async def enter_soon(self) -> Any:
        """Likewise, in a coroutine."""
        ...

    def leave(self, ticket: Any, error: BaseException | None, *, timed: bool = True) -> None:
        """Hear that it ended."""
        ...

    def undo(self, ticket: Any) -> None:
        """Take it back."""
        ...

    def answered(self, ticket: Any, answer: object) -> None:
        """Hear what it returned."""
        ...


Form: TypeAlias = Callable[[Door, Callable[..., Any], Fallback | None], Callable[..., Any]]


def form_of(function: Callable[..., Any]) -> Form:
    """Return what guards a function of this kind."""
    for fits, form in _FORMS:
        if fits(function) or (not inspect.isroutine(function) and fits(getattr(function, "__call__", None))):  # noqa: B004
            return form
    return _plain


def _plain(guard: Door, function: Callable[..., Any], fallback: Fallback | None) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            ticket = guard.enter()
        except CallRefusedError:
            if fallback is None:
                raise
            return fallback(*args, **kwargs)
        try:
            answer = function(*args, **kwargs)
        except BaseException as error:
            guard.leave(ticket, error)
            raise
        if inspect.iscoroutine(answer):
            # A plain function that hands out a coroutine: the call is what happens while that is awaited.
            guard.undo(ticket)
            return _handed_out(guard, answer, fallback and partial(fallback, *args, **kwargs))
        guard.answered(ticket, answer)
        return answer

    return guarded


async def _handed_out(guard: Door, work: Coroutine[Any, Any, Any], fallback: Fallback | None) -> Any:
    try:
        return await _coroutine(guard, lambda: work, fallback)()
    finally:
        work.close()  # one that was refused has not begun, and nobody else knows of it


def _coroutine(guard: Door, function: Callable[..., Awaitable[Any]], fallback: Fallback | None) -> Callable[..., Any]:
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            ticket = await guard.enter_soon()
        except CallRefusedError:
            if fallback is None:
                raise
            answer = fallback(*args, **kwargs)
            return await answer if inspect.isawaitable(answer) else answer
        try:
            answer = await function(*args, **kwargs)
        except BaseException as error:
            guard.leave(ticket, error)
            raise
        guard.answered(ticket, answer)
        return answer

    return guarded


def _generator(
    guard: Door, function: Callable[..., Generator[Any, Any, Any]], fallback: Fallback | None
) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        try:
            ticket = guard.enter()
        except CallRefusedError:
            if fallback is None:
                raise
            return (yield from fallback(*args, **kwargs))
        try:
            answer = yield from function(*args, **kwargs)
        except BaseException as error:
            guard.leave(ticket, error, timed=False)
            raise
        guard.leave(ticket, None, timed=False)
        return answer

    return guarded


def _async_generator(
    guard: Door, function: Callable[..., AsyncGenerator[Any, Any]], fallback: Fallback | None
) -> Callable[..., Any]:
    async def guarded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        ticket, chosen = await _choose(guard, function, fallback)
        # What ``yield from`` does for generators, spelled out: whatever is sent or thrown in reaches the function.
        inner = chosen(*args, **kwargs)
        step = anext(inner)
        try:
            while True:
                item = await step
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 -- it belongs to the function
                    step = inner.athrow(error)
                else:
                    step = inner.asend(sent)
        except StopAsyncIteration:
            if ticket is not None:
                guard.leave(ticket, None, timed=False)
        except BaseException as error:
            if ticket is not None:
                guard.leave(ticket, error, timed=False)
            raise

    return guarded


async def _choose(guard: Door, function: Fallback, fallback: Fallback | None) -> tuple[Any, Fallback]:
    """Return a ticket and the function, or none and the fallback."""
    try:
        return await guard.enter_soon(), function
    except CallRefusedError:
        if fallback is None:
            raise
        return None, fallback


_FORMS: tuple[tuple[Callable[[Any], bool], Form], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
)
