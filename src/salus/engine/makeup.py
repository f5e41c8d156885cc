"""Makes up what is missing of the days from the events of the ledger: after a kill, and once for an older ledger.

1. Where every check stood: its newest row says up to when it is told, and the verdict then. An older ledger has no
   rows: there a check begins with its first event, or, where it has none, with the first event of all.
2. Events in their order: a change of verdict charges what was before it; a start of Salus tells that nobody looked
   since the last row before it. A check that has left the config is charged between its own events only: nothing tells
   when it went.
3. At every midnight, and at the end, all checks are charged and written, some at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from salus.engine.days import DAY, DayBook, micros
from salus.model import CheckState, Status
from salus.ports import Batch

if TYPE_CHECKING:
    from salus.ports.history import HistoryLedger

TOGETHER = 500
_PAGE = 200
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


async def make_up(store: HistoryLedger, states: Mapping[str, CheckState], until: int) -> None:
    """Write what the days lack up to an instant.

    Args:
        store: the ledger.
        states: the verdicts that were remembered when this Salus began.
        until: when it began, in microseconds since 1970.

    Raises:
        StoreError: it cannot be read or written; what was written so far counts, and the next try goes on from there.
    """
    told = {row.check: (Status(row.status), row.until) for row in await store.last_days() if row.check in states}
    if told:
        begin = min(at for _, at in told.values())
    else:
        found = await store.changes(after=0, limit=1)
        if not found:
            return
        begin = found[0][1]
        told = {
            name: (state.status, begin)
            for name, state in states.items()
            if state.since is not None and micros(state.since) < begin
        }
    course = _Course(store, told, states, begin)
    end = max(await store.last_sign(until) or 0, *(at for _, at in told.values()), begin)
    after = begin - 1  # an event is numbered no lower than its instant
    while page := await store.changes(after=after, limit=_PAGE):
        for number, at, check, _, new in page:
            after = number
            if at <= until:
                await course.follow(at, check, new)
    course.nobody_looked(min(end, until), until)
    await course.settle(until)


class _Course:
    """Where every check stands, from event to event."""

    def __init__(
        self, store: HistoryLedger, told: Mapping[str, tuple[Status, int]], known: Collection[str], begin: int
    ) -> None:
        self._store = store
        self._at = dict(told)
        self._known = known
        self._midnight = (begin // DAY + 1) * DAY
        self._gaps: list[tuple[int, int]] = []
        self._book = DayBook()

    async def follow(self, at: int, check: str | None, new: str) -> None:
        """Take the next event."""
        if check is None:
            began = await self._store.last_sign(at)
            if began is not None:
                self.nobody_looked(began, at)
        while at >= self._midnight:
            await self.settle(self._midnight)
            self._gaps = [gap for gap in self._gaps if gap[1] > self._midnight]
            self._midnight += DAY
        if check is not None:
            self._turned(check, Status(new), at)

    def nobody_looked(self, began: int, ended: int) -> None:
        """Take that no Salus ran in a span."""
        if ended > began:
            self._gaps.append((began, ended))

    def _turned(self, check: str, new: Status, at: int) -> None:
        before = self._at.get(check)
        if before is not None:
            status, since = before
            if at < since:
                return  # told already
            self._book.charge(check, status, since, at, self._gaps)
        self._at[check] = new, at

    async def settle(self, until: int) -> None:
        """Charge all checks that are there still up to an instant, and write what they spent."""
        names = iter([name for name in self._at if name in self._known])
        while some := list(islice(names, TOGETHER)):
            for name in some:
                status, since = self._at[name]
                if since < until:
                    self._book.charge(name, status, since, until, self._gaps)
                    self._at[name] = status, until
            await self._write()
        await self._write()

    async def _write(self) -> None:
        if rows := self._book.take():
            await self._store.write(Batch(days=rows))


async def clear(store: HistoryLedger, now: datetime) -> None:
    """Let go of all days, of an attempt that was cut off.

    Raises:
        StoreError: it cannot be written.
    """
    await store.prune(now, events_before=_FIRST, observations_before=_FIRST, days_before=now + timedelta(days=2))
