"""The store in memory keeps within its bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from salus.model import (
    Alert,
    AlertState,
    Delivery,
    DeliveryState,
    Event,
    EventKind,
    Level,
    Notification,
    Observation,
    Occasion,
    Outcome,
    RecoveryRecord,
    Status,
)
from salus.ports import AlertQuery, Batch, EventQuery, RecoveryQuery
from salus.store.memory import MemoryStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_the_oldest_rows_go_when_the_rings_are_full() -> None:
    store = MemoryStore(events=5, observations=3, recoveries=2)
    await store.open()
    for number in range(10):
        at = NOW + timedelta(seconds=number)
        await store.write(
            Batch(
                events=[Event(id=number, at=at, kind=EventKind.STATUS_CHANGED)],
                observations=[("web", Observation(status=Status.HEALTHY, at=at))],
                recoveries=[
                    RecoveryRecord(
                        id=f"r{number}",
                        rule="web",
                        check="web",
                        decided_at=at,
                        started_at=at,
                        outcome=Outcome.RECOVERED if number else None,
                    )
                ],
            )
        )
    assert [event.id for event in await store.events(EventQuery())] == [9, 8, 7, 6, 5]
    assert len(await store.observations("web", since=NOW)) == 3
    assert [record.id for record in await store.recoveries(RecoveryQuery())] == ["r9", "r8", "r0"]


def delivery(number: int, state: DeliveryState) -> Delivery:
    told = Notification(
        id=f"n{number}", channel="ops", key="k", occasion=Occasion.TEST, state=AlertState.FIRING, at=NOW
    )
    return Delivery(
        id=told.id, channel="ops", key="k", number=number, notification=told, created_at=NOW, due_at=NOW, state=state
    )


async def test_what_lasts_and_what_waits_never_goes_and_of_what_ended_the_first_goes_first() -> None:
    store = MemoryStore(alerts=2, deliveries=2)
    await store.open()
    lasting = [
        Alert(
            id=f"a{number}",
            fingerprint="f",
            labels={},
            rule="r",
            level=Level.INFO,
            state=AlertState.FIRING,
            first_seen=NOW + timedelta(seconds=number),
            last_seen=NOW,
        )
        for number in range(8)
    ]
    waiting = [delivery(number, DeliveryState.WAITING) for number in range(8)]
    await store.write(Batch(alerts=lasting, deliveries=waiting))
    assert len(await store.alerts(AlertQuery())) == len(await store.waiting("ops")) == 8
    for number in (3, 1, 5, 3):
        await store.write(Batch(alerts=[replace(lasting[number], state=AlertState.RESOLVED, resolved_at=NOW)]))
        if await store.claim(waiting[number], "me", NOW, stale_before=NOW):
            assert await store.release(delivery(number, DeliveryState.DEAD), "me")
    assert [alert.id for alert in await store.alerts(AlertQuery())] == ["a7", "a6", "a5", "a4", "a3", "a2", "a0"]
    assert [found.number for found in await store.deliveries()] == [7, 6, 5, 4, 2, 1, 0]
    assert [found.number for found in await store.waiting("ops")] == [0, 2, 4, 6, 7]
    assert await store.revive("n1", NOW)
    assert [found.number for found in await store.waiting("ops")] == [0, 1, 2, 4, 6, 7]
