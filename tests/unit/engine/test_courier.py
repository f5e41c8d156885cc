"""The courier: everything arrives, in order, once; a bad channel hurts nobody but itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count, pairwise

import pytest

from salus.engine.bus import Bus
from salus.engine.courier import Courier
from salus.engine.recorder import Recorder
from salus.errors import DeliveryError, NotFoundError, StoreUnwritableError
from salus.model import (
    AlertState,
    ChannelSpec,
    Delivery,
    DeliveryState,
    EventKind,
    Notification,
    Occasion,
)
from salus.ports import Batch, Letter
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import EventLog, VirtualClock, virtual_time


async def run_until(condition: Callable[[], bool], clock: VirtualClock, *, within: float = 3600.0) -> None:
    """Let virtual time pass, at first in small steps, until something holds."""
    end, step = clock.monotonic() + within, 0.01
    while not condition():
        assert clock.monotonic() < end, f"it did not hold within {within:g} virtual seconds"
        await clock.sleep(step)
        step = min(5.0, step * 1.02)


Answer = Callable[[Letter], Awaitable[str]]


@dataclass
class Receiver:
    """A channel that notes what arrives, and fails as it is told."""

    clock: VirtualClock
    down: Callable[[Letter], DeliveryError | None] = lambda _: None
    takes: float = 0.0
    got: list[Letter] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)
    closed: int = 0
    resend: float | None = None

    async def send(self, letter: Letter) -> str:
        self.tries.append(self.clock.monotonic())
        if self.takes:
            await self.clock.sleep(self.takes)
        if (error := self.down(letter)) is not None:
            raise error
        self.got.append(letter)
        return "thanks"

    async def aclose(self) -> None:
        self.closed += 1


@dataclass
class Post:
    """A courier with its outbox."""

    clock: VirtualClock
    store: MemoryStore
    receiver: Receiver
    courier: Courier
    recorder: Recorder
    log: EventLog
    numbers: count[int]

    def send(self, key: str = "web", occasion: Occasion = Occasion.FIRING, channel: str = "chat") -> Delivery:
        number, now = next(self.numbers), self.clock.now()
        note = Notification(
            id=f"n{number}", channel=channel, key=key, occasion=occasion, state=AlertState.FIRING, at=now
        )
        delivery = Delivery(
            id=note.id, channel=channel, key=key, number=number, notification=note, created_at=now, due_at=now
        )
        self.recorder.delivery(delivery)
        self.courier.take(delivery)
        return delivery

    def arrived(self) -> list[str]:
        return [letter.notification.id for letter in self.receiver.got]

    async def until_arrived(self, *names: str, within: float = 3600.0) -> None:
        await run_until(lambda: len(self.receiver.got) >= len(names), self.clock, within=within)
        assert self.arrived() == list(names)


SPEC = ChannelSpec(name="chat", kind="log", timeout=10.0)


@asynccontextmanager
async def post(
    clock: VirtualClock, *, spec: ChannelSpec = SPEC, store: MemoryStore | None = None
) -> AsyncIterator[Post]:
    store = store or MemoryStore()
    await store.open()
    bus = Bus(clock)
    log = EventLog()
    bus.subscribe(log)
    recorder = Recorder(store, clock, bus.tell)
    receiver = Receiver(clock)
    courier = Courier(store, recorder, clock, bus.tell, "salus-1")
    await courier.configure({"chat": (spec, receiver)})
    writing = begin(recorder.run())
    await courier.start()
    last = (await store.load(clock.now())).last_delivery
    try:
        yield Post(clock, store, receiver, courier, recorder, log, count(last + 1))
    finally:
        await courier.stop(1.0)
        await recorder.stop()
        await writing


def virtually(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    with virtual_time() as (runner, clock):

        async def run() -> None:
            await story(clock)

        runner.run(run())


def failing(
    seconds: float, clock: VirtualClock, error: DeliveryError | None = None
) -> Callable[[Letter], DeliveryError | None]:
    end = clock.monotonic() + seconds
    return lambda _: (error or DeliveryError("503")) if clock.monotonic() < end else None


def test_what_is_sent_arrives_and_its_row_is_done() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            sent = there.send()
            await there.until_arrived(sent.id)
            await clock.sleep(1)
            (row,) = await there.store.deliveries()
            assert (row.state, row.attempts, row.claimed_by) == (DeliveryState.SENT, 1, "")
            assert there.log.of(EventKind.NOTIFICATION_SENT)[0].message == "chat: firing delivered: thanks"

    virtually(story)


def test_a_row_is_in_the_ledger_before_the_first_try() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            seen: list[int] = []
            real = there.receiver.send

            async def send(letter: Letter) -> str:
                seen.append(len(await there.store.waiting("chat")))
                return await real(letter)

            there.receiver.send = send  # type: ignore[method-assign]
            there.send()
            await run_until(lambda: bool(seen), clock)
            assert seen == [1]

    virtually(story)


def test_a_receiver_that_is_down_for_ten_minutes_gets_everything_in_order_and_late_ones_say_so() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(600, clock)
            names = []
            for place in range(6):
                names.append(there.send(key=f"k{place % 2}").id)
                await clock.sleep(20)
            await run_until(lambda: len(there.receiver.got) == 6, clock, within=2000)
            assert sorted(there.arrived()) == sorted(names)
            for key in ("k0", "k1"):
                in_order = [one.notification.id for one in there.receiver.got if one.notification.key == key]
                assert in_order == [name for place, name in enumerate(names) if f"k{place % 2}" == key]
            assert all(letter.late >= 60 for letter in there.receiver.got)
            assert [event.kind for event in there.log.of(EventKind.CHANNEL_FAILED, EventKind.CHANNEL_RECOVERED)] == [
                EventKind.CHANNEL_FAILED,
                EventKind.CHANNEL_RECOVERED,
            ]

    virtually(story)


def test_ten_minutes_of_every_trouble_in_turn_lose_nothing_and_leave_the_order() -> None:
    troubles = [DeliveryError("refused"), DeliveryError("500"), DeliveryError("429", retry_after=90.0), TimeoutError()]

    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            names: list[str] = []
            for trouble in troubles:
                end = clock.monotonic() + 600

                async def send(letter: Letter, trouble: Exception = trouble, end: float = end) -> str:
                    there.receiver.tries.append(clock.monotonic())
                    if clock.monotonic() < end:
                        if isinstance(trouble, TimeoutError):  # it hangs, and is cut off
                            await clock.sleep(1e6)
                        raise trouble
                    there.receiver.got.append(letter)
                    return "thanks"

                there.receiver.send = send  # type: ignore[method-assign]
                for place in range(12):
                    names.append(there.send(key=f"k{place % 3}").id)
                    await clock.sleep(50)
                await run_until(lambda: len(there.receiver.got) == len(names), clock, within=2000)
            assert sorted(there.arrived()) == sorted(names)
            for key in ("k0", "k1", "k2"):
                numbers = [int(one.notification.id[1:]) for one in there.receiver.got if one.notification.key == key]
                assert numbers == sorted(numbers)
            late = [letter for letter in there.receiver.got if letter.late]
            assert len(late) >= len(names) - 2 * len(troubles), (
                "all but those of the last minute say that they are late"
            )
            assert len(there.receiver.tries) <= len(names) + 30 * len(troubles), "nobody is asked all the time"

    virtually(story)


def test_a_channel_whose_options_changed_tries_again_at_once() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(1e9, clock)
            names = [there.send(key=f"k{place}").id for place in range(3)]
            await clock.sleep(3600)
            other = Receiver(clock)
            await there.courier.configure({"chat": (SPEC, other)})
            await run_until(lambda: len(other.got) == 3, clock, within=1)
            assert [letter.notification.id for letter in other.got] == names
            assert there.receiver.closed == 1

    virtually(story)


def test_tries_come_ever_more_seldom_up_to_five_minutes() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(7200, clock)
            there.send()
            await run_until(lambda: bool(there.receiver.got), clock, within=9000)
            tries = there.receiver.tries
            pauses = [later - earlier for earlier, later in pairwise(tries)]
            assert all(0.79 * 2**place <= pause <= 1.21 * 2**place + 0.1 for place, pause in enumerate(pauses[:8]))
            assert all(239 <= pause <= 361 for pause in pauses[10:])

    virtually(story)


def test_the_other_side_says_when_it_wants_to_be_asked_again() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(1, clock, DeliveryError("429", retry_after=120))
            there.send()
            there.send(key="other")
            await run_until(lambda: len(there.receiver.got) == 2, clock)
            assert len(there.receiver.tries) == 3
            assert there.receiver.tries[1] - there.receiver.tries[0] >= 120

    virtually(story)


def test_what_can_never_arrive_is_a_dead_letter_at_once_and_holds_nobody_up() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = lambda letter: (
                DeliveryError("400 no such thing", permanent=True) if letter.notification.id == "n1" else None
            )
            there.send()
            second = there.send()
            await there.until_arrived(second.id)
            (dead,) = await there.store.deliveries(state=DeliveryState.DEAD)
            assert (dead.id, dead.error, dead.attempts) == ("n1", "400 no such thing", 1)
            assert there.log.of(EventKind.NOTIFICATION_DEAD)[0].message == "chat: given up: 400 no such thing"

    virtually(story)


def test_a_dead_letter_can_be_revived() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = lambda _: DeliveryError("400", permanent=True)
            there.send()
            await run_until(lambda: bool(there.log.of(EventKind.NOTIFICATION_DEAD)), clock)
            await clock.sleep(1)
            there.receiver.down = lambda _: None
            await there.courier.revive("n1")
            await there.until_arrived("n1")
            with pytest.raises(NotFoundError, match="no dead letter 'n1'"):
                await there.courier.revive("n1")

    virtually(story)


def test_what_was_tried_for_too_long_is_given_up() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock, spec=replace(SPEC, give_up_after=3600)) as there:
            there.receiver.down = failing(1e9, clock)
            there.send()
            await run_until(lambda: bool(there.log.of(EventKind.NOTIFICATION_DEAD)), clock, within=8000)
            assert 3600 <= clock.monotonic() <= 4100

    virtually(story)


def test_a_channel_that_hangs_is_cut_off_and_tried_again() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.takes = 1e6
            there.send()
            await clock.sleep(11)
            there.receiver.takes = 0
            await there.until_arrived("n1")
            assert there.log.of(EventKind.NOTIFICATION_FAILED)[0].message == "chat: try 1: no answer within 10 s"

    virtually(story)


def test_a_slow_channel_delays_no_other() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            quick = Receiver(clock)
            spec = ChannelSpec(name="quick", kind="log")
            await there.courier.configure({"chat": (SPEC, there.receiver), "quick": (spec, quick)})
            there.receiver.takes = 9.0
            for _ in range(5):
                there.send()
            there.send(channel="quick")
            await run_until(lambda: bool(quick.got), clock, within=1)
            assert clock.monotonic() < 1
            assert there.receiver.closed == 0

    virtually(story)


def test_one_that_fails_holds_up_its_own_key_only() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            poison = {"n1"}
            there.receiver.down = lambda letter: DeliveryError("500") if letter.notification.id in poison else None
            there.send(key="poison")
            there.send(key="poison")
            for _ in range(3):
                there.send(key="fine")
            await run_until(lambda: len(there.receiver.got) == 3, clock, within=60)
            assert there.arrived() == ["n3", "n4", "n5"]
            poison.clear()
            await run_until(lambda: len(there.receiver.got) == 5, clock, within=600)
            assert there.arrived()[3:] == ["n1", "n2"]

    virtually(story)


def test_what_an_earlier_salus_left_in_the_outbox_goes_out() -> None:
    async def story(clock: VirtualClock) -> None:
        store = MemoryStore()
        async with post(clock, store=store) as there:
            there.receiver.down = failing(1e9, clock)
            for _ in range(3):
                there.send()
            await clock.sleep(30)
        async with post(clock, store=store) as later:
            await later.until_arrived("n1", "n2", "n3", within=600)
            await clock.sleep(1)
            assert {row.state for row in await store.deliveries()} == {DeliveryState.SENT}

    virtually(story)


def test_what_a_dead_salus_had_claimed_is_taken_over() -> None:
    async def story(clock: VirtualClock) -> None:
        store = MemoryStore()
        async with post(clock, store=store) as there:
            there.receiver.takes = 5.0
            sent = there.send()
            await run_until(lambda: bool(there.receiver.tries), clock)
            assert (
                await store.claim(
                    replace(sent, attempts=1), "nobody", clock.now(), stale_before=clock.now() - timedelta(1)
                )
                is False
            )
        await clock.sleep(60)
        row = (await store.waiting("chat"))[0]
        assert row.claimed_by == "salus-1"
        bus = Bus(clock)
        recorder = Recorder(store, clock, bus.tell)
        await store.open()
        courier, receiver = Courier(store, recorder, clock, bus.tell, "salus-2"), Receiver(clock)
        await courier.configure({"chat": (SPEC, receiver)})
        await courier.start()
        await run_until(lambda: bool(receiver.got), clock)
        assert receiver.got[0].attempt == 2
        await courier.stop(1.0)

    virtually(story)


def test_what_is_waited_for_is_known_by_its_key() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(30, clock)
            there.send(key="web")
            assert there.courier.waits("chat", "web")
            assert not there.courier.waits("chat", "db")
            await run_until(lambda: bool(there.receiver.got), clock)
            assert not there.courier.waits("chat", "web")

    virtually(story)


def test_more_than_fits_in_memory_waits_in_the_outbox_and_arrives_in_order() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(30, clock)
            names = [there.send().id for _ in range(1500)]
            assert there.courier.report()[0].waiting <= 1000
            await run_until(lambda: len(there.receiver.got) == 1500, clock, within=4000)
            assert there.arrived() == names

    virtually(story)


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_hearing() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            await there.store.close()
            sent = there.send()
            await there.until_arrived(sent.id)
            await there.store.open()
            await clock.sleep(60)
            (row,) = await there.store.deliveries()
            assert row.state is DeliveryState.SENT
            assert there.arrived() == [sent.id]

    virtually(story)


class FullDisk(MemoryStore):
    """Takes no new rows while it is full; what changes no row works, as in a real database."""

    full = False

    async def write(self, batch: Batch) -> None:
        if self.full:
            raise StoreUnwritableError("the disk is full")
        await super().write(batch)


def test_a_full_disk_on_which_claims_find_no_row_keeps_nobody_from_hearing() -> None:
    async def story(clock: VirtualClock) -> None:
        store = FullDisk()
        async with post(clock, store=store) as there:
            there.receiver.down = failing(2, clock)
            store.full = True
            sent = there.send()
            await there.until_arrived(sent.id)
            store.full = False
            there.courier.ledger_is_back()
            await clock.sleep(120)
            assert there.arrived() == [sent.id]
            (row,) = await store.deliveries()
            assert row.state is DeliveryState.SENT

    virtually(story)


def test_a_ledger_that_fails_after_it_had_the_row_makes_nobody_hear_twice() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(5, clock)
            sent = there.send()
            await clock.sleep(3)
            await there.store.close()
            await there.until_arrived(sent.id)
            await clock.sleep(5)
            await there.store.open()
            there.courier.ledger_is_back()
            await clock.sleep(120)
            assert there.arrived() == [sent.id]
            (row,) = await there.store.deliveries()
            assert row.state is DeliveryState.SENT

    virtually(story)


def test_a_revived_letter_is_tried_as_long_as_a_new_one() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock, spec=replace(SPEC, give_up_after=600)) as there:
            there.receiver.down = failing(1000, clock)
            there.send()
            await run_until(lambda: bool(there.log.of(EventKind.NOTIFICATION_DEAD)), clock)
            await clock.sleep(1)
            await there.courier.revive("n1")
            await there.until_arrived("n1")

    virtually(story)


def test_what_a_stranger_raises_tells_nothing_of_its_secrets() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:

            async def send(letter: Letter) -> str:
                raise ValueError("https://hooks.example.org/token-hunter2")

            there.receiver.send = send  # type: ignore[method-assign]
            there.send()
            await run_until(lambda: bool(there.log.of(EventKind.NOTIFICATION_FAILED)), clock)
            assert "hunter2" not in there.log.of(EventKind.NOTIFICATION_FAILED)[0].message
            assert "hunter2" not in there.courier.report()[0].error
            assert "ValueError" in there.courier.report()[0].error

    virtually(story)
