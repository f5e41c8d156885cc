"""Takes notifications to their channels: durable before the first try, in order, again until they arrive.

1. Every channel has a worker of its own, so that a slow one delays nobody else.
2. Nothing is sent before the ledger has it (unless the ledger cannot be written: then it is sent all the same), and
   each try claims its row by compare-and-set.
3. What belongs together (one channel, one key) goes out in the order in which it was made. Others need not wait for it.
4. A passing failure is tried again, after 1 s, 2 s, 4 s ... up to 5 minutes, each a little later or earlier by chance,
   and never before the other side wants it. A failing channel as a whole rests likewise. After ``give_up_after``, or at
   once where a try can never succeed, it is a dead letter: visible, and a person may revive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from salus.engine.lane import FAILING_AFTER, MOST, Lane
from salus.errors import DeliveryError, NotFoundError, StoreError
from salus.model import ChannelReport, ChannelSpec, Delivery, DeliveryState, EventKind, Notification
from salus.ports import Channel, Clock, Letter, Outbox, Tell
from salus.tasks import Nursery
from salus.units import format_duration

_log = logging.getLogger("salus.courier")

LATE = 60.0
CLAIM_LASTS = timedelta(minutes=10)
REREAD, REREAD_LATER = timedelta(seconds=1), timedelta(seconds=30)
_MOST_WAIT = 300.0


class Keeper(Protocol):
    """What the courier needs of the recorder."""

    def delivery(self, delivery: Delivery) -> None:
        """Take a delivery as it is now, whose row is not written yet."""
        ...

    async def commit(self) -> bool:
        """Make every row so far durable; false when the ledger cannot be written."""
        ...


class Courier:
    """Delivers. ``take`` and ``waits`` are called by the alerter; the rest by the agent and by people."""

    def __init__(self, outbox: Outbox, keeper: Keeper, clock: Clock, tell: Tell, name: str) -> None:
        """Deliver what is in ``outbox``; ``name`` tells this Salus' claims from those of others."""
        self._outbox = outbox
        self._keeper = keeper
        self._clock = clock
        self._tell = tell
        self._name = name
        self._chance = Random(name)  # noqa: S311 - when to try again is no secret
        self._lanes: dict[str, Lane] = {}
        self._tasks = Nursery(self._crashed)
        self._started = clock.now()
        self._revived: dict[str, datetime] = {}
        self._running = False

    # ── life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def configure(self, channels: Mapping[str, tuple[ChannelSpec, Channel]]) -> None:
        """Take the channels of a config; one that is the same object goes on undisturbed, others try again at once."""
        gone = [lane for name, lane in self._lanes.items() if channels.get(name, (None, None))[1] is not lane.channel]
        for lane in gone:
            del self._lanes[lane.spec.name]
            if lane.task is not None:
                lane.task.cancel()
                await asyncio.wait({lane.task})
            await self._close(lane)
        for name, (spec, channel) in channels.items():
            if (known := self._lanes.get(name)) is not None:
                known.spec = spec
                known.wake.set()
                continue
            self._lanes[name] = Lane(spec, channel)
            if self._running:
                await self._open(self._lanes[name])
                self._lanes[name].hurry(self._clock.now())

    async def start(self) -> None:
        """Begin: first with what an earlier Salus left in the outbox."""
        self._running = True
        for lane in self._lanes.values():
            await self._open(lane)

    async def stop(self, grace: float) -> None:
        """Begin no new try, let running ones end within ``grace`` seconds; what is left stays in the outbox."""
        self._running = False
        for lane in self._lanes.values():
            lane.stopping = True
            lane.wake.set()
        await self._tasks.stop(grace)
        for lane in self._lanes.values():
            await self._close(lane)

    async def _open(self, lane: Lane) -> None:
        await self._read(lane)
        lane.recall_failures()
        lane.task = self._tasks.start(f"channel {lane.spec.name}", self._work(lane))

    async def _close(self, lane: Lane) -> None:
        try:
            await lane.channel.aclose()
        except Exception:  # noqa: BLE001 - a stranger's channel must not keep the others open
            _log.exception("closing the channel %s failed", lane.spec.name)

    async def _read(self, lane: Lane) -> None:
        """Take up what waits in the outbox; while it cannot be read, what is in memory goes out."""
        await self._keeper.commit()
        asked, lane.reread_at = lane.page, None
        try:
            lane.refill(await self._outbox.waiting(lane.spec.name, limit=asked), asked)
        except StoreError as error:
            _log.warning("the outbox of %s cannot be read: %s", lane.spec.name, error)
            lane.more, lane.reread_at = False, self._clock.now() + REREAD_LATER

    # ── what comes in ─────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, delivery: Delivery) -> None:
        """Take a delivery that is on its way into the ledger."""
        if (lane := self._lanes.get(delivery.channel)) is not None:
            lane.add(delivery)

    def ledger_is_back(self) -> None:
        """Look into the outbox again: what did not fit in here while it could not be written is there now."""
        for lane in self._lanes.values():
            lane.more = True
            lane.wake.set()

    def waits(self, channel: str, key: str) -> bool:
        """Tell whether something of that channel and key is not delivered yet."""
        lane = self._lanes.get(channel)
        return lane is not None and lane.holds(key)

    def failing(self) -> Mapping[str, str]:
        """Return the channels that nothing gets through, and why."""
        return {name: lane.error for name, lane in self._lanes.items() if lane.told_failing}

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._started += by
        for lane in self._lanes.values():
            lane.shift(by)

    # ── one channel ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _work(self, lane: Lane) -> None:
        while not lane.stopping:
            try:
                await self._turn(lane)
            except Exception:  # noqa: BLE001 - one bad letter must not close the channel for all that follow
                _log.exception("the channel %s failed in Salus itself; it goes on", lane.spec.name)
                lane.put_off(self._clock.now() + REREAD_LATER)

    async def _turn(self, lane: Lane) -> None:
        """Deliver one, or wait until there is one to deliver."""
        now = self._clock.now()
        lane.more = lane.more or (lane.reread_at is not None and lane.reread_at <= now)
        if lane.more and lane.rested(now) and lane.next(now) is None and len(lane.waiting) < MOST:
            await self._read(lane)
        delivery = lane.next(now) if lane.spec.enabled else None
        if delivery is not None:
            await self._deliver(lane, delivery)
            return
        lane.wake.clear()
        due = [at for at in (lane.due(), lane.reread_at) if at is not None and lane.spec.enabled]
        wait = min(_MOST_WAIT, max(0.001, (min(due) - now).total_seconds())) if due else _MOST_WAIT
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await lane.wake.wait()

    async def _deliver(self, lane: Lane, delivery: Delivery) -> None:
        if delivery.id in lane.fresh and await self._keeper.commit():
            lane.fresh.discard(delivery.id)
        # What the ledger has not taken is sent all the same, at every try: a full disk has no row to claim.
        claimed = None if delivery.id in lane.fresh else await self._claim(delivery)
        if claimed is False:  # somebody else tries it, or did: what is true stands in the outbox
            lane.drop(delivery)
            lane.put_off(self._clock.now() + REREAD)
            return
        tried = replace(delivery, attempts=delivery.attempts + 1, claimed_by=self._name)
        try:
            said = await self._try(lane, tried)
        except DeliveryError as error:
            await self._failed(lane, tried, error, written=claimed is True)
        else:
            await self._sent(lane, tried, said, written=claimed is True)

    async def _claim(self, delivery: Delivery) -> bool | None:
        """Claim a row: true and false as the ledger says; None where it cannot be written: then it is sent anyway."""
        now = self._clock.now()
        try:
            return await self._outbox.claim(
                delivery, self._name, now, stale_before=max(self._started, now - CLAIM_LASTS)
            )
        except StoreError as error:
            _log.warning("a notification is sent without a claim: %s", error)
            return None

    async def _try(self, lane: Lane, delivery: Delivery) -> str:
        """Send it once.

        Raises:
            DeliveryError: whatever kept it from arriving.
        """
        late = (self._clock.now() - delivery.created_at).total_seconds()
        timeout = lane.spec.timeout
        letter = Letter(
            notification=delivery.notification,
            attempt=delivery.attempts,
            late=late if late >= LATE else 0.0,
            timeout=timeout,
        )
        return await self._send(lane.channel, letter)

    async def _send(self, channel: Channel, letter: Letter) -> str:
        deadline = asyncio.timeout(letter.timeout)
        try:
            async with deadline:
                return await channel.send(letter)
        except DeliveryError:
            raise
        except TimeoutError as error:
            if not deadline.expired():
                raise DeliveryError(f"it timed out: {error}") from error
            raise DeliveryError(f"no answer within {format_duration(letter.timeout)}") from error
        except Exception as error:
            # What a stranger's channel raised may hold a secret: only its kind is told.
            raise DeliveryError(f"the channel failed with {type(error).__name__}") from error

    async def _sent(self, lane: Lane, delivery: Delivery, said: str, *, written: bool) -> None:
        lane.drop(delivery)
        self._revived.pop(delivery.id, None)
        lane.sent += 1
        lane.failures, lane.held_until, lane.error, lane.failing_since = 0, None, "", None
        done = replace(delivery, state=DeliveryState.SENT, error="", ended_at=self._clock.now())
        await self._book(done, written=written)
        note = delivery.notification
        self._say(EventKind.NOTIFICATION_SENT, delivery, f"{lane.spec.name}: {note.occasion} delivered{_after(said)}")
        if lane.told_failing:
            lane.told_failing = False
            self._tell(EventKind.CHANNEL_RECOVERED, reason=lane.spec.name, message=f"{lane.spec.name} can be reached")

    async def _failed(self, lane: Lane, delivery: Delivery, error: DeliveryError, *, written: bool) -> None:
        now = self._clock.now()
        lane.failed += 1
        lane.error = str(error)
        lane.failing_since = lane.failing_since or now
        since = self._revived.get(delivery.id, delivery.created_at)
        given_up = error.permanent or (now - since).total_seconds() >= lane.spec.give_up_after
        if given_up:
            lane.drop(delivery)
            self._revived.pop(delivery.id, None)
            lane.dead += 1
            after = replace(delivery, state=DeliveryState.DEAD, error=str(error), ended_at=now)
            self._say(EventKind.NOTIFICATION_DEAD, delivery, f"{lane.spec.name}: given up: {error}")
        else:
            lane.failures += 1
            after = replace(
                delivery,
                error=str(error),
                due_at=now + lane.pause(delivery.attempts, error.retry_after, self._chance),
                claimed_by="",
            )
            lane.held_until = now + lane.pause(lane.failures, error.retry_after, self._chance)
            lane.replace(after)
            self._say(EventKind.NOTIFICATION_FAILED, delivery, f"{lane.spec.name}: try {delivery.attempts}: {error}")
        await self._book(after, written=written)
        self._tell_failing(lane)

    def _tell_failing(self, lane: Lane) -> None:
        if not lane.told_failing and (lane.failures >= FAILING_AFTER or lane.dead_in_a_row):
            lane.told_failing = True
            self._tell(EventKind.CHANNEL_FAILED, reason=lane.spec.name, message=f"{lane.spec.name}: {lane.error}")

    async def _book(self, delivery: Delivery, *, written: bool) -> None:
        """Write how a try ended; where the row itself could not be written yet, it is written like this."""
        if not written:
            self._keeper.delivery(delivery)
            return
        try:
            await self._outbox.release(delivery, self._name)
        except StoreError as error:
            _log.warning("how a notification fared cannot be written now: %s", error)
            self._keeper.delivery(delivery)

    def _say(self, kind: EventKind, delivery: Delivery, message: str) -> None:
        note = delivery.notification
        self._tell(
            kind,
            check=note.alerts[0].check if len(note.alerts) == 1 else None,
            reason=delivery.channel,
            message=message,
            data={"notification": delivery.id, "attempt": delivery.attempts, "occasion": note.occasion.value},
        )

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed in Salus itself", name, exc_info=error)

    # ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────

    def report(self) -> list[ChannelReport]:
        """Say how the channels are doing, by name."""
        return [lane.report() for _, lane in sorted(self._lanes.items())]

    async def test(self, channel: str, notification: Notification) -> str:
        """Send something past the outbox, once; says what the other side said.

        Raises:
            NotFoundError: there is no channel of that name.
            DeliveryError: it did not arrive.
        """
        if (lane := self._lanes.get(channel)) is None:
            known = ", ".join(sorted(self._lanes)) or "none"
            raise NotFoundError(f"there is no channel {channel!r}", remedy=f"known are {known}")
        said = await self._send(lane.channel, Letter(notification=notification, timeout=lane.spec.timeout))
        lane.held_until = None  # it can be reached: what waits need wait no longer
        lane.hurry(self._clock.now())
        lane.wake.set()
        return said

    async def revive(self, delivery: str) -> None:
        """Try a dead letter again.

        Raises:
            NotFoundError: there is none of that id.
            StoreUnwritableError: the ledger cannot be written.
        """
        if not await self._outbox.revive(delivery, self._clock.now()):
            raise NotFoundError(f"there is no dead letter {delivery!r}", remedy="`salus notify dead` lists them")
        self._revived[delivery] = self._clock.now()
        for lane in self._lanes.values():
            await self._read(lane)
            lane.wake.set()


def _after(said: str) -> str:
    return f": {said}" if said else ""
