"""Gathers rows and writes them in batches; never delays healing, never loses its place when the store fails."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from salus.engine import clockmark
from salus.errors import StoreError
from salus.model import (
    Alert,
    CheckState,
    Delivery,
    Event,
    EventKind,
    Memo,
    Observation,
    RecoveryRecord,
    RuleState,
    ServiceRecord,
)
from salus.ports import Batch, Clock, Store, Tell

T = TypeVar("T")

_log = logging.getLogger("salus.recorder")

FLUSH_AFTER = 0.2
RETRY_FIRST, RETRY_MOST = 1.0, 30.0
MOST_ROWS = 10_000
TOGETHER = 500


@dataclass(slots=True)
class _Pending:
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_ROWS))
    observations: deque[tuple[str, Observation]] = field(default_factory=lambda: deque(maxlen=MOST_ROWS))
    check_states: dict[str, CheckState] = field(default_factory=dict)
    rule_states: dict[str, RuleState] = field(default_factory=dict)
    services: dict[str, ServiceRecord] = field(default_factory=dict)
    recoveries: dict[str, RecoveryRecord] = field(default_factory=dict)
    memos: dict[str, Memo] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    most_alerts: int = MOST_ROWS

    def __bool__(self) -> bool:
        return bool(
            self.events
            or self.observations
            or self.check_states
            or self.rule_states
            or self.services
            or self.recoveries
            or self.memos
            or self.alerts
            or self.deliveries
        )

    def batch(self) -> Batch:
        return Batch(
            events=tuple(self.events),
            observations=tuple(self.observations),
            check_states=self.check_states,
            rule_states=tuple(self.rule_states.values()),
            services=tuple(self.services.values()),
            recoveries=tuple(self.recoveries.values()),
            memos=tuple(self.memos.values()),
            alerts=tuple(self.alerts.values()),
            deliveries=tuple(self.deliveries.values()),
        )

    def take_budget(self) -> _Pending:
        """Take out only what must be durable before an act: who acts, what that costs, and what holds it back."""
        taken = _Pending(
            rule_states=self.rule_states, services=self.services, recoveries=self.recoveries, memos=self.memos
        )
        self.rule_states, self.services, self.recoveries, self.memos = {}, {}, {}, {}
        return taken

    @property
    def kept_on_the_wall_clock(self) -> bool:
        """Tell whether there is anything among it that waits are counted from."""
        return bool(self.rule_states or self.recoveries or self.check_states or self.memos)

    def take_some(self, most: int) -> _Pending:
        """Take out at most so many rows of each kind, the oldest first, and everything that budgets are made of.

        Where there are notifications, they and all alerts go together: that somebody is told, and what they know then,
        is one fact.
        """
        taken = self.take_budget()
        taken.deliveries, self.deliveries = self.deliveries, {}
        taken.events.extend(_popped(self.events, most))
        taken.observations.extend(_popped(self.observations, most))
        for name in [*islice(self.check_states, most)]:
            taken.check_states[name] = self.check_states.pop(name)
        for name in [*islice(self.alerts, None if taken.deliveries else most)]:
            taken.alerts[name] = self.alerts.pop(name)
        return taken

    def pieces(self) -> list[_Pending]:
        """Return its rows one by one; notifications before what alerts know of them."""
        return [
            *(_Pending(deliveries={name: row}) for name, row in self.deliveries.items()),
            *(_Pending(alerts={name: row}) for name, row in self.alerts.items()),
            *(_Pending(recoveries={name: row}) for name, row in self.recoveries.items()),
            *(_Pending(rule_states={name: row}) for name, row in self.rule_states.items()),
            *(_Pending(services={name: row}) for name, row in self.services.items()),
            *(_Pending(memos={name: row}) for name, row in self.memos.items()),
            *(_Pending(check_states={name: row}) for name, row in self.check_states.items()),
            *(_Pending(events=deque([row])) for row in self.events),
            *(_Pending(observations=deque([row])) for row in self.observations),
        ]

    @classmethod
    def of(cls, pieces: Iterable[_Pending]) -> _Pending:
        """Return them as one."""
        made = cls()
        for piece in pieces:
            made.put_before(piece)
        return made

    @property
    def longest(self) -> int:
        """Return how many rows there are of the kind of which there are most."""
        return max(len(self.events), len(self.observations), len(self.check_states), len(self.alerts), int(bool(self)))

    def put_before(self, newer: _Pending) -> None:
        """Add what came while this was being written, newest values winning."""
        self.events.extend(newer.events)
        self.observations.extend(newer.observations)
        self.check_states |= newer.check_states
        self.rule_states |= newer.rule_states
        self.services |= newer.services
        self.recoveries |= newer.recoveries
        self.memos |= newer.memos
        self.alerts |= newer.alerts
        self.deliveries |= newer.deliveries
        self.bound()

    def bound(self) -> None:
        """Let go of what is too much, and say so: only a ledger that fails for long lets it come to that."""
        if len(self.alerts) > self.most_alerts:
            ended = [alert.id for alert in self.alerts.values() if alert.resolved_at is not None]
            for name in ended[: len(self.alerts) - MOST_ROWS]:
                del self.alerts[name]
                _log.warning("too much waits for the ledger: the end of alert %s is not kept", name)
            # Where most of them last, to look through all at every further one would take long.
            over = len(self.alerts) > MOST_ROWS
            self.most_alerts = len(self.alerts) + TOGETHER if over else MOST_ROWS
        while len(self.deliveries) > MOST_ROWS:
            lost = self.deliveries.pop(next(iter(self.deliveries)))
            _log.error("too much waits for the ledger: notification %s to %s is not sent", lost.id, lost.channel)


def _popped(rows: deque[T], most: int) -> Iterator[T]:
    for _ in range(min(most, len(rows))):
        yield rows.popleft()


class Recorder:
    """The only writer of the store while Salus runs."""

    def __init__(self, store: Store, clock: Clock, tell: Tell, *, boot: str = "") -> None:
        """Write to ``store``; say through ``tell`` when it fails and when it is back.

        Args:
            store: the ledger.
            clock: time.
            tell: writes an event.
            boot: id of the machine's boot: with it, what the clocks show is written beside what is kept on the wall
                clock (``salus.engine.clockmark``).
        """
        self._store = store
        self._clock = clock
        self._tell = tell
        self._boot = boot
        self._pending = _Pending()
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._stopping = False
        self._writing_since: float | None = None
        self.failure = ""

    def writing_for(self, monotonic: float) -> float:
        """Return for how many seconds the store has been at the write that is under way; 0 where there is none."""
        return max(0.0, monotonic - self._writing_since) if self._writing_since is not None else 0.0

    def event(self, event: Event) -> None:
        """Take an event (the bus calls this)."""
        self._pending.events.append(event)
        self._wake.set()

    def observation(self, check: str, seen: Observation) -> None:
        """Take a look for the history."""
        self._pending.observations.append((check, seen))
        self._wake.set()

    def check_state(self, check: str, state: CheckState) -> None:
        """Take the state of a check."""
        self._pending.check_states[check] = state
        self._wake.set()

    def rule_state(self, state: RuleState) -> None:
        """Take what a rule has spent."""
        self._pending.rule_states[state.rule] = state
        self._wake.set()

    def service(self, record: ServiceRecord) -> None:
        """Take what must be remembered about a service."""
        self._pending.services[record.service] = record
        self._wake.set()

    def recovery(self, record: RecoveryRecord) -> None:
        """Take a recovery as it stands."""
        self._pending.recoveries[record.id] = record
        self._wake.set()

    def memo(self, memo: Memo) -> None:
        """Take what must survive a death of Salus under a key, or that it is over; the newest counts."""
        self._pending.memos[memo.key] = memo
        self._wake.set()

    def alert(self, alert: Alert) -> None:
        """Take an alert as it stands."""
        self._pending.alerts[alert.id] = alert
        self._pending.bound()
        self._wake.set()

    def delivery(self, delivery: Delivery) -> None:
        """Take a notification for the outbox. It is written together with all that was taken before it.

        One that waits to be written is replaced; one whose row is there already stays as that says.
        """
        self._pending.deliveries[delivery.id] = delivery
        self._pending.bound()
        self._wake.set()

    async def commit(self) -> bool:
        """Write everything taken so far; true when it is durable, false when the store failed (it is kept).

        Many rows are written a part at a time, so that what must be durable before an act gets in between.
        """
        parts = -(-self._pending.longest // TOGETHER)
        for _ in range(max(1, parts)):
            async with self._writing:  # in order: an older row must never be written over a newer one
                if not await self._write(self._pending.take_some(TOGETHER)):
                    return False
        return True

    async def reserve(self) -> bool:
        """Write what must be durable before an act, and nothing that could wait; true and false as for ``commit``."""
        async with self._writing:
            return await self._write(self._pending.take_budget())

    async def _write(self, taken: _Pending) -> bool:
        if not taken:
            return not self.failure
        if self._boot and taken.kept_on_the_wall_clock:
            taken.memos[clockmark.KEY] = clockmark.mark(self._clock, self._boot)
        self._writing_since = self._clock.monotonic()
        try:
            if not await self._try(taken):
                return False
        except asyncio.CancelledError:
            # The write may or may not have happened: rows are keyed, so writing them again does no harm.
            taken.put_before(self._pending)
            self._pending = taken
            raise
        finally:
            self._writing_since = None
        if self.failure:
            self.failure = ""
            self._tell(EventKind.STORE_RECOVERED, message="the ledger can be written again")
        return True

    async def _try(self, taken: _Pending) -> bool:
        try:
            await self._store.write(taken.batch())
        except StoreError as error:
            if not error.permanent:
                self._failed(taken, error)
                return False
            # Some of these rows can never be written: keeping them would block all that follow.
            dropped = _Pending.of(await self._write_apart(taken.pieces(), error))
            what = "%d events, %d alerts and %d notifications were refused by the ledger and dropped: %s"
            _log.error(what, len(dropped.events), len(dropped.alerts), len(dropped.deliveries), error)
            return False
        return True

    async def _write_apart(self, rows: Sequence[_Pending], error: StoreError) -> list[_Pending]:
        """Write what was refused as a whole in ever smaller parts; returns the rows that can never be written."""
        if len(rows) < 2:
            _log.debug("refused by the ledger: %s", error)
            return list(rows)
        refused: list[_Pending] = []
        half = len(rows) // 2
        for part in (rows[:half], rows[half:]):
            taken = _Pending.of(part)
            try:
                await self._store.write(taken.batch())
            except StoreError as why:
                if why.permanent:
                    refused += await self._write_apart(part, why)
                else:
                    self._failed(taken, why)
        return refused

    async def forget(self, batch: Batch) -> None:
        """Drop state rows of parts that left the config; what cannot be dropped now does no harm."""
        try:
            await self._store.write(batch)
        except StoreError as error:
            _log.warning("could not drop old rows: %s", error)

    async def run(self) -> None:
        """Write batches until ``stop``."""
        pause = RETRY_FIRST
        while not self._stopping:
            await self._wake.wait()
            await self._clock.sleep(FLUSH_AFTER)
            self._wake.clear()
            if await self.commit():
                pause = RETRY_FIRST
            elif not self._stopping:
                await self._clock.sleep(pause)
                pause = min(pause * 2, RETRY_MOST)
                self._wake.set()

    async def stop(self) -> None:
        """Write the last rows."""
        self._stopping = True
        self._wake.set()
        await self.commit()

    def _failed(self, taken: _Pending, error: StoreError) -> None:
        taken.put_before(self._pending)
        self._pending = taken
        if not self.failure:
            self.failure = str(error)
            _log.error("the ledger cannot be written: %s", error)
            self._tell(EventKind.STORE_FAILED, message=str(error))
        self.failure = str(error)
