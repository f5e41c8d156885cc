"""The ledger: what is written, what is asked of it, and the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from salus.model import (
    Alert,
    CheckState,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Json,
    Memo,
    Observation,
    Outcome,
    RecoveryRecord,
    RuleState,
    ServiceRecord,
)


class Spent(NamedTuple):
    """What a check spent in each status on a day (UTC), in microseconds; written, it is added to what stands there.

    A tuple and not a noun: an agent makes one for each check every few minutes.

    Attributes:
        day: days since 1970.
        check: name.
        healthy, degraded, unhealthy, unknown: microseconds in each status.
        looks: how many looks there were.
        until: up to when this tells it, in microseconds since 1970.
        status: the verdict then.
    """

    day: int
    check: str
    healthy: int
    degraded: int
    unhealthy: int
    unknown: int
    looks: int
    until: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows to write in one transaction. States, records and recoveries replace the row of the same key.

    Attributes:
        events: new rows.
        observations: (check name, look) pairs; new rows.
        check_states: by check name.
        rule_states: keyed by their rule.
        services: keyed by their service.
        recoveries: keyed by their id.
        memos: keyed by their key; one without a value is forgotten.
        alerts: keyed by their id.
        deliveries: keyed by their id; one that is there already stays as it is, but one that is done ends one that
            waits.
        days: time that checks spent; added to the row of the same check and day.
        forget_checks, forget_rules, forget_services: names whose state rows go.
    """

    events: Sequence[Event] = ()
    observations: Sequence[tuple[str, Observation]] = ()
    check_states: Mapping[str, CheckState] = field(default_factory=dict)
    rule_states: Sequence[RuleState] = ()
    services: Sequence[ServiceRecord] = ()
    recoveries: Sequence[RecoveryRecord] = ()
    memos: Sequence[Memo] = ()
    alerts: Sequence[Alert] = ()
    deliveries: Sequence[Delivery] = ()
    days: Sequence[Spent] = ()
    forget_checks: Sequence[str] = ()
    forget_rules: Sequence[str] = ()
    forget_services: Sequence[str] = ()

    def __len__(self) -> int:
        """Count the rows."""
        kinds = (self.events, self.observations, self.check_states, self.rule_states, self.services)
        more = (self.recoveries, self.memos, self.alerts, self.deliveries, self.days)
        forgotten = (self.forget_checks, self.forget_rules, self.forget_services)
        return sum(len(rows) for rows in (*kinds, *more, *forgotten))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a starting Salus needs to know of its past.

    Attributes:
        last_event_id: highest id in the ledger, 0 when empty.
        unfinished: recoveries without an outcome: the last Salus died in them.
        recent_starts: instants at which recoveries started in the last hour, oldest first.
        memos: what each key remembers.
        alerts: those that have not ended, those that ended and somebody has still to hear of it, and those that fired
            within the last day.
        last_delivery: highest number of a delivery, 0 when there is none.
        recent_deliveries: (channel, instant) of the notifications made within the last hour, oldest first: the rate
            limits are counted from them.
    """

    check_states: Mapping[str, CheckState] = field(default_factory=dict)
    rule_states: Mapping[str, RuleState] = field(default_factory=dict)
    services: Mapping[str, ServiceRecord] = field(default_factory=dict)
    unfinished: Sequence[RecoveryRecord] = ()
    recent_starts: Sequence[datetime] = ()
    memos: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    last_delivery: int = 0
    recent_deliveries: Sequence[tuple[str, datetime]] = ()
    last_event_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events, newest first unless ``oldest_first``. ``before`` and ``after`` are event ids, both exclusive."""

    check: str | None = None
    rule: str | None = None
    service: str | None = None
    recovery: str | None = None
    kinds: Sequence[EventKind] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    oldest_first: bool = False
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryQuery:
    """Which recoveries, newest first. ``before`` is the ``started_at`` of the last row of the page before."""

    id: str | None = None
    check: str | None = None
    rule: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    before: datetime | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts, newest (by ``first_seen``) first. ``id`` may be the beginning of one, or of a fingerprint."""

    id: str | None = None
    check: str | None = None
    rule: str | None = None
    active: bool = False
    since: datetime | None = None
    before: datetime | None = None
    limit: int = 100


class Outbox(Protocol):
    """The deliveries of a store: claimed before they are tried, so that no two do it at once."""

    async def waiting(self, channel: str, *, limit: int = 200) -> Sequence[Delivery]:
        """Return the deliveries of a channel that are not done, the oldest first."""
        ...

    async def claim(self, delivery: Delivery, by: str, now: datetime, *, stale_before: datetime) -> bool:
        """Compare and set: take a waiting delivery, unless another took it after ``stale_before``.

        On success the row is durably claimed, and its ``attempts`` one more than ``delivery.attempts``. Whoever knows
        of fewer attempts than the row does is told no; whoever holds the claim may take it again.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        ...

    async def release(self, delivery: Delivery, by: str) -> bool:
        """Write how a try of a claimed delivery ended (``state``, ``due_at``, ``error``, ``ended_at``), and let go.

        False when ``by`` no longer holds the claim: then nothing was written.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        ...

    async def revive(self, delivery: str, now: datetime) -> bool:
        """Put a dead letter back among the waiting, due now; false when there is no such dead letter.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        ...

    async def deliveries(
        self, *, channel: str | None = None, state: DeliveryState | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""
        ...

    async def depth(self) -> Mapping[str, int]:
        """Return how many deliveries wait, by channel."""
        ...


class Store(Outbox, Protocol):
    """The ledger, the states, the history, the alerts and the outbox."""

    async def open(self) -> None:
        """Make it ready: create or migrate, and verify that it can be read.

        Raises:
            StoreUnreadableError: it is there and cannot be trusted. It is left untouched.
            StoreUnwritableError: it cannot be created or written.
        """
        ...

    async def load(self, now: datetime) -> Snapshot:
        """Read what a starting Salus needs.

        Raises:
            StoreUnreadableError: rows cannot be read or understood.
        """
        ...

    async def write(self, batch: Batch) -> None:
        """Write all rows in one transaction; on return they survive a kill of this process.

        Raises:
            StoreUnwritableError: nothing was written.
        """
        ...

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first unless the query says otherwise."""
        ...

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        ...

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        ...

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return alerts, newest first."""
        ...

    async def prune(
        self,
        now: datetime,
        *,
        events_before: datetime,
        observations_before: datetime,
        days_before: datetime | None = None,
    ) -> int:
        """Forget old rows, in bounded steps. Returns how many rows went.

        Days go when they ended before ``days_before``; hours go with them, and a month after they ended at the latest.

        Unfinished recoveries stay, and so do those that started within the last day: budgets are counted from them.
        Alerts that have not ended and deliveries that wait stay too; what ended goes with the events, after a day at
        the earliest: rates and flapping are counted from it.
        """
        ...

    async def close(self) -> None:
        """Write what is pending and let go."""
        ...
