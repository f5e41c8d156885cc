"""A wall clock that was set is noticed before anything is decided by it.

What must survive a death of Salus (cooldowns, budgets, windows) is kept on the wall clock, the only one that lasts. So
every instant that a decision is made at is read here: when the wall clock has moved against the clock that cannot be
set, all that is remembered is moved along first, and every wait lasts as long as it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from salus.engine.units import CheckUnit
from salus.ports import Clock

JUMP = 2.0


class Jumps:
    """The wall clock, with a call for every jump of it. Slow corrections, as time servers make them, are no jumps."""

    def __init__(self, clock: Clock, jumped: Callable[[timedelta], None]) -> None:
        """Read ``clock``; call ``jumped`` with how far it was set forward (or back), before ``now`` returns."""
        self._clock = clock
        self._jumped = jumped
        self._ahead = self._distance(clock.now())

    def now(self) -> datetime:
        """Return the wall clock."""
        now = self._clock.now()
        ahead = self._distance(now)
        by, self._ahead = ahead - self._ahead, ahead
        if abs(by) > JUMP:
            self._jumped(timedelta(seconds=by))
        return now

    def _distance(self, now: datetime) -> float:
        """Return how far the wall clock is ahead of the one that cannot be set and counts suspended time."""
        return now.timestamp() - self._clock.boottime()


def set_back_meanwhile(units: Iterable[CheckUnit], now: datetime) -> timedelta | None:
    """Return how far, at least, the wall clock was set back while no Salus ran; None when nothing tells of that.

    What is remembered lies in the past. What lies in the future was written by a clock that was ahead of this one, and
    a cooldown counted from there would last as much longer.
    """
    newest = max((instant for unit in units for instant in _remembered(unit)), default=now)
    ahead = newest - now
    return ahead if ahead.total_seconds() > JUMP else None


def _remembered(unit: CheckUnit) -> Iterator[datetime]:
    yield from (instant for instant in (unit.state.since, unit.state.last and unit.state.last.at) if instant)
    for rule in unit.rules:
        memory = rule.memory
        past = (memory.last_started, memory.last_finished, memory.exhausted_since, memory.healthy_since)
        yield from (instant for instant in (*past, *memory.recoveries) if instant)
