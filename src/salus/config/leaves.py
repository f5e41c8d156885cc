"""One value -> one typed value: text, numbers, truth values, units, paths; and the words for what is expected."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import msgspec

from salus.config.interpolation import Interpolated
from salus.config.scalars import OCTAL, plain_value
from salus.secret import Secret
from salus.units import Amount, Bound, Duration, Share, Size

LONGEST = 100 * 365 * 86400.0
"""Seconds: no duration is longer, so that every instant stays one that a calendar can hold."""

_SHELL = frozenset("|&;<>$`*?'\"\\")
_UNITS: tuple[type[Any], ...] = (Duration, Size, Share, Amount, Bound)
_NAMES: Mapping[Any, tuple[str, str]] = {
    str: ("text", "text"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "truth values"),
    Path: ("a path", "paths"),
    Secret: ("a secret", "secrets"),
    Duration: ("a duration", "durations"),
    Size: ("a size", "sizes"),
    Share: ("a share", "shares"),
    Amount: ("a share or a size", "shares or sizes"),
    Bound: ("a number, a share, a size or a duration", "numbers, shares, sizes or durations"),
    type(None): ("nothing", "nothing"),
}


class Refused(Exception):  # noqa: N818  a verdict between two functions of this room, never seen outside
    """A value is refused: what is wrong, and the remedy."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def convert(wanted: Any, raw: object, *, folder: Callable[[], Path], word: str = "") -> object:
    """Convert a value to a type that has no parts.

    Args:
        wanted: ``str``, ``int``, ``float``, ``bool``, ``Path``, ``Secret``, a unit, or what msgspec can convert.
        raw: the value.
        folder: tells where a relative path starts.
        word: the word as written, where YAML made a truth value of it.

    Raises:
        Refused: it does not fit.
    """
    if isinstance(wanted, type) and issubclass(wanted, _UNITS):
        return _unit(wanted, raw, word)
    if wanted in (int, float, bool):
        return _plain_number(wanted, raw, word)
    if wanted in (str, Path, Secret):
        if not isinstance(raw, str):
            got = "nothing" if raw is None else "another value" if wanted is Secret else description(raw, word)
            raise Refused(f"expected {singular(wanted)}, got {got}", quoting(raw, word, hide=wanted is Secret))
        return _text(wanted, str(raw), folder)
    try:
        return msgspec.convert(plain(raw), wanted)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise Refused(masked(f"{shown(raw)} cannot stand here: {error}", raw)) from None


def _unit(wanted: Any, raw: object, word: str) -> object:
    if not isinstance(raw, str | int | float) or isinstance(raw, bool):
        remedy = f"write it like {wanted.example}"
        raise Refused(f"expected {singular(wanted)}, got {description(raw, word)}", remedy)
    try:
        value = wanted.parse(raw)
    except OverflowError:
        raise Refused(f"{shown(raw)} is too large", f"write it like {wanted.example}") from None
    except ValueError as error:
        what, _, remedy = str(error).partition(": ")
        raise Refused(what, remedy) from None
    if not isfinite(value) or (wanted is Duration and value > LONGEST):
        raise Refused(f"{shown(raw)} is too large", f"write it like {wanted.example}")
    return value


def _plain_number(wanted: Any, raw: object, word: str) -> object:
    value = reread(raw) if isinstance(raw, Interpolated) else raw
    if wanted is float and type(value) is int and abs(value) < 10**300:
        return float(value)
    if type(value) is not wanted:
        remedy = "remove the quotes" if isinstance(raw, str) and type(plain_value(str(raw))) is wanted else ""
        raise Refused(f"expected {singular(wanted)}, got {description(raw, word)}", remedy)
    return value


def _text(wanted: Any, text: str, folder: Callable[[], Path]) -> object:
    if wanted is Secret:
        return Secret(text)
    if wanted is not Path:
        return text
    if not text or "\0" in text:
        raise Refused("a path cannot be empty or hold NUL", "write the path of a file or folder")
    try:
        return folder() / Path(text).expanduser()
    except RuntimeError:
        raise Refused(f"{text!r} begins with a home that is not known", "write the path in full") from None


def beyond(meta: msgspec.Meta, value: Any) -> str:
    """Say which bound of an annotation a value breaks, or an empty string."""
    length = len(value) if hasattr(value, "__len__") else 0
    rules = (
        (meta.ge is not None and value < meta.ge, f"must be at least {meta.ge}"),
        (meta.gt is not None and value <= meta.gt, f"must be more than {meta.gt}"),
        (meta.le is not None and value > meta.le, f"must be at most {meta.le}"),
        (meta.lt is not None and value >= meta.lt, f"must be less than {meta.lt}"),
        (meta.min_length is not None and length < meta.min_length, f"needs at least {meta.min_length} of them"),
        (meta.max_length is not None and length > meta.max_length, f"takes at most {meta.max_length} of them"),
        (meta.pattern is not None and not _matches(meta.pattern, value), f"must match {meta.pattern}"),
    )
    return next((what for broken, what in rules if broken), "")


def _matches(pattern: str, value: object) -> bool:
    import re

    return isinstance(value, str) and re.search(pattern, value) is not None


