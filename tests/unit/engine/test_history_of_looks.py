"""Which looks go into the history: a few while nothing changes, and every one that says something else."""

from __future__ import annotations

from datetime import UTC, datetime

from salus.model import Observation, Status
from salus.testing import following, statuses, virtual_time
from tests.unit.engine.world import World

EVER = datetime(2000, 1, 1, tzinfo=UTC)


def history(*script: tuple[Status, int], seconds: float, **spec: float) -> list[Observation]:
    """Return what was kept of a check that follows a script, oldest first."""

    async def scenario(world: World) -> list[Observation]:
        world.check("web", following(statuses(*script)), **spec)
        async with world.running():
            await world.clock.sleep(seconds)
        return [*reversed(await world.store.observations("web", since=EVER))]

    with virtual_time() as (runner, clock):
        return runner.run(scenario(World(clock)))


def test_while_nothing_changes_a_look_a_minute_is_kept() -> None:
    kept = history((Status.HEALTHY, 100), seconds=301, interval=10)
    assert [seen.status for seen in kept] == [Status.HEALTHY] * 6


def test_a_bad_look_that_moves_no_verdict_is_kept_and_so_is_the_good_one_after_it() -> None:
    kept = history((Status.HEALTHY, 2), (Status.UNHEALTHY, 1), seconds=50, interval=10, failure_threshold=3)
    assert [seen.status for seen in kept] == [Status.HEALTHY, Status.UNHEALTHY, Status.HEALTHY]


def test_the_first_bad_look_is_kept_and_the_one_that_moves_the_verdict() -> None:
    kept = history((Status.HEALTHY, 2), (Status.UNHEALTHY, 9), seconds=30, interval=10, failure_threshold=3)
    first, second = kept[1:]
    assert (second.at - first.at).total_seconds() == 2.0
