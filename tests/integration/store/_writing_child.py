"""Writes to a ledger as fast as it can, from several tasks, and says on standard output what was acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from salus.model import Event, EventKind, RecoveryRecord, RuleState
from salus.ports import Batch
from salus.store.sqlite import SqliteStore

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LINE = 64  # so long that it is not far ahead of whoever reads, once the pipe is full


async def write(store: SqliteStore, first: int) -> None:
    number = first
    while True:
        event = Event(id=number, at=NOW, kind=EventKind.RECOVERY_STARTED, message="m" * 100, recovery=str(number))
        record = RecoveryRecord(id=str(number), rule="web", check="web", decided_at=NOW, started_at=NOW)
        await store.write(Batch(events=[event], recoveries=[record], rule_states=[RuleState(rule="web", attempts=1)]))
        os.write(1, f"{number:{LINE - 1}}\n".encode())
        number += 10


async def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    last = (await store.load(NOW)).last_event_id
    base = last - last % 10 + 10
    async with asyncio.TaskGroup() as tasks:
        for task in range(4):
            tasks.create_task(write(store, base + task))


asyncio.run(main())
