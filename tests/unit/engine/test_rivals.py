"""How a copy that somebody else put there is told from one that was there all along."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from salus.model import EventKind, Observation, Status
from salus.ports import Look
from salus.testing import RecordingAction, virtual_time
from tests.unit.engine.world import World

Story = Callable[[World], Coroutine[None, None, None]]


@dataclass
class Daemon:
    """What a check sees of a daemon that Salus does not run itself."""

    status: Status = Status.HEALTHY
    copy: str | None = "pid-1"

    def seen(self, look: Look) -> Observation:
        return look.observe(self.status, incarnation=self.copy)


def play(story: Story) -> None:
    with virtual_time() as (runner, clock):
        runner.run(story(World(clock)))


def watched(world: World) -> Daemon:
    daemon = Daemon()
    world.check("web", daemon.seen, interval=1.0, failure_threshold=3)
    world.rule("web", RecordingAction(), min_failure_count=50)
    return daemon


def test_a_copy_that_is_known_by_name_only_after_it_serves_counts_as_somebody_elses() -> None:
    async def story(world: World) -> None:
        daemon = watched(world)
        async with world.running():
            await world.clock.sleep(3)
            for copy in ("pid-2", "pid-3"):
                daemon.status, daemon.copy = Status.UNHEALTHY, None
                await world.clock.sleep(2)
                daemon.status = Status.HEALTHY
                await world.clock.sleep(2)
                daemon.copy = copy
                await world.clock.sleep(2)
            assert len(world.log.of(EventKind.RIVAL_DETECTED)) == 1

    play(story)


def test_a_copy_that_was_replaced_while_it_was_well_is_nobodys_rival() -> None:
    async def story(world: World) -> None:
        daemon = watched(world)
        async with world.running():
            await world.clock.sleep(3)
            for copy in ("pid-2", "pid-3", "pid-4"):
                daemon.status = Status.UNHEALTHY
                await world.clock.sleep(2)
                daemon.status = Status.HEALTHY
                await world.clock.sleep(2)
                daemon.copy = copy  # a deployment, long after the trouble was over
                await world.clock.sleep(2)
            assert not world.log.of(EventKind.RIVAL_DETECTED)

    play(story)
