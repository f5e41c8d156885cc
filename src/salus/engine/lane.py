"""The deliveries of one channel that are on their way, in order, and how the channel is doing. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from salus.model import ChannelReport, ChannelSpec, Delivery
from salus.ports import Channel

MOST = 1_000
PAGE = 200
FAILING_AFTER = 3
FIRST_PAUSE, MOST_PAUSE = 1.0, 300.0
JITTER = 0.2


@dataclass(slots=True, eq=False)
class Lane:
    """One channel.

    Attributes:
        spec, channel: what it is.
        waiting: deliveries in the order of their numbers.
        fresh: ids of those whose rows may not be durable yet.
        more: the outbox holds further ones than are here.
        reread_at: when the outbox, which could not be read, is looked into again, or None.
        wake: set when there is something to do.
        task: the worker.
        stopping: no further try begins.
        failures: tries in a row that failed.
        held_until: no try begins before.
        failing_since: since when nothing got through.
        error: why.
        told_failing: an event told that it fails.
        sent, failed, dead: since the start.
    """

    spec: ChannelSpec
    channel: Channel
    waiting: list[Delivery] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    more: bool = False
    reread_at: datetime | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    stopping: bool = False
    failures: int = 0
    held_until: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""
    told_failing: bool = False
    sent: int = 0
    failed: int = 0
    dead: int = 0

    @property
    def dead_in_a_row(self) -> bool:
        """Tell whether letters died since the last one got through: a wrong address fails once, and for ever."""
        return self.failing_since is not None and self.failures == 0 and self.dead > 0

    def add(self, delivery: Delivery) -> None:
        """Take one more; beyond ``MOST`` they stay in the outbox until there is room."""
        if self.more or len(self.waiting) >= MOST:
            self.more = True
        else:
            self.waiting.append(delivery)
            self.fresh.add(delivery.id)
        self.wake.set()

    @property
    def page(self) -> int:
        """Return how many of the oldest rows of the outbox hold some that are not here, if there are any."""
        return len(self.waiting) + PAGE

    def refill(self, found: Sequence[Delivery], asked: int) -> None:
        """Take what the outbox holds, of which ``asked`` rows were asked for; what is here already stays as it is."""
        here = {delivery.id for delivery in self.waiting}
        self.waiting = sorted([*self.waiting, *(one for one in found if one.id not in here)], key=_number)
        self.more = len(found) >= asked

    def recall_failures(self) -> None:
        """Know from the tries of an earlier Salus that the channel fails; the next one that arrives says otherwise."""
        tried = [one for one in self.waiting if one.attempts and one.error]
        if tried and self.failing_since is None:
            self.failing_since = min(one.created_at for one in tried)
            self.error = max(tried, key=lambda one: (one.due_at, one.number)).error
            self.told_failing = max(one.attempts for one in tried) >= FAILING_AFTER

    def holds(self, key: str) -> bool:
        """Tell whether something of that key waits."""
        return any(delivery.key == key for delivery in self.waiting)

    def rested(self, now: datetime) -> bool:
        """Tell whether a try may begin."""
        return self.held_until is None or now >= self.held_until

    def next(self, now: datetime) -> Delivery | None:
        """Return what is to be tried now: the first that is due and has nothing of its key before it."""
        if not self.rested(now):
            return None
        blocked: set[str] = set()
        for delivery in self.waiting:
            if delivery.key in blocked:
                continue
            if delivery.due_at <= now:
                return delivery
            blocked.add(delivery.key)
        return None

    def due(self) -> datetime | None:
        """Return when ``next`` will give something, or None."""
        firsts: dict[str, datetime] = {}
        for delivery in self.waiting:
            firsts.setdefault(delivery.key, delivery.due_at)
        due = min(firsts.values(), default=None)
        if self.held_until is None or (due is None and not self.more):
            return due
        return max(due or self.held_until, self.held_until)

    def drop(self, delivery: Delivery) -> None:
        """Forget one that is done."""
        self.waiting = [one for one in self.waiting if one.id != delivery.id]
        self.fresh.discard(delivery.id)

    def replace(self, delivery: Delivery) -> None:
        """Take one as it is after a try."""
        self.waiting = [delivery if one.id == delivery.id else one for one in self.waiting]

    def hurry(self, now: datetime) -> None:
        """Try everything that is here at once: what kept it from arriving was changed."""
        self.waiting = [replace(one, due_at=min(one.due_at, now)) for one in self.waiting]

    def put_off(self, until: datetime) -> None:
        """Begin no try before an instant, and then look into the outbox again."""
        self.more, self.held_until = True, until

    def pause(self, failures: int, retry_after: float | None, chance: Random) -> timedelta:
        """Return how long to rest after so many failures in a row."""
        seconds = min(MOST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
        seconds *= 1 + JITTER * (2 * chance.random() - 1)
        return timedelta(seconds=max(seconds, retry_after or 0.0))

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self.held_until = self.held_until + by if self.held_until else None
        self.failing_since = self.failing_since + by if self.failing_since else None
        self.reread_at = self.reread_at + by if self.reread_at else None
        self.waiting = [replace(one, due_at=one.due_at + by, created_at=one.created_at + by) for one in self.waiting]
        self.wake.set()

    def report(self) -> ChannelReport:
        """Say how it is doing."""
        return ChannelReport(
            spec=self.spec,
            waiting=len(self.waiting),
            sent=self.sent,
            failed=self.failed,
            dead=self.dead,
            failing_since=self.failing_since,
            error=self.error,
            held_until=self.held_until,
        )


def _number(delivery: Delivery) -> int:
    return delivery.number
