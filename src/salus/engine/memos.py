"""Small things that outlive Salus, as rows of key and value, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from salus.errors import StoreUnreadableError
from salus.model import Json, Memo

T = TypeVar("T")


def memo(key: str, noun: object | None) -> Memo:
    """Return the row that remembers a noun, or forgets it (None)."""
    if noun is None:
        return Memo(key=key, value=None)
    value: dict[str, Json] = msgspec.to_builtins(noun)
    return Memo(key=key, value=value)


def recall(memos: Mapping[str, Mapping[str, Json]], room: str, noun: type[T]) -> dict[str, T]:
    """Return what ``room:<name>`` remembers, by name.

    Raises:
        StoreUnreadableError: a row is there and is not such a noun: an unreadable budget is a spent budget.
    """
    found: dict[str, T] = {}
    for key, value in sorted(memos.items()):
        prefix, _, name = key.partition(":")
        if prefix != room:
            continue
        try:
            found[name] = msgspec.convert(value, noun, strict=False)
        except msgspec.ValidationError as error:
            raise StoreUnreadableError(
                f"the ledger remembers {key!r} in words that are not understood: {error}"
            ) from error
    return found


def later(instant: datetime | None, now: datetime) -> float | None:
    """Return seconds from now until an instant, never negative; None for None."""
    return None if instant is None else max(0.0, (instant - now).total_seconds())
