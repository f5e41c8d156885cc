"""One object of an application: what it has, and how it is asked without hurting anybody."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from typing import cast

from salus.checks.function import THREADS
from salus.errors import CheckBrokenError
from salus.ports import Look
from salus.units import format_duration

_ABSENT = object()
_FIELDS = (property, cached_property)


class TroubleError(Exception):
    """The part itself is at fault: its message is the verdict of the look."""


class Part:
    """An object that is watched and healed.

    A member may be a plain method (called in a thread, for it may block), a coroutine method (awaited on the loop of
    the application), a property or an attribute. A call that does not come back keeps its thread; until it ends no
    second one is made, unless the part was restarted or reset in the meantime.
    """

    def __init__(self, name: str, obj: object) -> None:
        """Take the object; nothing is called yet."""
        self.name = name
        self.obj = obj
        self._calls: set[_Call] = set()

    def has(self, member: str) -> bool:
        """Tell whether the object has that member, without asking it for a value."""
        return has(self.obj, member)

    def can(self, member: str) -> bool:
        """Tell whether the object has that method: one that is set to None it has not."""
        if not self.has(member):
            return False
        return isinstance(inspect.getattr_static(self.obj, member, None), _FIELDS) or self.method(member) is not None

    def capable(self, members: Iterable[str]) -> list[str]:
        """Return those methods that the object has, in their order."""
        return [member for member in members if self.can(member)]

    def renewed(self) -> None:
        """Forget calls that hang: they belong to what was there before."""
        self._calls.clear()

    async def ask(self, look: Look, members: Iterable[str]) -> dict[str, object]:
        """Return what these members say: plain ones are asked in one thread, the others then on the application's loop.

        Raises:
            TroubleError: one of them raised, or an earlier call has not come back.
            CheckBrokenError: one of them said so itself, or there is no thread for the call.
        """
        if self._calls:
            oldest = min(self._calls, key=lambda call: call.since)
            since = format_duration(max(0.0, (look.at - oldest.since).total_seconds()))
            raise TroubleError(f"{oldest.what} was called {since} ago and has not come back yet")
        names = list(members)
        plain = [name for name in names if not self._is_async(name)]
        later = {
            name: cast("Callable[[], Awaitable[object]]", self.method(name)) for name in names if name not in plain
        }
        answers = await THREADS.run(partial(self._plain, plain, look.at)) if plain else {}
        for name, answer in answers.items():
            if inspect.isawaitable(answer):
                later[name] = partial(_itself, answer)
        if later:
            answers |= await look.site.home.run(partial(self._async, later, look.at))
        return {name: answers[name] for name in names}

    def method(self, member: str) -> Callable[[], object]:
        """Return a method that can be called without arguments."""
        return cast("Callable[[], object]", getattr(self.obj, member))

    def _is_async(self, member: str) -> bool:
        if isinstance(inspect.getattr_static(self.obj, member, None), _FIELDS):
            return False
        return inspect.iscoroutinefunction(getattr(self.obj, member))

    def _plain(self, members: Iterable[str], at: datetime) -> dict[str, object]:
        """Ask plain members. Runs in a thread, where a property may block as well as a method."""
        answers: dict[str, object] = {}
        for member in members:
            with self._call(member, at):
                found = getattr(self.obj, member)
                answers[member] = found() if callable(found) else found
        return answers

    async def _async(self, methods: dict[str, Callable[[], Awaitable[object]]], at: datetime) -> dict[str, object]:
        answers: dict[str, object] = {}
        for member, method in methods.items():
            with self._call(member, at):
                answers[member] = await method()
        return answers

    @contextmanager
    def _call(self, member: str, at: datetime) -> Iterator[None]:
        """Note that a call runs for as long as it does, and name the member when it raises."""
        call = _Call(f"{member}()", at)
        self._calls.add(call)
        try:
            yield
        except (CheckBrokenError, TroubleError):
            raise
        except Exception as error:
            raise TroubleError(f"{member}() raised {told(error)}") from error
        finally:
            self._calls.discard(call)


class _Call:
    """A call under way; each is itself alone."""

    __slots__ = ("since", "what")

    def __init__(self, what: str, since: datetime) -> None:
        self.what = what
        self.since = since


async def _itself(answer: Awaitable[object]) -> object:
    return await answer


def has(obj: object, member: str) -> bool:
    """Tell whether an object has a member. Properties are not evaluated; what stands in for another object is asked."""
    if inspect.getattr_static(obj, member, _ABSENT) is not _ABSENT:
        return True
    return hasattr(type(obj), "__getattr__") and hasattr(obj, member)


def told(error: BaseException) -> str:
    """Return an error's type and message."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
