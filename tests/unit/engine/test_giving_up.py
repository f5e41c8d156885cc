"""What giving up costs, and what a person's reset gives back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from salus.engine.control import EngineControl
from salus.engine.heartbeats import HeartbeatBox
from salus.model import EventKind, Status
from salus.testing import RecordingAction, virtual_time
from tests.unit.engine.world import World

Story = Callable[[World], Coroutine[None, None, None]]


def play(story: Story) -> None:
    with virtual_time() as (runner, clock):
        runner.run(story(World(clock)))


async def no_reload() -> str:
    return ""


def test_the_actions_of_giving_up_run_once_and_are_no_attempt() -> None:
    async def story(world: World) -> None:
        act, call = RecordingAction(), RecordingAction()
        world.check("web", Status.UNHEALTHY, interval=5.0)
        rule = world.rule_with_ladders(
            "web",
            [[act]],
            [call],
            max_recovery_attempts=2,
            cooldown_period=10.0,
            cooldown_multiplier=2.0,
            verify_timeout=1.0,
            exhausted_retry=1000.0,
        )
        async with world.running():
            await world.wait_for(EventKind.RECOVERY_FINISHED, 3)
            assert (len(act.runs), len(call.runs)) == (2, 1)
            assert rule.memory.attempts == 2
            await world.wait_for(EventKind.RECOVERY_FINISHED, 4)
            assert (len(act.runs), len(call.runs)) == (3, 1)
            assert 1000.0 <= act.runs[2] - act.runs[1] <= 1010.0
            assert rule.memory.half_open_tries == 1
            await world.wait_for(EventKind.RECOVERY_FINISHED, 5)
            assert 2000.0 <= act.runs[3] - act.runs[2] <= 2010.0
            assert len(call.runs) == 1

    play(story)


def test_a_reset_by_a_person_closes_the_circuits_of_the_rule_too() -> None:
    async def story(world: World) -> None:
        act = RecordingAction(fails="the config is broken")
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule("web", act, max_recovery_attempts=3, cooldown_period=10.0, verify_timeout=1.0)
        control = EngineControl(world.engine, HeartbeatBox(), no_reload)
        async with world.running():
            await world.wait_for(EventKind.CIRCUIT_OPENED)
            await world.wait_for(EventKind.RULE_EXHAUSTED)
            await world.clock.sleep(15.0)
            assert len(act.runs) == 3
            await control.reset("web")
            assert [event.message for event in world.log.of(EventKind.CIRCUIT_CLOSED)] == [
                "action_0 is tried again: a person asked"
            ]
            await world.until(lambda: len(act.runs) == 4, within=10.0)

    play(story)
