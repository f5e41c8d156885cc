"""Claims what waits in a ledger, with others at it, and says on standard output which deliveries it tried."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from salus.model import Delivery, DeliveryState
from salus.store.sqlite import SqliteStore
from tests.integration.store.alerting import NOW, STALE


async def try_one(store: SqliteStore, delivery: Delivery, by: str) -> None:
    """Claim it, try it, write that it was sent."""
    if not await store.claim(delivery, by, NOW, stale_before=STALE):
        return
    os.write(1, f"{delivery.number}\n".encode())
    assert await store.release(replace(delivery, state=DeliveryState.SENT, ended_at=NOW), by)


async def main() -> None:
    """Stop when nothing waits any more."""
    store, by = SqliteStore(Path(sys.argv[1])), sys.argv[2]
    await store.open()
    os.write(1, b"ready\n")
    sys.stdin.readline()
    while found := await store.waiting("ops", limit=20):
        await asyncio.gather(*(try_one(store, delivery, by) for delivery in found))
    await store.close()


asyncio.run(main())
