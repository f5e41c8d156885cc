"""The ledger in memory: for tests, for trials, and where there is no disk to write to. It dies with Salus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice, takewhile
from typing import TypeVar

from salus.model import Alert, CheckState, Delivery, Event, Json, Observation, RecoveryRecord, RuleState, ServiceRecord
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery, Snapshot
from salus.store.alert_rows import unheard
from salus.store.memory_history import MemoryHistory
from salus.store.memory_outbox import MemoryOutbox, Shelf
from salus.store.queries import ALERT_WINDOW, BUDGET_WINDOW, KEEP_STARTS, RATE_WINDOW

T = TypeVar("T")


class MemoryStore(MemoryOutbox, MemoryHistory):
    """``salus.ports.Store`` in rings: the oldest rows go when they are full.

    Unfinished recoveries, alerts that have not ended and deliveries that wait never go.
    """

    def __init__(
        self,
        *,
        events: int = 10_000,
        observations: int = 500,
        recoveries: int = 1_000,
        alerts: int = 1_000,
        deliveries: int = 1_000,
    ) -> None:
        """Bound what is kept.

        Args:
            events: events in all.
            observations: looks per check.
            recoveries: finished recoveries in all.
            alerts: ended alerts in all.
            deliveries: deliveries in all that were sent or given up.
        """
        MemoryOutbox.__init__(self, deliveries)
        MemoryHistory.__init__(self)
        self._events: deque[Event] = deque(maxlen=events)
        self._observations: dict[str, deque[Observation]] = {}
        self._observations_max = observations
        self._recoveries: dict[str, RecoveryRecord] = {}
        self._recoveries_max = recoveries
        self._checks: dict[str, CheckState] = {}
        self._rules: dict[str, RuleState] = {}
        self._services: dict[str, ServiceRecord] = {}
        self._memos: dict[str, Mapping[str, Json]] = {}
        self._alerts: Shelf[Alert] = Shelf(alerts)

    async def open(self) -> None:
        """Make it ready; what was written before a ``close`` is still there."""
        self._open = True

    async def close(self) -> None:
        """Refuse further writes."""
        self._open = False

    async def load(self, now: datetime) -> Snapshot:
        """Return what a starting Salus needs."""
        found = sorted(self._recoveries.values(), key=lambda record: (record.started_at, record.id))
        return Snapshot(
            check_states=dict(sorted(self._checks.items())),
            rule_states=dict(sorted(self._rules.items())),
            services=dict(sorted(self._services.items())),
            unfinished=[record for record in found if record.outcome is None],
            recent_starts=[record.started_at for record in found if record.started_at > now - BUDGET_WINDOW],
            memos=dict(sorted(self._memos.items())),
            alerts=sorted((alert for alert in self._alerts if _is_needed(alert, now)), key=_age),
            last_delivery=max((delivery.number for delivery in self._deliveries), default=0),
            recent_deliveries=_made_since(self._deliveries, now - RATE_WINDOW),
            last_event_id=self._events[-1].id if self._events else 0,
        )

    async def write(self, batch: Batch) -> None:
        """Keep all rows of a batch.

        Raises:
            StoreUnwritableError: it is not open, or two deliveries bear one number; nothing was kept.
        """
        self._must_be_open()
        for delivery in self._new_deliveries(batch.deliveries) if batch.deliveries else ():
            self._keep_delivery(delivery)
        for alert in batch.alerts:
            self._alerts.put(alert.id, alert, is_open=alert.resolved_at is None)
        for name in batch.forget_checks:
            self._checks.pop(name, None)
        for name in batch.forget_rules:
            self._rules.pop(name, None)
        for name in batch.forget_services:
            self._services.pop(name, None)
        self._checks.update(batch.check_states)
        self._rules.update({state.rule: state for state in batch.rule_states})
        self._services.update({record.service: record for record in batch.services})
        for memo in batch.memos:
            if memo.value is None:
                self._memos.pop(memo.key, None)
            else:
                self._memos[memo.key] = memo.value
        self._recoveries.update({record.id: record for record in batch.recoveries})
        self._bound_recoveries()
        for event in batch.events:
            self._keep_event(event)
        for check, look in batch.observations:
            self._keep_look(check, look)
        self._unrolled.extend(batch.observations)
        self._keep_days(batch.days)

    def _keep_event(self, event: Event) -> None:
        """Put an event in its place; one that is there already stays as it is."""
        late = list(takewhile(lambda kept: kept.id >= event.id, reversed(self._events)))
        if late and late[-1].id == event.id:
            return
        _put_back(self._events, event, late)

    def _keep_look(self, check: str, look: Observation) -> None:
        """Put a look in its place; one of the same instant is replaced."""
        ring = self._observations.setdefault(check, deque(maxlen=self._observations_max))
        late = list(takewhile(lambda kept: kept.at > look.at, reversed(ring)))
        if len(late) < len(ring) and ring[-1 - len(late)].at == look.at:
            ring[-1 - len(late)] = look
        else:
            _put_back(ring, look, late)

    def _bound_recoveries(self) -> None:
        if len(self._recoveries) <= self._recoveries_max:
            return
        finished = sorted(
            (record for record in self._recoveries.values() if record.outcome is not None),
            key=lambda record: (record.started_at, record.id),
        )
        for record in finished[: max(0, len(finished) - self._recoveries_max)]:
            del self._recoveries[record.id]

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first unless the query says otherwise."""
        found = self._events if query.oldest_first else reversed(self._events)
        return _page((event for event in found if _event_fits(event, query)), query.limit)

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        found = [record for record in self._recoveries.values() if _recovery_fits(record, query)]
        found.sort(key=lambda record: (record.started_at, record.id), reverse=True)
        return _page(found, query.limit)

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return alerts, newest first."""
        found = sorted((alert for alert in self._alerts if _alert_fits(alert, query)), key=_age, reverse=True)
        return _page(found, query.limit)

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        found = takewhile(lambda look: look.at >= since, reversed(self._observations.get(check, ())))
        return _page(found, limit)

    async def prune(
        self,
        now: datetime,
        *,
        events_before: datetime,
        observations_before: datetime,
        days_before: datetime | None = None,
    ) -> int:
        """Forget old rows; what is unfinished and what is of the last day stays. Returns how many rows went."""
        self._must_be_open()
        before, kept_before = self._size(), min(events_before, now - KEEP_STARTS)
        self._events = deque((event for event in self._events if event.at >= events_before), self._events.maxlen)
        self._recoveries = {
            record.id: record
            for record in self._recoveries.values()
            if record.outcome is None or record.started_at >= kept_before
        }
        _forget(self._alerts.ended, kept_before, lambda alert: None if unheard(alert) else alert.resolved_at)
        _forget(self._deliveries.ended, kept_before, lambda delivery: delivery.ended_at)
        for check, ring in list(self._observations.items()):
            kept = deque((look for look in ring if look.at >= observations_before), ring.maxlen)
            self._observations[check] = kept
            if not kept:
                del self._observations[check]
        self._prune_history(now, days_before)
        return before - self._size()

    def _size(self) -> int:
        looks = sum(len(ring) for ring in self._observations.values())
        return (
            len(self._events)
            + len(self._recoveries)
            + len(self._alerts)
            + len(self._deliveries)
            + looks
            + self._history_size()
        )


def _put_back(ring: deque[T], row: T, late: Sequence[T]) -> None:
    """Append a row in front of the ``late`` ones, which are the last of the ring, newest first."""
    full = len(ring) == ring.maxlen
    if late and full and len(late) == len(ring):
        return  # older than all of a full ring
    for _ in late:
        ring.pop()
    if late and full:
        ring.popleft()
    ring.append(row)
    ring.extend(reversed(late))


def _forget(ended: dict[str, T], before: datetime, end: Callable[[T], datetime | None]) -> None:
    for name, row in list(ended.items()):
        if (at := end(row)) is not None and at < before:
            del ended[name]


def _page(found: Iterable[T], limit: int) -> list[T]:
    return list(islice(found, max(0, limit)))


def _event_fits(event: Event, query: EventQuery) -> bool:
    about = ((query.check, event.check), (query.rule, event.rule), (query.service, event.service))
    return (
        all(wanted is None or wanted == found for wanted, found in (*about, (query.recovery, event.recovery)))
        and (not query.kinds or event.kind in query.kinds)
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at <= query.until)
        and (query.before is None or event.id < query.before)
        and (query.after is None or event.id > query.after)
    )


def _recovery_fits(record: RecoveryRecord, query: RecoveryQuery) -> bool:
    about = ((query.id, record.id), (query.check, record.check), (query.rule, record.rule))
    return (
        all(wanted is None or wanted == found for wanted, found in about)
        and query.outcome in (None, record.outcome)
        and (query.since is None or record.started_at >= query.since)
        and (query.before is None or record.started_at < query.before)
    )


def _age(alert: Alert) -> tuple[datetime, str]:
    return alert.first_seen, alert.id


def _is_needed(alert: Alert, now: datetime) -> bool:
    fired = alert.fired_at is not None and alert.fired_at > now - ALERT_WINDOW
    return alert.resolved_at is None or fired or unheard(alert)


def _made_since(deliveries: Iterable[Delivery], since: datetime) -> list[tuple[str, datetime]]:
    found = sorted((made.created_at, made.number, made.channel) for made in deliveries if made.created_at > since)
    return [(channel, at) for at, _, channel in found]


def _alert_fits(alert: Alert, query: AlertQuery) -> bool:
    return (
        (query.id is None or alert.id.startswith(query.id) or alert.fingerprint.startswith(query.id))
        and query.check in (None, alert.check)
        and query.rule in (None, alert.rule)
        and not (query.active and alert.resolved_at is not None)
        and (query.since is None or alert.first_seen >= query.since)
        and (query.before is None or alert.first_seen < query.before)
    )
