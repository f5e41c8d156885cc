"""Anything, cut down to JSON of a bounded size, with its beginning and its end kept."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar, overload

from salus.model import Json

_DEPTH = 12
_SMALLEST = 64
_MARK = "…"

_Member = TypeVar("_Member")


@overload
def bounded(value: Mapping[str, object], limit: int = 16384) -> dict[str, Json]: ...
@overload
def bounded(value: object, limit: int = 16384) -> Json: ...
def bounded(value: object, limit: int = 16384) -> Json:
    """Cut a value down so that its JSON is at most ``limit`` characters long.

    1. The value becomes plain JSON: tuples and sets become lists, keys text, bytes text, anything else its text;
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
        if isinstance(value, bytes | bytearray):
            return self._clean(value.decode(errors="replace"))
        if isinstance(value, Mapping | Sequence | AbstractSet):
            return self._container(value, depth)
        return self._clean(_text_of(value))

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
        return self._clean(key if isinstance(key, str) else _text_of(key))

    def _clean(self, text: str) -> str:
        """Make text that any encoder takes, and no longer than is needed to cut it well."""
        if len(text) > 4 * self._limit:
            left_out = len(text) - 2 * self._limit
            text = f"{text[: self._limit]}{_left_out(left_out, 'characters')}{text[-self._limit :]}"
        return text.encode(errors="backslashreplace").decode()


def _number(value: float) -> Json:
    if isinstance(value, int):
        return int(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"
    return float(value) if math.isfinite(value) else str(float(value))


def _text_of(value: object) -> str:
    try:
        return repr(value) if isinstance(value, BaseException) else str(value)
    except Exception:  # noqa: BLE001 -- evidence must never be lost to somebody else's broken __str__
        return f"<{type(value).__name__}>"


def _ends(members: list[_Member], limit: int) -> list[_Member]:
    """Return all members, or as many of both ends as could ever be kept."""
    return members if len(members) <= 2 * limit else [*members[:limit], *members[-limit:]]


def _left_out(count: int, what: str) -> str:
    return f"{_MARK} {count} {what} left out {_MARK}"


# ── 2 to 4. Fit: ``room`` is always at least 64, or else the value fits as it is ──────────────────────────────────────


def _cost(value: Json) -> int:
    return len(json.dumps(value))


def _fit(value: Json, room: int) -> Json:
    if _cost(value) <= room:
        return value
    if isinstance(value, str):
        return _fit_text(value, room)
    if isinstance(value, list):
        return _fit_list(value, room)
    if isinstance(value, dict):
        return _fit_mapping(value, room)
    return _MARK


def _fit_text(text: str, room: int) -> str:
    # The mark is reckoned with the longest number it could say.
    half = (room - 2 - _cost(_left_out(len(text), "characters"))) // 2
    first = bisect_right(range(half + 1), half, key=lambda count: _cost(text[:count]) - 2) - 1
    last = bisect_right(range(half + 1), half, key=lambda count: _cost(text[len(text) - count :]) - 2) - 1
    mark = _left_out(len(text) - first - last, "characters")
    return f"{text[:first]}{mark}{text[len(text) - last :]}"


def _fit_list(members: list[Json], room: int) -> list[Json]:
    costs = [_cost(member) for member in members]
    first, last, share = _divide(costs, [2] * len(members), room - 2)
    fitted = [_fit(member, share) for member in (*members[:first], *members[len(members) - last :])]
    left_out = len(members) - first - last
    return [*fitted[:first], _left_out(left_out, "members"), *fitted[first:]] if left_out else fitted


def _fit_mapping(members: dict[str, Json], room: int) -> dict[str, Json]:
    pairs = [(key if _cost(key) <= _SMALLEST else _fit_text(key, _SMALLEST), member) for key, member in members.items()]
    costs = [_cost(member) for _, member in pairs]
    first, last, share = _divide(costs, [_cost(key) + 4 for key, _ in pairs], room - 2)
    fitted = [(key, _fit(member, share)) for key, member in (*pairs[:first], *pairs[len(pairs) - last :])]
    left_out = len(pairs) - first - last
    mark = [(_MARK, f"{left_out} members left out")] if left_out else []
    return dict([*fitted[:first], *mark, *fitted[first:]])


def _divide(costs: list[int], overheads: list[int], room: int) -> tuple[int, int, int]:
    """Decide how many members of both ends are kept, and the most that one of them may cost."""
    share = _even_share(costs, room - sum(overheads))
    if share >= _SMALLEST:
        return len(costs), 0, share
    room -= _SMALLEST // 2 + 8  # for the mark
    needs = [overhead + min(cost, _SMALLEST) for overhead, cost in zip(overheads, costs, strict=True)]
    first = last = spent = 0
    while first + last < len(needs):
        need = needs[first] if first <= last else needs[-1 - last]
        if spent + need > room:
            break
        spent += need
        if first <= last:
            first += 1
        else:
            last += 1
    kept = [*range(first), *range(len(costs) - last, len(costs))]
    share = _even_share([costs[index] for index in kept], room - sum(overheads[index] for index in kept))
    return first, last, max(share, _SMALLEST)


def _even_share(costs: list[int], room: int) -> int:
    """Return the most that one member may cost so that all together stay within the room (0: not even nothing does)."""
    for taken, cost in enumerate(sorted(costs)):
        share = room // (len(costs) - taken)
        if cost > share:
            return max(share, 0)
        room -= cost
    return max(costs, default=0) + _SMALLEST
