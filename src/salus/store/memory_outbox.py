"""The outbox in memory, and the shelf on which it and the alerts lie: what is open never goes, what ended is a ring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from salus.errors import StoreUnwritableError
from salus.model import Delivery, DeliveryState

T = TypeVar("T")


class Shelf(Generic[T]):
    """Rows by id: those that are open, and the newest of those that ended."""

    __slots__ = ("_most", "ended", "open")

    def __init__(self, most: int) -> None:
        """Keep that many of those that ended."""
        self._most = most
        self.open: dict[str, T] = {}
        self.ended: dict[str, T] = {}  # in the order in which they ended

    def put(self, name: str, row: T, *, is_open: bool) -> None:
        """Put a row in the place of the one of the same id."""
        if is_open:
            self.ended.pop(name, None)
            self.open[name] = row
            return
        self.open.pop(name, None)
        self.ended[name] = row
        while len(self.ended) > self._most:
            del self.ended[next(iter(self.ended))]

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a row of that id."""
        return name in self.open or name in self.ended

    def __iter__(self) -> Iterator[T]:
        """Go through all rows."""
        yield from self.open.values()
        yield from self.ended.values()

    def __len__(self) -> int:
        """Count all rows."""
        return len(self.open) + len(self.ended)


class MemoryOutbox:
    """``salus.ports.Outbox`` in memory."""

    def __init__(self, deliveries: int) -> None:
        """Keep that many of those that are done."""
        self._deliveries: Shelf[Delivery] = Shelf(deliveries)
        self._open = False

    def _must_be_open(self) -> None:
        if not self._open:
            raise StoreUnwritableError("the ledger in memory is not open", remedy="Open the store first")

    def _new_deliveries(self, batch: Iterable[Delivery]) -> list[Delivery]:
        """Return those that are not there yet.

        Raises:
            StoreUnwritableError: one bears the number of another; ``permanent``.
        """
        numbers = {kept.number: kept.id for kept in self._deliveries}
        new: dict[str, Delivery] = {}
        for delivery in batch:
            if delivery.id in self._deliveries or delivery.id in new:
                continue
            if numbers.setdefault(delivery.number, delivery.id) != delivery.id:
                error = StoreUnwritableError(f"two deliveries bear the number {delivery.number}")
                error.permanent = True
                raise error
            new[delivery.id] = delivery
        return list(new.values())

    def _keep_delivery(self, delivery: Delivery) -> None:
        self._deliveries.put(delivery.id, delivery, is_open=delivery.state is DeliveryState.WAITING)

    async def waiting(self, channel: str, *, limit: int = 200) -> Sequence[Delivery]:
        """Return the deliveries of a channel that are not done, the oldest first."""
        found = [kept for kept in self._deliveries.open.values() if kept.channel == channel]
        found.sort(key=lambda kept: kept.number)
        return found[: max(0, limit)]

    async def claim(self, delivery: Delivery, by: str, now: datetime, *, stale_before: datetime) -> bool:
        """Compare and set: take a waiting delivery, unless another took it after ``stale_before``."""
        self._must_be_open()
        kept = self._deliveries.open.get(delivery.id)
        if kept is None or kept.attempts > delivery.attempts or _is_held(kept, by, now, stale_before):
            return False
        self._keep_delivery(replace(kept, claimed_by=by, claimed_at=now, attempts=delivery.attempts + 1))
        return True

    async def release(self, delivery: Delivery, by: str) -> bool:
        """Write how a try of a claimed delivery ended, and let go; false when ``by`` no longer holds the claim."""
        self._must_be_open()
        kept = self._deliveries.open.get(delivery.id)
        if kept is None or kept.claimed_at is None or kept.claimed_by != by:
            return False
        done = replace(kept, state=delivery.state, due_at=delivery.due_at, error=delivery.error)
        self._keep_delivery(replace(done, ended_at=delivery.ended_at, claimed_by="", claimed_at=None))
        return True

    async def revive(self, delivery: str, now: datetime) -> bool:
        """Put a dead letter back among the waiting, due now; false when there is no such dead letter."""
        self._must_be_open()
        kept = self._deliveries.ended.get(delivery)
        if kept is None or kept.state is not DeliveryState.DEAD:
            return False
        self._keep_delivery(replace(kept, state=DeliveryState.WAITING, due_at=now, ended_at=None))
        return True

    async def deliveries(
        self, *, channel: str | None = None, state: DeliveryState | None = None, limit: int = 100
    ) -> Sequence[Delivery]:
        """Return deliveries, newest first."""
        found = sorted(self._deliveries, key=lambda kept: kept.number, reverse=True)
        fits = (kept for kept in found if channel in (None, kept.channel) and state in (None, kept.state))
        return list(islice(fits, max(0, limit)))

    async def depth(self) -> Mapping[str, int]:
        """Return how many deliveries wait, by channel."""
        found: dict[str, int] = {}
        for channel in sorted(kept.channel for kept in self._deliveries.open.values()):
            found[channel] = found.get(channel, 0) + 1
        return found


def _is_held(kept: Delivery, by: str, now: datetime, stale_before: datetime) -> bool:
    """Tell whether another is trying it, by the rules of ``salus.store.outbox``."""
    if kept.claimed_by in ("", by) or kept.claimed_at is None or kept.claimed_at <= stale_before:
        return False
    return kept.claimed_at - now <= now - stale_before
