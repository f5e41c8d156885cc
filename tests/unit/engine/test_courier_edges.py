"""The courier where the ledger, the outbox or a channel is in a state that is seldom seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from salus.errors import DeliveryError, StoreUnreadableError, StoreUnwritableError
from salus.model import Delivery, DeliveryState, EventKind
from salus.ports import Batch, Letter
from salus.store.memory import MemoryStore
from salus.testing import VirtualClock
from tests.unit.engine.test_courier import SPEC, failing, post, run_until, virtually


def test_more_than_fits_in_memory_under_one_key_waits_in_the_outbox_and_arrives_in_order() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(1800, clock)
            names = [there.send("all").id for _ in range(1300)]
            await run_until(lambda: len(there.receiver.got) == 1300, clock, within=9000)
            assert there.arrived() == names

    virtually(story)


class Refusing(MemoryStore):
    """Never takes what is to go to a channel; cannot be read while ``broken``."""

    refuses = ""
    broken = False

    async def write(self, batch: Batch) -> None:
        if any(one.channel == self.refuses for one in batch.deliveries):
            error = StoreUnwritableError("refused the rows")
            error.permanent = True
            raise error
        await super().write(batch)

    async def waiting(self, channel: str, *, limit: int = 200) -> Sequence[Delivery]:
        if self.broken:
            raise StoreUnreadableError("it is locked")
        return await super().waiting(channel, limit=limit)


def test_what_the_ledger_refuses_is_sent_all_the_same() -> None:
    async def story(clock: VirtualClock) -> None:
        store = Refusing()
        store.refuses = "chat"
        async with post(clock, store=store) as there:
            sent = there.send()
            await there.until_arrived(sent.id)
            await clock.sleep(600)
            assert there.arrived() == [sent.id]

    virtually(story)


def test_an_outbox_that_could_not_be_read_at_the_start_is_read_later() -> None:
    async def story(clock: VirtualClock) -> None:
        store = Refusing()
        async with post(clock, store=store) as there:
            there.receiver.down = failing(1e9, clock)
            there.send()
            await clock.sleep(30)
        store.broken = True
        async with post(clock, store=store) as later:
            await clock.sleep(100)
            second = later.send()
            await later.until_arrived(second.id)
            store.broken = False
            await run_until(lambda: len(later.receiver.got) == 2, clock, within=60)
            assert later.arrived() == [second.id, "n1"]

    virtually(story)


def test_a_channel_that_is_switched_off_costs_nothing_while_something_waits_for_it() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock, spec=replace(SPEC, enabled=False)) as there:
            there.send()
            turns = 0
            real = there.courier._turn

            async def turn(lane: object) -> None:
                nonlocal turns
                turns += 1
                await real(lane)  # type: ignore[arg-type]

            there.courier._turn = turn  # type: ignore[method-assign]
            await clock.sleep(3000)
            assert turns < 20
            assert there.receiver.got == []

    virtually(story)


def test_a_fault_of_our_own_closes_no_channel() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            real = there.store.claim

            async def claim(*_: object, **__: object) -> bool:
                there.store.claim = real  # type: ignore[method-assign]
                raise LookupError("a fault")

            there.store.claim = claim  # type: ignore[method-assign]
            first, second = there.send(), there.send("db")
            await there.until_arrived(first.id, second.id, within=120)

    virtually(story)


def test_a_test_that_arrives_lets_everything_that_waits_go_out_at_once() -> None:
    async def story(clock: VirtualClock) -> None:
        async with post(clock) as there:
            there.receiver.down = failing(3000, clock)
            for key in ("a", "b", "c"):
                there.send(key)
            await clock.sleep(3010)
            assert there.receiver.got == []
            sent = there.send("d").notification
            await there.courier.test("chat", sent)
            await run_until(lambda: len(there.receiver.got) == 5, clock, within=1)

    virtually(story)


def test_the_next_salus_knows_since_when_a_channel_fails() -> None:
    async def story(clock: VirtualClock) -> None:
        store = MemoryStore()
        async with post(clock, store=store) as there:
            there.receiver.down = failing(1e9, clock)
            begun = clock.now()
            there.send()
            await run_until(lambda: bool(there.log.of(EventKind.CHANNEL_FAILED)), clock)
            await clock.sleep(1)
        async with post(clock, store=store) as later:
            (report,) = later.courier.report()
            assert report.failing_since == begun
            assert report.error == "503"
            assert later.courier.failing() == {"chat": "503"}
            await later.until_arrived("n1")
            await clock.sleep(1)
            assert later.courier.failing() == {}
            assert later.courier.report()[0].failing_since is None
            assert [event.reason for event in later.log.of(EventKind.CHANNEL_RECOVERED)] == ["chat"]
            assert {row.state for row in await store.deliveries()} == {DeliveryState.SENT}

    virtually(story)


def test_a_single_failure_of_an_earlier_salus_is_no_failing_channel_yet() -> None:
    async def story(clock: VirtualClock) -> None:
        store = MemoryStore()
        async with post(clock, store=store) as there:

            def down(_: Letter) -> DeliveryError | None:
                return DeliveryError("503")

            there.receiver.down = down
            there.send()
            await run_until(lambda: len(there.receiver.tries) == 1, clock)
            await clock.sleep(0.1)
        async with post(clock, store=store) as later:
            assert later.courier.failing() == {}
            assert later.courier.report()[0].failing_since is not None
            await later.until_arrived("n1")

    virtually(story)
