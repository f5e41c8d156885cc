"""Counts, while looks come in, how long each check was how, for the days of the long past.

A look costs one addition (``CheckUnit.looks``), a change of verdict a row in a small book. What does not change costs
nothing until the next round, in which every check is charged up to the same instant, a few hundred at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from salus.engine.days import DAY, DayBook, micros
from salus.engine.units import CheckUnit
from salus.model import CheckState, Status
from salus.ports.store import Spent

_MOST_GAPS = 1000


class Tally:
    """How long the checks of one engine were how, since it was last written."""

    def __init__(self, units: Callable[[], Mapping[str, CheckUnit]], now: Callable[[], datetime]) -> None:
        """Count from now on; what lies before is for whoever makes up what is missing.

        Args:
            units: the checks that there are.
            now: the wall clock as the engine reads it: who asks it is told of a jump first.
        """
        self.now = now
        self.began = micros(now())
        self._units = units
        self._book = DayBook()
        self._gaps: list[tuple[int, int]] = []

    # ── what the engine says ──

    def replaced(self, gone: Iterable[CheckUnit], now: datetime) -> None:
        """Take a new set of checks: those that left are charged up to now, those that came from now on."""
        at = max(micros(now), self.began)
        for unit in gone:
            self._charge(unit, _verdict(unit.state), at)
        for unit in self._units().values():
            unit.counted = unit.counted or at

    def judged(self, unit: CheckUnit, before: CheckState, now: datetime) -> None:
        """Take the first look at a check in this Salus, or a change of verdict: charge what was before."""
        at = micros(now)
        if before.since is not None:
            self._book.charge(unit.spec.name, _verdict(before), unit.counted, at, self._gaps)
        unit.counted = max(unit.counted, at)

    def slept(self, seconds: float) -> None:
        """Take that the machine slept until now: nobody looked."""
        ended = micros(self.now())
        if len(self._gaps) < _MOST_GAPS:
            self._gaps.append((ended - int(seconds * 1_000_000), ended))

    def shifted(self, by: timedelta) -> None:
        """Take that the wall clock was set: what runs began as much later, or earlier."""
        more = by // timedelta(microseconds=1)
        for unit in self._units().values():
            unit.counted += more
        self._gaps = [(began + more, ended + more) for began, ended in self._gaps]

    # ── what is written, and what is asked ──

    def take(self, units: Sequence[CheckUnit], until: int) -> list[Spent]:
        """Charge some checks up to an instant, and take out what is to be written.

        A check that changed after that instant has been charged further already; its row says so.
        """
        for unit in units:
            self._charge(unit, _verdict(unit.state), until)
        return self._book.take()

    def forget_gaps(self, until: int) -> None:
        """Let go of the silences before an instant up to which every check was charged."""
        self._gaps = [gap for gap in self._gaps if gap[1] > until]

    def put_back(self, rows: Iterable[Spent]) -> int:
        """Take back what could not be written; returns how many rows are too old to be kept in memory for long."""
        for row in rows:
            self._book.add(row)
        return self._book.forget_before(micros(self.now()) // DAY - 1)

    def pending(self, unit: CheckUnit) -> list[Spent]:
        """Return what is not written yet of a check, and change nothing."""
        until, name, book = micros(self.now()), unit.spec.name, DayBook()
        since = unit.counted or until
        days = range(min(since, until) // DAY - 1, until // DAY + 1)
        for row in self._book.of(name, days):
            book.add(row)
        if unit.state.since is not None:
            book.charge(name, _verdict(unit.state), since, until, self._gaps)
            book.looked(name, until, unit.looks, _verdict(unit.state))
        return list(book.rows())

    def _charge(self, unit: CheckUnit, status: Status, until: int) -> None:
        name, looks = unit.spec.name, unit.looks
        if unit.state.since is None and not looks:
            unit.counted = max(unit.counted, until)  # nothing is known of it yet
            return
        if until > unit.counted:
            self._book.charge(name, status, unit.counted, until, self._gaps)
            unit.counted = until
        self._book.looked(name, until, looks, status)
        unit.looks = 0


def _verdict(state: CheckState) -> Status:
    """Return how a check is: nobody knows before the first look of this Salus, whatever is remembered."""
    return Status.UNKNOWN if state.started is None else state.status
