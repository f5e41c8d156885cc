"""Anything, cut down to JSON of a bounded size, with its beginning and its end kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import overload

from salus.model import Json

_DEPTH = 12
_SMALLEST = 64
_MARK = "…"


@overload
def bounded(value: Mapping[str, object], limit: int = 16384) -> dict[str, Json]: ...
@overload
def bounded(value: object, limit: int = 16384) -> Json: ...
def bounded(value: object, limit: int = 16384) -> Json:
    """Cut a value down so that its JSON is at most ``limit`` characters long.

    1. The value becomes plain JSON: tuples and sets become lists, keys text, bytes text, what else there is its repr;
       nesting ends at a depth of 12, and a container inside itself is named, not followed.
    2. What fits is returned unchanged.
    3. Otherwise the members of a container share the room evenly, and what the small ones leave goes to the big ones.
       Where an even share would be under 64 characters, members in the middle are left out, and their number is said.
    4. A text that is too long keeps its beginning and its end.

    Args:
        value: anything.
        limit: characters of ``json.dumps(result)``, at least 64. (UTF-8 without blanks is never longer.)

    Raises:
        ValueError: the limit is under 64.
    """
    if limit < _SMALLEST:
        message = f"a limit of {limit} characters leaves no room to say anything: give at least {_SMALLEST}"
        raise ValueError(message)
    return _fit(_Plain(limit).plain(value), limit)


# ── 1. Plain ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Plain:
    """Makes plain JSON of anything, without visiting much more than could ever be kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._visits = 4 * limit
        self._inside: set[int] = set()

    def plain(self, value: object, depth: int = 0) -> Json:
        self._visits -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._clean(str(value))
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self._clean(bytes(value[: 2 * self._limit]).decode(errors="replace"))
        if isinstance(value, Mapping | Sequence | AbstractSet):
            return self._container(value, depth)
        return self._clean(_repr(value))

    def _container(self, value: Mapping[object, object] | Iterable[object], depth: int) -> Json:
        if id(value) in self._inside:
            return "(inside itself)"
        if depth >= _DEPTH or self._visits <= 0:
            return _MARK
        self._inside.add(id(value))
        try:
            if isinstance(value, Mapping):
                pairs = _ends(list(value.items()), self._limit)
                return {self._key(key): self.plain(member, depth + 1) for key, member in pairs}
            return [self.plain(member, depth + 1) for member in _ends(list(value), self._limit)]
        finally:
            self._inside.discard(id(value))

    def _key(self, key: object) -> str:
        return self._clean(key if isinstance(key, str) else _repr(key))

    def _clean(self, text: str) -> str:
        """Make text that any encoder takes, and no longer than is needed to cut it well."""
        if len(text) > 4 * self._limit:
            left_out = len(text) - 2 * self._limit
            text = f"{text[: self._limit]}{_left_out(left_out, 'characters')}{text[-self._limit :]}"
        return text.encode(errors="backslashreplace").decode()


def _number(value: float) -> Json:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return int(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 -- evidence must never be lost to a broken __repr__ of somebody else's
        return f"<{type(value).__name__}>"


def _ends(members: list[object] | list[tuple[object, object]], limit: int) -> list:  # type: ignore[type-arg]
    """Return all members, or as many of both ends as could be looked at."""
    return members if len(members) <= 2 * limit else [*members[:limit], *members[-limit:]]


# ── 2 to 4. Fit ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _cost(value: Json) -> int:
    return len(json.dumps(value))


def _fit(value: Json, room: int) -> Json:
    if _cost(value) <= room:
        return value
    if isinstance(value, str):
        return _fit_text(value, room)
    if isinstance(value, list):
        kept = _fit_members([(0, member) for member in value], room - 2)
        members = [member for _, member in kept.head]
        tail = [member for _, member in kept.tail]
        return [*members, *([kept.mark] if kept.mark else []), *tail]
    if isinstance(value, dict):
        return _fit_mapping(value, room)
    return _MARK
