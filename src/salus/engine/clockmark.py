"""Remembers, beside what is kept on the wall clock, what the clock that cannot be set showed at that time.

So a Salus that starts again on the same boot of its machine knows how far the wall clock was set meanwhile, in either
direction, also in the instant in which the last one died.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from salus.engine.jumps import JUMP
from salus.engine.memos import memo, recall
from salus.errors import StoreUnreadableError
from salus.model import Json, Memo
from salus.ports import Clock

KEY = "clock:last"


class ClockMark(msgspec.Struct, frozen=True):
    """What both clocks showed when rows were written.

    Attributes:
        boot: id of the machine's boot.
        wall: the wall clock.
        boottime: seconds since that boot.
    """

    boot: str
    wall: datetime
    boottime: float


def mark(clock: Clock, boot: str) -> Memo:
    """Return the row that goes with others."""
    return memo(KEY, ClockMark(boot=boot, wall=clock.now(), boottime=clock.boottime()))


def set_since(memos: Mapping[str, Mapping[str, Json]], clock: Clock, boot: str) -> timedelta | None:
    """Return how far the wall clock was set since the rows were written; None where nothing tells.

    That is after a boot of the machine, and with a mark that is not there or not understood.
    """
    try:
        last = recall(memos, "clock", ClockMark).get("last")
    except StoreUnreadableError:
        return None
    if last is None or last.boot != boot or not boot:
        return None
    passed = timedelta(seconds=clock.boottime() - last.boottime)
    by = clock.now() - last.wall - passed
    return by if abs(by.total_seconds()) > JUMP else timedelta()
