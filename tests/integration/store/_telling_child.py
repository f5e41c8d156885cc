"""Raises, tells and resolves alerts in a ledger as fast as it can, each with its delivery, until it is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from salus.model import AlertState
from salus.ports import Batch
from salus.store.sqlite import SqliteStore
from tests.integration.store.alerting import NOW, alert, delivery, ended, told

SAID = b".".rjust(63) + b"\n"  # so long that it is not far ahead of whoever reads, once the pipe is full


async def tell(store: SqliteStore, number: int, step: int) -> None:
    """Tell of one alert after the other: the odd number is the delivery of the firing, the next of its end."""
    while True:
        name, firing, resolved = str(number), told(AlertState.FIRING), told(AlertState.RESOLVED)
        await store.write(Batch(alerts=[alert(name, told=firing)], deliveries=[delivery(2 * number + 1)]))
        os.write(1, SAID)
        await store.write(Batch(alerts=[ended(name, NOW, NOW, told=resolved)], deliveries=[delivery(2 * number + 2)]))
        os.write(1, SAID)
        number += step


async def main() -> None:
    """Go on after the highest number."""
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    first = (await store.load(NOW)).last_delivery // 2 + 10
    async with asyncio.TaskGroup() as tasks:
        for task in range(4):
            tasks.create_task(tell(store, first + task, 4))


asyncio.run(main())
