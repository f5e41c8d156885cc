"""Holds verdicts by time-out while they prove nothing, says so, and does not do it for ever.

A held time-out is ``unknown`` with the cause ``overloaded``, which heals nothing. Two bounds, both ``overload_hold``:

1. An overload that lasts that long without a break is how this host is now: time-outs count again until it is over.
2. A check whose time-outs are held that long, with no answer in time between them, is believed: what burns the host may
   be the very service that is looked at.
"""

from __future__ import annotations

import asyncio

from salus.engine.pressure import Pressure, Strain
from salus.model import Cause, EventKind, Limits, Observation, Status
from salus.ports import Look, Site
from salus.units import format_duration

LOOK_EVERY = 1.0
QUIET = 5.0
# A check that never answered: what it usually takes is taken for this share of what it may take.
_USUAL = 0.1
_ANSWERED = frozenset({Status.HEALTHY, Status.DEGRADED})


class Overload:
    """Decides for every time-out whether it counts."""

    def __init__(self, site: Site, pressure: Pressure | None = None) -> None:
        """Measure through ``pressure``; say what happens at ``site``."""
        self.pressure = pressure or Pressure()
        self.words = ""
        self._site = site
        self._began: float | None = None
        self._given_up = False
        self._held: dict[str, float] = {}
        self._usual: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limits(self) -> Limits:
        """Return from what on time-outs prove nothing, and for how long."""
        return self.pressure.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.pressure.limits = limits

    @property
    def holding(self) -> bool:
        """Tell whether a time-out of any check has been held since that check last answered."""
        return bool(self._held)

    def late(self, seconds: float) -> None:
        """Hear that a timer of the loop fired that late."""
        if seconds >= self.limits.overload_lag:
            self.pressure.late(self._site.clock.monotonic(), seconds)

    def excuse(self, look: Look) -> str:
        """Return why a look that just ran out of time proves nothing; empty when it does prove something."""
        now, name = self._site.clock.monotonic(), look.spec.name
        given = look.elapsed
        strain = self.pressure.strain(now, look.started)
        if not strain.words or not self._excused(strain, look, given):
            return ""
        self._begin(now, strain)
        if self._given_up or now - self._held.setdefault(name, now) >= self.limits.overload_hold:
            return ""
        return strain.words

    def held(self, look: Look, why: str) -> Observation:
        """Answer a look whose time-out is held."""
        said = f"timed out after {format_duration(look.elapsed)}, which proves nothing: {why}"
        return look.observe(Status.UNKNOWN, said, cause=Cause.OVERLOADED)

    def answered(self, name: str) -> None:
        """Hear that a look ended in another way."""
        self._held.pop(name, None)

    def stop(self) -> None:
        """Watch no longer."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _excused(self, strain: Strain, look: Look, given: float) -> bool:
        """Tell whether this strain alone could make what the look usually takes as long as it was given."""
        previous, name = look.previous, look.spec.name
        if previous and previous.status in _ANSWERED:
            self._usual[name] = previous.duration
        usual = self._usual.get(name, given * _USUAL)
        return bool(strain.lag) or usual * strain.slowdown >= given

    def _begin(self, now: float, strain: Strain) -> None:
        if self._began is not None:
            return
        self._began, self.words = now, strain.words
        longest = format_duration(self.limits.overload_hold)
        said = f"{strain.words}: a time-out proves nothing now and is held, for {longest} at most"
        self._site.tell(EventKind.OVERLOAD_STARTED, message=said)
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch)

    def _watch(self) -> None:
        """See whether it is over, once a second while it is not."""
        now = self._site.clock.monotonic()
        strain = self.pressure.strain(now, now - QUIET)
        self.pressure.sample(now)
        if self._began is None or not strain.words:
            self._end("the overload is over")
            return
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY, self._watch)
        if self._given_up:
            return
        if now - self._began >= self.limits.overload_hold:
            self._tell_end(f"the overload goes on after {format_duration(now - self._began)}: it is no excuse any more")
            self._given_up, self.words = True, ""
        else:
            self.words = strain.words

    def _end(self, why: str) -> None:
        if not self._given_up:
            self._tell_end(why)
        self._began, self._given_up, self._timer, self.words = None, False, None, ""

    def _tell_end(self, why: str) -> None:
        self._site.tell(EventKind.OVERLOAD_ENDED, message=f"{why}; time-outs count again")