def plain(raw: object) -> object:
    """Return raw data without our own text type, all the way down."""
    if isinstance(raw, Mapping):
        return {str(key): plain(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [plain(value) for value in raw]
    if isinstance(raw, Interpolated):
        return str(reread(raw)) if not raw.plain else reread(raw)
    return raw


def reread(raw: object) -> object:
    """Read a text as if it stood without quotes, where that is fair: keys, and variables outside quotes."""
    if isinstance(raw, Interpolated) and not raw.plain:
        return str(raw)
    return plain_value(str(raw)) if isinstance(raw, str) else raw


def masked(text: str, raw: object) -> str:
    """Put the names of variables back for their values, in a text that others wrote about raw data."""
    if isinstance(raw, Interpolated):
        return text.replace(str(raw), raw.source) if len(raw) > 2 else text
    parts = raw.values() if isinstance(raw, Mapping) else raw if isinstance(raw, list | tuple) else ()
    for part in parts:
        text = masked(text, part)
    return text


def is_list(wanted: type) -> bool:
    """Tell whether a type holds a list."""
    return issubclass(wanted, Iterable) and not issubclass(wanted, str | bytes | Mapping | Enum)


def is_mapping(wanted: type) -> bool:
    """Tell whether a type holds a mapping."""
    return issubclass(wanted, Mapping)


def fits(wanted: Any, raw: object) -> bool:
    """Tell whether a value has the shape (mapping, list, text, number, truth value) that a type wants."""
    if get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if wanted in (Any, object) or isinstance(wanted, str | ForwardRef):
        return True
    if get_origin(wanted) is Literal:
        return any(
            type(choice) is type(raw) or (isinstance(raw, str) and isinstance(choice, str))
            for choice in get_args(wanted)
        )
    base = get_origin(wanted) or wanted
    if not isinstance(base, type):
        return True
    if issubclass(base, msgspec.Struct):
        return isinstance(raw, Mapping) or bool(getattr(base, "scalar", ""))
    if is_mapping(base):
        return isinstance(raw, Mapping)
    if is_list(base):
        return isinstance(raw, list | tuple)
    return _fits_leaf(base, reread(raw) if isinstance(raw, Interpolated) and base in (int, float, bool) else raw)


def _fits_leaf(base: type, raw: object) -> bool:
    if base in (str, Path, Secret) or issubclass(base, Enum):
        return isinstance(raw, str)
    if base is bool or isinstance(raw, bool):
        return base is bool and isinstance(raw, bool)
    if base is int:
        return isinstance(raw, int)
    if base is float:
        return isinstance(raw, int | float)
    if issubclass(base, _UNITS):
        return isinstance(raw, str | int | float)
    return not isinstance(raw, Mapping | list | tuple)


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def kind_of(raw: object) -> str:
    """Say what a value is."""
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    for kinds, name in ((str, "text"), (int | float, "a number"), (Mapping, "a mapping"), (list | tuple, "a list")):
        if isinstance(raw, kinds):
            return name
    return type(raw).__name__


def description(raw: object, word: str = "") -> str:
    """Say what a value is, with the value where it is short and no secret."""
    if word:
        return f"{word}, which YAML reads as {kind_of(raw)}"
    if isinstance(raw, str):
        return f"the text {shown(raw)}"
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return f"the number {shown(raw)}"
    return kind_of(raw)


def shown(raw: object) -> str:
    """Show a value, bounded; a text with variables as the file has it."""
    text = repr(raw)
    return text if len(text) <= 80 else f"{text[:77]}..."


def quoting(raw: object, word: str = "", *, hide: bool = False) -> str:
    """Teach quotes, where they are the remedy."""
    if hide:
        return "put the text in quotes" if raw is not None else ""
    if word or (isinstance(raw, int | float | bool)):
        text = word or (str(raw).lower() if isinstance(raw, bool) else str(raw))
        return f'quote it: "{text}"'
    return ""


def as_list(text: str, *, command: bool = False) -> str:
    """Write a text as the list that it may have meant: its words; of a command that a shell must read, the shell."""
    words = ["sh", "-c", text] if command and not _SHELL.isdisjoint(text) else text.split()
    return f"[{', '.join(map(_word, words))}]"


def _word(text: str) -> str:
    """Write a text as an element of a list in YAML: in quotes where it would not be that text without."""
    import re

    fair = re.fullmatch(r"[\w./+~=^-][\w./+~%=@^:-]*", text) and not text.endswith(":") and text != "-"
    if fair and plain_value(text) == text and not OCTAL.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$$", "$$$$").replace("${", "$${")
    return f'"{escaped}"'


def singular(wanted: Any) -> str:
    """Name what one value of a type is."""
    return _name(wanted, 0)


def plural(wanted: Any) -> str:
    """Name what several values of a type are."""
    return _name(wanted, 1)


def _name(wanted: Any, number: int) -> str:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _name(arguments[0], number)
    if origin in (Union, types.UnionType):
        return " or ".join(_name(one, number) for one in arguments if one is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    base = origin or wanted
    if base in _NAMES:
        return _NAMES[base][number]
    if isinstance(base, type):
        if is_mapping(base) or issubclass(base, msgspec.Struct):
            return ("a mapping", "mappings")[number]
        if is_list(base):
            return ("a list", "lists")[number] + f" of {_name(arguments[0], 1)}" if arguments else "a list"
        if issubclass(base, Enum):
            return "one of " + ", ".join(str(member.value) for member in base)
    return ("a value", "values")[number]


def example_of(wanted: Any) -> str:
    """Give an example of a value, where its type has one."""
    for one in (wanted, *get_args(wanted)):
        if isinstance(one, type) and issubclass(one, _UNITS):
            return str(getattr(one, "example", ""))
    return ""
