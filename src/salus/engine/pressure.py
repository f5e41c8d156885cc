"""Holds verdicts by time-out while they prove nothing, says so, and does not do it for ever.

A held time-out is ``unknown`` with the cause ``overloaded``, which heals nothing. Two bounds, both ``overload_hold``:

1. An overload that lasts that long without a break is how this host is now: time-outs count again until it is over.
2. A check whose time-outs are held that long, with no answer in time between them, is believed: what burns the host may
   be the very service that is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from salus.engine.gauge import Gauge, Strain
from salus.model import EventKind, Limits, Status
from salus.ports import Clock, Look, Tell
from salus.units import format_duration

LOOK_EVERY = 1.0
QUIET = 5.0
# A check that never answered: what it usually takes is taken for this share of what it may take.
_USUAL = 0.1
# What is looked at may be slowed down more than Salus, which sleeps most of the time: requests that come faster than
# they are answered wait for one another. Measured: where five checks look at each of ten services and an answer needs
# 41 ms of a CPU, they time out at 1 s while Salus finds everything 26 times slower: one answer alone would just fit in.
_QUEUES = 3.0
_ANSWERED = frozenset({Status.HEALTHY, Status.DEGRADED})


class Pressure:
    """Decides for every time-out whether it counts."""

    def __init__(self, clock: Clock, tell: Tell, limits: Callable[[], Limits]) -> None:
        """Measure nothing but lag before there is a ``sensor``; say what happens through ``tell``."""
        self.gauge = Gauge()
        self._clock = clock
        self._tell = tell
        self._limits = limits
        self._words = ""
        self._began: float | None = None
        self._strained = 0.0
        self._given_up = False
        self._slow = False
        self._held: dict[str, float] = {}
        self._usual: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def holding(self) -> bool:
        """Tell whether a time-out of any check has been held since that check last answered."""
        return bool(self._held)

    def now(self) -> str:
        """Return why time-outs prove nothing now; empty when they do, as far as is known: nobody looks unasked."""
        return self._words

    def late(self, seconds: float) -> None:
        """Hear that a timer of the loop fired that late."""
        if seconds >= self._limits().overload_lag:
            self.gauge.late(self._clock.monotonic(), seconds)

    def excuse(self, look: Look) -> str:
        """Return why a look that just ran out of time proves nothing; empty when it does prove something."""
        now, name = self._clock.monotonic(), look.spec.name
        given = look.elapsed
        strain = self.gauge.strain(now, look.started, self._limits())
        words = strain.words if self._excused(strain, look, given) else ""
        if words:
            self._begin(now, strain)
            self._slow = self._slow or strain.slowdown > 1
        elif self._slow and name in self._held:
            words = strain.words or "this host was overloaded until a moment ago"
        if not words or self._given_up or now - self._held.setdefault(name, now) >= self._limits().overload_hold:
            return ""
        return words

    def answered(self, name: str) -> None:
        """Hear that a look ended in another way."""
        self._held.pop(name, None)

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _excused(self, strain: Strain, look: Look, given: float) -> bool:
        """Tell whether this strain could make what the look usually takes as long as it was given, queues and all."""
        if not strain.words:
            return False
        previous, name = look.previous, look.spec.name
        if previous and previous.status in _ANSWERED:
            self._usual[name] = previous.duration
        usual = self._usual.get(name, given * _USUAL)
        return bool(strain.lag) or usual * strain.slowdown * _QUEUES >= given

    def _begin(self, now: float, strain: Strain) -> None:
        if self._began is not None:
            return
        self._began, self._strained, self._words = now, now, strain.words
        longest = format_duration(self._limits().overload_hold)
        said = f"{strain.words}: a time-out proves nothing now and is held, for {longest} at most"
        self._tell(EventKind.OVERLOAD_STARTED, message=said)
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch)

    def _watch(self) -> None:
        """See whether it is over, once a second while it is not."""
        now = self._clock.monotonic()
        strain = self.gauge.strain(now, now - LOOK_EVERY, self._limits())
        self.gauge.sample(now)
        if strain.words:
            self._strained = now
        if self._began is None or now - self._strained >= QUIET:
            self._end("the overload is over")
            return
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch)
        if self._given_up:
            return
        if now - self._began >= (longest := self._limits().overload_hold):
            self._tell_end(f"the overload goes on after {format_duration(longest)}: it is no excuse any more")
            self._given_up, self._words = True, ""
        else:
            self._words = strain.words or self._words

    def _end(self, why: str) -> None:
        if not self._given_up:
            self._tell_end(why)
        self._began, self._given_up, self._slow, self._timer, self._words = None, False, False, None, ""

    def _tell_end(self, why: str) -> None:
        self._tell(EventKind.OVERLOAD_ENDED, message=f"{why}; time-outs count again")
