"""Rows are kept while the store fails, healing goes on, and everything is written when it is back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from salus.engine.bus import Bus
from salus.engine.recorder import MOST_ROWS, Recorder
from salus.errors import StoreUnwritableError
from salus.model import (
    Alert,
    AlertState,
    Delivery,
    DeliveryState,
    EventKind,
    Level,
    Memo,
    Notification,
    Occasion,
    Outcome,
    Status,
)
from salus.ports import AlertQuery, Batch, EventQuery
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import EPOCH, virtual_time
from tests.unit.engine.world import World, restarting, up


class FailingStore(MemoryStore):
    """Cannot be written while ``full``; something may happen while it tries."""

    full = False
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    async def write(self, batch: Batch) -> None:
        if self.full:
            self.meanwhile()
            raise StoreUnwritableError("no space left on the disk")
        await super().write(batch)


def test_a_store_that_fails_stops_no_recovery_and_loses_no_row() -> None:
    async def scenario(world: World, store: FailingStore) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web")
        rule = world.rule("web-up", restarting(web))
        async with world.running():
            writing = begin(world.recorder.run())
            await world.clock.sleep(5)
            store.full = True
            web.crash()
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.RECOVERED
            assert rule.memory.attempts == 1
            assert len(world.log.of(EventKind.STORE_FAILED)) == 1
            assert "no space left" in world.recorder.failure
            await world.clock.sleep(120)
            assert len(world.log.of(EventKind.STORE_FAILED)) == 1
            store.full = False
            await world.wait_for(EventKind.STORE_RECOVERED, within=60)
            await world.clock.sleep(1)
            kinds = [event.kind for event in await store.events(EventQuery())]
            assert EventKind.RECOVERY_FINISHED in kinds
            assert EventKind.RECOVERY_STARTED in kinds
            assert (await store.load(world.clock.now())).rule_states["web-up"].attempts == 1
            writing.cancel()

    with virtual_time() as (runner, clock):
        store = FailingStore()
        runner.run(scenario(World(clock, store), store))


def test_what_must_be_known_of_an_act_is_written_without_waiting_for_the_rest() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.HEALTHY)
        async with world.running():
            world.bus.tell(EventKind.STATUS_CHANGED, check="web")
            await world.recorder.reserve()
            assert await world.store.events(EventQuery()) == []
            await world.recorder.commit()
            assert len(await world.store.events(EventQuery())) >= 1

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def brake(value: int | None) -> Memo:
    return Memo(key="brake:all", value=None if value is None else {"probes": value})


def test_a_memo_is_durable_before_an_act_and_the_newest_of_its_key_counts() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        recorder.memo(brake(1))
        recorder.memo(Memo(key="pause", value={"by": "eve"}))
        recorder.memo(brake(2))
        assert await recorder.reserve()
        assert (await store.load(EPOCH)).memos == {"brake:all": {"probes": 2}, "pause": {"by": "eve"}}
        recorder.memo(brake(None))
        assert await recorder.commit()
        assert (await store.load(EPOCH)).memos == {"pause": {"by": "eve"}}

    record(scenario)


def test_a_memo_waits_for_a_store_that_fails_and_what_came_later_wins() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        store.full = True
        recorder.memo(brake(1))
        recorder.memo(Memo(key="pause", value={"by": "eve"}))
        assert not await recorder.reserve()
        recorder.memo(brake(None))
        assert not await recorder.commit()
        store.full = False
        assert await recorder.reserve()
        assert (await store.load(EPOCH)).memos == {"pause": {"by": "eve"}}

    record(scenario)


def test_a_memo_alone_wakes_the_writer() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        writing = begin(recorder.run())
        recorder.memo(brake(1))
        await recorder._clock.sleep(1)
        assert (await store.load(EPOCH)).memos == {"brake:all": {"probes": 1}}
        writing.cancel()

    record(scenario)


def alert(name: str, **more: Any) -> Alert:
    said = {"state": AlertState.FIRING, "first_seen": EPOCH, "last_seen": EPOCH, **more}
    return Alert(id=name, fingerprint="f", labels={}, rule="r", level=Level.INFO, **said)


def ended(name: str) -> Alert:
    return alert(name, state=AlertState.RESOLVED, resolved_at=EPOCH)


def delivery(number: int) -> Delivery:
    told = Notification(
        id=f"n{number}", channel="ops", key="k", occasion=Occasion.FIRING, state=AlertState.FIRING, at=EPOCH
    )
    return Delivery(
        id=told.id, channel="ops", key="k", number=number, notification=told, created_at=EPOCH, due_at=EPOCH
    )


async def numbers(store: FailingStore) -> list[int]:
    return [found.number for found in await store.waiting("ops", limit=10 * MOST_ROWS)]


def test_an_alert_and_its_delivery_are_written_together_and_an_act_waits_for_neither() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        recorder.alert(alert("a", count=1))
        recorder.delivery(delivery(2))
        recorder.alert(alert("a", count=2))
        recorder.delivery(delivery(3))
        recorder.memo(brake(1))
        assert await recorder.reserve()
        assert (await store.load(EPOCH)).memos
        assert list(await store.alerts(AlertQuery())) == []
        assert await numbers(store) == []
        assert await recorder.commit()
        assert list(await store.alerts(AlertQuery())) == [alert("a", count=2)]
        assert await numbers(store) == [2, 3]

    record(scenario)


def test_alerts_and_deliveries_wait_for_a_store_that_fails() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        store.full = True
        recorder.alert(alert("a"))
        recorder.alert(alert("b"))
        recorder.delivery(delivery(1))
        assert not await recorder.commit()
        recorder.alert(ended("a"))
        recorder.delivery(delivery(2))
        assert not await recorder.commit()
        store.full = False
        assert await recorder.commit()
        states = {found.id: found.state for found in await store.alerts(AlertQuery())}
        assert states == {"a": AlertState.RESOLVED, "b": AlertState.FIRING}
        assert await numbers(store) == [1, 2]

    record(scenario)


def test_what_came_while_a_write_failed_comes_after_what_was_to_be_written() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        def meanwhile() -> None:
            recorder.alert(ended("a"))
            recorder.delivery(delivery(2))

        store.full, store.meanwhile = True, meanwhile
        recorder.alert(alert("a"))
        recorder.alert(alert("b"))
        recorder.delivery(delivery(1))
        assert not await recorder.commit()
        store.full = False
        assert [found.number for found in recorder._pending.deliveries.values()] == [1, 2]
        assert await recorder.commit()
        assert [found.id for found in await store.alerts(AlertQuery(active=True))] == ["b"]
        assert await numbers(store) == [1, 2]

    record(scenario)


def test_a_delivery_that_was_sent_before_it_could_be_written_is_written_as_sent() -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        store.full = True
        recorder.delivery(delivery(1))
        recorder.delivery(delivery(2))
        assert not await recorder.commit()
        recorder.delivery(replace(delivery(1), state=DeliveryState.SENT, attempts=1, ended_at=EPOCH))
        store.full = False
        assert await recorder.commit()
        assert await numbers(store) == [2]
        (sent,) = await store.deliveries(state=DeliveryState.SENT)
        assert (sent.number, sent.attempts) == (1, 1)

    record(scenario)


@pytest.mark.parametrize("what", ["alert", "delivery"])
def test_an_alert_or_a_delivery_alone_wakes_the_writer(what: str) -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        writing = begin(recorder.run())
        if what == "alert":
            recorder.alert(alert("a"))
        else:
            recorder.delivery(delivery(1))
        await recorder._clock.sleep(1)
        assert len(await store.alerts(AlertQuery())) + len(await numbers(store)) == 1
        writing.cancel()

    record(scenario)


def test_what_is_too_much_goes_with_a_word_and_what_lasts_stays(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        store.full = True
        recorder.alert(alert("lasts"))
        for number in range(MOST_ROWS):
            recorder.delivery(delivery(number))
            recorder.alert(ended(f"e{number}"))
        assert not await recorder.commit()
        recorder.delivery(delivery(MOST_ROWS))
        assert not await recorder.commit()
        store.full = False
        assert await recorder.commit()
        assert await numbers(store) == list(range(1, MOST_ROWS + 1))
        assert [found.id for found in await store.alerts(AlertQuery(active=True))] == ["lasts"]

    record(scenario)
    assert [said for said in caplog.messages if "too much" in said] == [
        "too much waits for the ledger: the end of alert e0 is not kept",
        "too much waits for the ledger: notification n0 to ops is not sent",
    ]


def test_a_row_that_the_ledger_will_never_take_is_dropped_alone_and_counted_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(store: FailingStore, recorder: Recorder) -> None:
        recorder.delivery(delivery(1))
        assert await recorder.commit()
        recorder.alert(alert("a"))
        recorder.delivery(replace(delivery(1), id="another"))
        for number in range(2, 40):
            recorder.delivery(delivery(number))
        assert not await recorder.commit()
        assert [found.id for found in await store.alerts(AlertQuery())] == ["a"]
        assert await numbers(store) == list(range(1, 40))
        recorder.delivery(delivery(40))
        assert await recorder.commit()
        assert await numbers(store) == list(range(1, 41))

    record(scenario)
    assert "0 events, 0 alerts and 1 notifications were refused by the ledger and dropped" in caplog.text


def record(scenario: Callable[[FailingStore, Recorder], Coroutine[None, None, None]]) -> None:
    """Play a scenario with a recorder and nothing else."""

    async def play(store: FailingStore, recorder: Recorder) -> None:
        await store.open()
        await scenario(store, recorder)

    with virtual_time() as (runner, clock):
        store = FailingStore()
        runner.run(play(store, Recorder(store, clock, Bus(clock).tell)))
