"""Every recovery is one trace, whose ids follow from the recovery's own id: whoever knows the one finds the other.

A recovery's id is 16 hexadecimal digits. Its trace has these digits twice as its id, and its root span has them once,
so that a log line, an alert and a trace lead to each other without anybody having kept a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b

_PLAIN = re.compile(r"(?!0{16})[0-9a-f]{16}")


def trace_id(recovery: str) -> str:
    """Return the id of a recovery's trace: 32 hexadecimal digits, never all zero."""
    return recovery * 2 if _PLAIN.fullmatch(recovery) else _hashed(recovery, 16)


def span_id(recovery: str, place: int = 0) -> str:
    """Return the id of a span of a recovery: 16 hexadecimal digits, never all zero.

    Args:
        recovery: its id.
        place: 0 for the root; the others count from 1.
    """
    if not place and _PLAIN.fullmatch(recovery):
        return recovery
    return _hashed(f"{recovery}/{place}", 8)


@contextmanager
def within(recovery: str) -> Iterator[None]:
    """Let everything that is done here, also in tasks and threads that it starts, belong to a recovery until it ends.

    What it starts and leaves running, such as the reader of a service's output, belongs to nothing after that.
    """
    mark = _Mark(recovery)
    token = _mark.set(mark)
    try:
        yield
    finally:
        mark.recovery = ""
        _mark.reset(token)


def under_way() -> str:
    """Return the id of the recovery that the running code belongs to, or an empty string."""
    mark = _mark.get()
    return mark.recovery if mark is not None else ""


class _Mark:
    """Which recovery; empty once it has ended, wherever a copy of the context still leads here."""

    __slots__ = ("recovery",)

    def __init__(self, recovery: str) -> None:
        self.recovery = recovery


_mark: ContextVar[_Mark | None] = ContextVar("salus_recovery", default=None)


def _hashed(text: str, size: int) -> str:
    digest = blake2b(text.encode(errors="replace"), digest_size=size).hexdigest()
    return digest if digest.strip("0") else "1".rjust(2 * size, "0")
