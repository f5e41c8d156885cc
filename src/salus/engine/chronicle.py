"""Keeps the days and hours of the ledger: every few minutes one batch, so that a look never costs a write.

What a kill cuts off is made up at the next start, from the events (``makeup``). Before that is done nothing is added,
so that the newest row of a check always says up to when it is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from salus.engine.days import micros
from salus.engine.tally import Tally
from salus.engine.units import CheckUnit
from salus.errors import StoreError
from salus.model import CheckState, Memo
from salus.ports import Batch, Clock

if TYPE_CHECKING:
    from salus.ports.history import HistoryLedger

_log = logging.getLogger("salus.chronicle")

EVERY = 300.0
TOGETHER = 300  # checks that are charged in one turn of the loop
REST = 0.02  # seconds between two steps of looks, so that others write in between
MADE_UP = "days"  # the memo that says that an older ledger's events were gone through to the end


class Chronicle:
    """Writes what a tally counted. ``run`` goes on until it is cancelled; ``stop`` writes the rest before that."""

    def __init__(
        self, store: HistoryLedger, tally: Tally, units: Callable[[], Mapping[str, CheckUnit]], clock: Clock
    ) -> None:
        """Write to ``store`` what ``tally`` counts of ``units``."""
        self._units = units
        self._clock = clock
        self._ready = False
        self._failing = False
        self.store = store
        self.tally = tally
        self.lock = asyncio.Lock()
        """Held while what was counted moves from the tally to the ledger: who reads both holds it too."""

    async def run(self, states: Mapping[str, CheckState], memos: Mapping[str, object]) -> None:
        """Make up what is missing, then write every few minutes.

        Args:
            states: the verdicts that were remembered when this Salus began.
            memos: what was remembered besides.
        """
        filled = MADE_UP in memos
        while True:
            if not self._ready:
                self._ready = await self._try(self._make_up(states, filled=filled))
            if self._ready:
                await self._try(self._roll_up())
            await self._clock.sleep(EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted so far; what cannot be written is kept for the next time."""
        if not self._ready:
            return
        async with self.lock:
            await self._try(self._flush())

    async def _flush(self) -> None:
        until = micros(self.tally.now())
        units = iter(list(self._units().values()))
        while some := list(islice(units, TOGETHER)):
            rows = self.tally.take(some, until)
            try:
                await self.store.write(Batch(days=rows))
            except StoreError:
                lost = self.tally.put_back(rows)
                if lost:
                    _log.error("the ledger fails for so long that %d days of checks are not known", lost)
                raise
        self.tally.forget_gaps(until)

    async def _make_up(self, states: Mapping[str, CheckState], *, filled: bool) -> None:
        from salus.engine.makeup import clear, make_up

        if not filled:
            await clear(self.store, self._clock.now())  # an earlier try may have been cut off half-way
        await make_up(self.store, states, self.tally.began)
        if not filled:
            await self.store.write(Batch(memos=[Memo(key=MADE_UP, value={"from_events": True})]))

    async def _roll_up(self) -> None:
        while await self.store.roll_up():
            await self._clock.sleep(REST)

    async def _try(self, work: Coroutine[object, object, None]) -> bool:
        try:
            await work
        except StoreError as error:
            if not self._failing:
                _log.warning("days and hours could not be written, and will be tried again: %s", error)
            self._failing = True
            return False
        self._failing = False
        return True
