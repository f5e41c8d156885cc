"""Incidents of a whole engine: what its checks and recoveries did, told from its ledger."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta

import pytest

from salus.engine.incidents import LedgerIncidents
from salus.engine.past import EnginePast
from salus.errors import NotFoundError
from salus.model import CheckState, Event, EventKind, Status
from salus.model.history import Incident
from salus.ports import Batch, EventQuery
from salus.ports.history import IncidentQuery
from salus.store.memory import MemoryStore
from salus.testing import VirtualClock, virtual_time
from salus.virtual import EPOCH
from tests.unit.engine.world import World, restarting, up

DAY = timedelta(days=1)


def incidents_of(world: World) -> LedgerIncidents:
    return LedgerIncidents(EnginePast(world.recorder, world.store), world.engine)


async def told(incidents: LedgerIncidents, **query: object) -> list[Incident]:
    return list(await incidents.incidents(IncidentQuery(**query)))  # type: ignore[arg-type] # named at each call


def play(scenario: Callable[[VirtualClock], Coroutine[None, None, None]]) -> None:
    with virtual_time() as (runner, clock):
        runner.run(scenario(clock))


def test_a_healed_service_is_one_incident_with_its_story() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock)
        web = world.service("web")
        world.check("web", up(web), service="web", failure_threshold=2)
        world.rule("web", restarting(web))
        async with world.running():
            await world.until(lambda: world.units["web"].state.status is Status.HEALTHY)
            incidents = incidents_of(world)
            assert await told(incidents) == []
            web.up = False
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            (found,) = await told(incidents)
            assert found.checks == ("web",)
            assert found.services == ("web",)
            assert found.title == "web was unhealthy: down"
            assert found.outcome == "recovered"
            assert found.detected == pytest.approx(1.0, abs=0.1)
            story = await incidents.timeline(found)
            assert next(event.kind for event in story if event.check == "web") is EventKind.STATUS_CHANGED
            assert {EventKind.RECOVERY_STARTED, EventKind.ACTION_FINISHED, EventKind.VERIFIED} <= {
                one.kind for one in story
            }
            assert [one.id for one in story] == sorted(one.id for one in story)
            assert len(await incidents.timeline(found, limit=2)) == 2

    play(scenario)


def test_whoever_asks_again_hears_what_happened_meanwhile() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock)
        script = world.check("door")
        async with world.running():
            incidents = incidents_of(world)
            await world.wait_for(EventKind.STATUS_CHANGED)
            assert await told(incidents) == []
            script.script = Status.UNHEALTHY
            await world.wait_for(EventKind.STATUS_CHANGED, 2)
            (found,) = await told(incidents, open=True)
            assert await incidents.incident(found.id) == found
            assert await told(incidents, open=False) == []
            script.script = Status.HEALTHY
            await world.wait_for(EventKind.STATUS_CHANGED, 3)
            assert [one.id for one in await told(incidents, open=False)] == [found.id]

    play(scenario)


def test_incidents_are_filtered_and_come_in_pages() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock, Filled(statuses(40)))
        async with world.running():
            incidents = incidents_of(world)
            first = await told(incidents, limit=15)
            second = await told(incidents, limit=15, before=first[-1].id)
            third = await told(incidents, limit=15, before=second[-1].id)
            assert [one.checks[0] for one in (*first, *second, *third)] == [f"c{n:03}" for n in range(39, -1, -1)]
            assert [one.checks for one in await told(incidents, check="c007")] == [("c007",)]
            since = first[4].ended_at
            assert [one.id for one in await told(incidents, since=since)] == [one.id for one in first[:5]]
            with pytest.raises(NotFoundError, match="there is no incident 'x'"):
                await incidents.incident("x")

    play(scenario)


@pytest.mark.parametrize("page", [1, 7, 200])
def test_pages_of_any_size_make_the_same_incidents(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    async def scenario(clock: VirtualClock) -> None:
        monkeypatch.setattr("salus.engine.incidents.PAGE", page)
        world = World(clock, Filled(statuses(20)))
        async with world.running():
            assert len(await told(incidents_of(world))) == 20

    play(scenario)


def test_what_is_bad_since_before_the_first_event_is_an_incident_too() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock)
        for name in ("one", "two"):
            world.check(name, Status.UNHEALTHY)
            world.units[name].state = CheckState(status=Status.UNHEALTHY, since=clock.now() - 100 * DAY)
        async with world.running():
            found = await told(incidents_of(world))
            assert [(one.checks, one.started_at) for one in found] == [
                (("two",), clock.now() - 100 * DAY),
                (("one",), clock.now() - 100 * DAY),
            ]

    play(scenario)


def test_what_goes_on_without_a_check_ends() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock, Filled([changed(1, "gone", Status.UNHEALTHY), changed(2, "well", Status.UNHEALTHY)]))
        world.check("well", Status.HEALTHY)
        async with world.running():
            await clock.sleep(100)
            assert [one.failing for one in await told(incidents_of(world))] == [(), ()]

    play(scenario)


def test_a_new_config_ties_what_hangs_together_by_it() -> None:
    async def scenario(clock: VirtualClock) -> None:
        world = World(clock)
        world.check("db", Status.UNHEALTHY)
        async with world.running():
            incidents = incidents_of(world)
            await world.wait_for(EventKind.STATUS_CHANGED)
            assert len(await told(incidents)) == 1
            world.check("web", Status.UNHEALTHY, depends_on=("db",))
            world.engine.replace_units(dict(world.units))
            await world.wait_for(EventKind.STATUS_CHANGED, 2)
            assert [one.checks for one in await told(incidents)] == [("db", "web")]

    play(scenario)


class Filled(MemoryStore):
    """A ledger with a past."""

    def __init__(self, past: Sequence[Event]) -> None:
        super().__init__()
        self._past = past

    async def open(self) -> None:
        await super().open()
        await self.write(Batch(events=self._past))

    async def events(self, query: EventQuery) -> Sequence[Event]:
        assert query.limit <= 500
        return await super().events(query)


def changed(number: int, check: str, status: Status) -> Event:
    at = EPOCH - 10 * DAY + number * timedelta(minutes=10)
    number = int(at.timestamp() * 1_000_000)
    return Event(id=number, at=at, kind=EventKind.STATUS_CHANGED, check=check, new=status.value)


def statuses(count: int) -> list[Event]:
    pairs = [
        (changed(2 * n, f"c{n:03}", Status.UNHEALTHY), changed(2 * n + 1, f"c{n:03}", Status.HEALTHY))
        for n in range(count)
    ]
    return [event for pair in pairs for event in pair]
