"""Rows are kept while the store fails, healing goes on, and everything is written when it is back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from salus.engine.bus import Bus
from salus.engine.recorder import Recorder
from salus.errors import StoreUnwritableError
from salus.model import EventKind, Memo, Outcome, Status
from salus.ports import Batch, EventQuery
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import EPOCH, virtual_time
from tests.unit.engine.world import World, restarting, up


class FailingStore(MemoryStore):
    """Cannot be written while ``full``."""

    full = False

    async def write(self, batch: Batch) -> None:
        if self.full:
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


def record(scenario: Callable[[FailingStore, Recorder], Coroutine[None, None, None]]) -> None:
    """Play a scenario with a recorder and nothing else."""

    async def play(store: FailingStore, recorder: Recorder) -> None:
        await store.open()
        await scenario(store, recorder)

    with virtual_time() as (runner, clock):
        store = FailingStore()
        runner.run(play(store, Recorder(store, clock, Bus(clock).tell)))
