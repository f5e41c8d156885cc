"""Wall clocks that jump and machines that sleep."""

from __future__ import annotations

from datetime import timedelta

import pytest

from salus.app.watch import watch_clocks
from salus.engine.clockmark import mark, set_since
from salus.model import EventKind, RefusalReason, RuleState, Status
from salus.tasks import begin
from salus.testing import EPOCH, RecordingAction, virtual_time
from tests.unit.engine.world import World


def test_a_jump_of_the_wall_clock_is_told_and_changes_no_wait() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, interval=1)
        action = RecordingAction()
        world.rule("web", action, cooldown_period=100, verify_timeout=1)
        async with world.running():
            watching = begin(watch_clocks(world.engine))
            await world.until(lambda: len(action.runs) == 1)
            await world.clock.sleep(20)
            world.clock.set_wall(timedelta(hours=-3))
            (event,) = await world.wait_for(EventKind.CLOCK_JUMPED, within=5)
            assert "back by 3h" in event.message
            await world.until(lambda: len(action.runs) == 2, within=200)
            assert 100 <= action.runs[1] - action.runs[0] <= 105
            watching.cancel()

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_jump_is_followed_before_the_next_decision_however_soon_that_comes() -> None:
    async def scenario(world: World) -> None:
        state = {"now": Status.HEALTHY}
        world.check("web", lambda _: state["now"], interval=0.1)
        action = RecordingAction(does=lambda _: state.update(now=Status.HEALTHY))
        rule = world.rule("web", action, cooldown_period=100, verify_timeout=1, reset_after=600)
        async with world.running():
            state["now"] = Status.UNHEALTHY
            await world.until(lambda: len(action.runs) == 1)
            world.clock.set_wall(timedelta(hours=1))
            state["now"] = Status.UNHEALTHY
            await world.until(lambda: rule.refused_with() is RefusalReason.COOLING_DOWN, within=1)
            world.clock.set_wall(timedelta(hours=-2))
            await world.until(lambda: len(action.runs) == 2, within=200)
            assert 99.9 <= action.runs[1] - action.runs[0] <= 101
            assert rule.memory.attempts == 2
            assert [event.message.split(";")[0] for event in world.log.of(EventKind.CLOCK_JUMPED)] == [
                "the wall clock went forward by 1h",
                "the wall clock went back by 2h",
            ]

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_clock_that_was_set_back_while_no_salus_ran_makes_no_wait_longer() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, interval=1)
        action = RecordingAction()
        rule = world.rule("web", action, cooldown_period=100, verify_timeout=1)
        later = world.clock.now() + timedelta(hours=2)
        rule.memory = RuleState(rule="web", attempts=1, last_started=later, last_finished=later)
        async with world.running():
            (event,) = world.log.of(EventKind.CLOCK_JUMPED)
            assert "back by 2h" in event.message
            await world.until(lambda: len(action.runs) == 1, within=200)
            assert 99.9 <= action.runs[0] <= 102

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_after_the_machine_slept_everything_is_looked_at_again_and_not_in_a_burst() -> None:
    async def scenario(world: World) -> None:
        checks = [world.check(f"c{number}", interval=3600) for number in range(50)]
        async with world.running():
            watching = begin(watch_clocks(world.engine))
            await world.clock.sleep(10)
            before = [len(check.looks) for check in checks]
            world.clock.suspend(8 * 3600)
            (event,) = await world.wait_for(EventKind.HOST_RESUMED, within=5)
            assert "slept for 8h" in event.message
            await world.clock.sleep(6)
            assert all(len(check.looks) > count for check, count in zip(checks, before, strict=True))
            instants = sorted(check.looks[-1] for check in checks)
            assert instants[-1] - instants[0] > 3
            watching.cancel()

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_virtual_day_passes_without_a_real_one() -> None:
    with virtual_time() as (runner, clock):

        async def sleep_a_day() -> None:
            await clock.sleep(86400)

        runner.run(sleep_a_day())
        assert clock.now() - EPOCH == timedelta(days=1)


def test_virtual_clocks_show_suspended_time_where_the_real_ones_do() -> None:
    with virtual_time() as (_, clock):
        clock.suspend(60)
        assert clock.monotonic() == 0
        assert clock.boottime() == 60
        assert clock.now() - EPOCH == timedelta(seconds=60)


def test_an_attempt_that_is_called_off_gives_back_a_cooldown_that_followed_the_clock() -> None:
    async def scenario(world: World) -> None:
        state = {"now": Status.UNHEALTHY}
        world.check("web", lambda _: state["now"], interval=1, takes=0.1, retry_interval=0.5)
        action = RecordingAction()
        rule = world.rule("web", action, cooldown_period=100, verify_timeout=1, max_recovery_attempts=5)
        async with world.running():
            await world.until(lambda: len(action.runs) == 1)
            await world.until(lambda: len(world.engine.healer.running) == 0)
            await world.until(lambda: bool(world.engine.healer.running), within=200)
            ended = rule.memory.last_started  # the second attempt is confirming now
            assert ended is not None
            state["now"] = Status.HEALTHY
            world.clock.set_wall(timedelta(hours=1))
            world.engine.now()
            await world.until(lambda: not world.engine.healer.running)
            assert rule.memory.attempts == 1
            assert rule.memory.last_finished is not None
            assert world.clock.now() - rule.memory.last_finished < timedelta(seconds=110)

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(hours=-2)])
def test_a_clock_that_was_set_in_the_instant_in_which_salus_died_changes_no_wait(by: timedelta) -> None:
    async def scenario(first: World) -> None:
        store, clock = first.store, first.clock
        first.check("web", Status.UNHEALTHY, interval=1)
        action = RecordingAction()
        first.rule("web", action, cooldown_period=1000, verify_timeout=1)
        async with first.running():
            await first.until(lambda: len(action.runs) == 1)
            await clock.sleep(5)
            await first.recorder.commit()
            snapshot = await store.load(clock.now())
        clock.set_wall(by)
        await clock.sleep(95)
        second = World(clock, boot="this one")
        second.check("web", Status.UNHEALTHY, interval=1)
        again = RecordingAction()
        rule = second.rule("web", again, cooldown_period=1000, verify_timeout=1)
        rule.memory = snapshot.rule_states["web"]
        second.engine.clock_was_set = set_since(snapshot.memos, clock, "this one")
        async with second.running():
            await second.until(lambda: len(again.runs) == 1, within=3000)
            assert 1000 <= again.runs[0] - action.runs[0] <= 1010

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock, boot="this one")))


def test_after_a_boot_of_the_machine_or_without_a_mark_nothing_tells_how_far_the_clock_was_set() -> None:
    with virtual_time() as (_, clock):
        row = mark(clock, "one")
        memos = {row.key: row.value or {}}
        assert set_since(memos, clock, "one") == timedelta()
        assert set_since(memos, clock, "another") is None
        assert set_since({}, clock, "one") is None
        assert set_since({row.key: {"boot": 7}}, clock, "one") is None
