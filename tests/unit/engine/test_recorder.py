"""Rows are kept while the store fails, healing goes on, and everything is written when it is back."""

from __future__ import annotations

from salus.errors import StoreUnwritableError
from salus.model import EventKind, Outcome, Status
from salus.ports import Batch, EventQuery
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import virtual_time
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
