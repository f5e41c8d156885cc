"""The store in memory keeps within its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from salus.model import Event, EventKind, Observation, Outcome, RecoveryRecord, Status
from salus.ports import Batch, EventQuery, RecoveryQuery
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
