"""What the functions of an application are called, and whether they can be called at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial


def is_name(name: object) -> None:
    """See that a name is text; whether it may be one is seen with everything else.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(name, str):
        message = f"register({name!r:.80}, ...): the name of a check is text"
        raise TypeError(message)


def name_of(function: Callable[..., object], noun: str) -> str:
    """Return the name that a function has by itself.

    Raises:
        TypeError: it has none that a person would know again.
    """
    while isinstance(function, partial):
        function = function.func
    name: str = getattr(function, "__name__", None) or type(function).__name__
    if name == "<lambda>":
        message = f"a lambda has no name: give one, as in health.{noun}('name')(lambda: ...)"
        raise TypeError(message)
    return name


def needs_nothing(name: str, function: Callable[..., object]) -> None:
    """See that a function can be called without arguments, and gives one answer.

    Raises:
        TypeError: it cannot.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        message = f"{name!r}: a generator gives many answers, a check gives one: return it instead of yielding"
        raise TypeError(message)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built in, without a signature
        return
    try:
        signature.bind()
    except TypeError as error:
        said = f"{name!r}: a check is called without arguments, and {_shown(function)}{signature} needs some ({error})"
        message = f"{said}: give a bound method, or functools.partial with its arguments"
        raise TypeError(message) from None


def number(key: str, value: object) -> object:
    """Return a bound, which is a number.

    Raises:
        TypeError: it is none.
    """
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    message = f"{key} is {value!r:.80}: give a number"
    raise TypeError(message)


def _shown(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
