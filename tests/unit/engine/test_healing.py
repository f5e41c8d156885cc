"""From the first bad look to the verified outcome, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from itertools import count, cycle, repeat

import pytest

from salus.engine.units import Judge
from salus.model import Effect, EventKind, Mode, Observation, Outcome, RefusalReason, RuleState, Status
from salus.ports import Look, RecoveryQuery
from salus.tasks import begin
from salus.testing import RecordingAction, following, statuses, virtual_time
from tests.unit.engine.world import World, restarting, up

Scenario = Callable[[World], Awaitable[None]]


def play(scenario: Scenario) -> None:
    with virtual_time() as (runner, clock):
        runner.run(_play(World(clock), scenario))


async def _play(world: World, scenario: Scenario) -> None:
    await scenario(world)


def test_a_crashed_service_is_seen_at_once_restarted_and_verified() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web")
        action = restarting(web)
        world.rule("web-up", action)
        async with world.running():
            await world.clock.sleep(15)
            crashed = world.clock.monotonic()
            web.crash()
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.RECOVERED
            assert world.clock.monotonic() - crashed < 0.1
            assert len(action.runs) == 1
            assert world.units["web-up"].state.status is Status.HEALTHY
            (record,) = await world.store.recoveries(RecoveryQuery())
            assert record.outcome is Outcome.RECOVERED
            assert record.steps[0].verified is True

    play(scenario)


def test_nothing_is_done_before_enough_bad_looks_in_a_row() -> None:
    async def scenario(world: World) -> None:
        script = statuses((Status.HEALTHY, 1), (Status.UNHEALTHY, 2), (Status.HEALTHY, 1), (Status.UNHEALTHY, 2))
        world.check("flaky", following(script))
        action = RecordingAction()
        world.rule("flaky", action, min_failure_count=3)
        async with world.running():
            await world.clock.sleep(100)
            assert action.runs == []

    play(scenario)


@pytest.mark.parametrize("judge", [None, lambda unit: (unit.state.last.status.bad, "")], ids=["looks", "condition"])
def test_whoever_looks_again_and_again_heals_nothing_any_sooner(judge: Judge | None) -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, retry_interval=4.0)
        action = RecordingAction()
        rule = world.rule("web", action, min_failure_count=3)
        rule.judge = judge
        async with world.running():
            await world.until(lambda: world.units["web"].state.started is not None)
            began = world.clock.monotonic()
            while not action.runs:
                await world.control.check_now("web")
                await world.clock.sleep(0.1)
            assert action.runs[0] - began >= 4.0, "no sooner than two pauses of half a retry_interval"

    play(scenario)


def test_a_root_that_a_leaf_points_at_is_not_acted_on_for_two_looks_in_a_moment() -> None:
    async def scenario(world: World) -> None:
        now = {"status": Status.HEALTHY}
        world.check("db", lambda look: look.observe(now["status"], ""), takes=0.2, retry_interval=5.0)
        world.check("web", lambda look: look.observe(now["status"], ""), takes=0.1, depends_on=("db",))
        action = RecordingAction()
        world.rule("db", action, min_failure_count=2)
        async with world.running():
            await world.until(lambda: all(unit.state.started for unit in world.units.values()))
            now["status"] = Status.UNHEALTHY
            for unit in world.units.values():
                world.engine.nudge(unit)
            began = world.clock.monotonic()
            await world.until(lambda: bool(action.runs))
            assert world.units["db"].state.failing_since is not None
            assert action.runs[0] - began >= 5.0

    play(scenario)


def test_a_trouble_that_is_gone_at_the_fresh_look_is_left_alone_and_costs_no_attempt() -> None:
    async def scenario(world: World) -> None:
        world.check("blip", following([Status.HEALTHY, Status.UNHEALTHY]))
        action = RecordingAction()
        rule = world.rule("blip", action)
        async with world.running():
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.CANCELLED
            assert action.runs == []
            assert rule.memory == RuleState(rule="blip")

    play(scenario)


def test_a_target_that_was_replaced_since_it_failed_is_left_alone() -> None:
    async def scenario(world: World) -> None:
        copies = iter(["a", "a", "b"])

        def look(look: Look) -> Observation:
            return look.observe(Status.UNHEALTHY, "down", incarnation=next(copies, "c"))

        world.check("web", look, retry_interval=10.0)
        action = RecordingAction()
        rule = world.rule("web", action, min_failure_count=2)
        async with world.running():
            (ended,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert (ended.reason, action.runs, rule.memory.attempts) == (Outcome.CANCELLED, [], 0)
            assert "the target was replaced in the meantime" in ended.message

    play(scenario)


def test_a_check_that_could_not_tell_never_heals() -> None:
    async def scenario(world: World) -> None:
        world.check("broken", Status.UNKNOWN)
        action = RecordingAction()
        world.rule("broken", action)
        async with world.running():
            await world.clock.sleep(1000)
            assert action.runs == []

    play(scenario)


def test_the_ladder_goes_on_until_the_check_passes_and_not_further() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        web.up = False
        world.check("web-up", up(web), service="web")
        first, second, third = RecordingAction(), restarting(web), RecordingAction()
        world.rule("web-up", first, second, third, verify_timeout=2.0)
        async with world.running():
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert [len(action.runs) for action in (first, second, third)] == [1, 1, 0]

    play(scenario)


def test_a_look_that_verifies_is_never_cut_so_short_that_it_proves_nothing() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, takes=0.04)
        world.rule("web", RecordingAction(), verify_timeout=1.01, cooldown_period=1000, recovery_timeout=30)
        world.check("api", Status.UNHEALTHY, takes=0.04)
        world.rule("api", RecordingAction(takes=9.99), verify_timeout=5, cooldown_period=1000, recovery_timeout=10.1)
        async with world.running():
            ended = await world.wait_for(EventKind.RECOVERY_FINISHED, 2)
            assert [event.message for event in ended if "timed out" in event.message] == []
            for unit in world.units.values():
                assert unit.state.last is not None
                assert unit.state.last.message == "scripted unhealthy"

    play(scenario)


def test_an_action_that_only_records_is_never_success() -> None:
    async def scenario(world: World) -> None:
        world.check("disk", Status.UNHEALTHY)
        world.rule("disk", RecordingAction(effect=Effect.RECORDS))
        async with world.running():
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.NOT_RECOVERED
            assert world.log.of(EventKind.VERIFIED) == []

    play(scenario)


def test_an_action_that_fails_does_not_end_the_ladder() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        web.up = False
        world.check("web-up", up(web), service="web")
        world.rule("web-up", RecordingAction(fails="no such file"), restarting(web))
        async with world.running():
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.RECOVERED
            (record,) = await world.store.recoveries(RecoveryQuery())
            assert [step.result.value for step in record.steps] == ["failed", "ok"]
            assert record.steps[0].message == "no such file"

    play(scenario)


def test_an_action_that_never_ends_is_cut_off_and_the_next_one_gets_its_turn() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        world.rule("web", RecordingAction(takes=600), recovery_timeout=30)
        async with world.running():
            began = world.clock.monotonic()
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.TIMED_OUT
            assert world.clock.monotonic() - began < 31

    play(scenario)


def test_attempts_are_bounded_then_it_gives_up_once_and_tries_half_open() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        action = RecordingAction()
        world.rule("web", action, max_recovery_attempts=3, cooldown_period=60, verify_timeout=1, exhausted_retry=1800)
        async with world.running():
            await world.clock.sleep(1700)
            assert len(action.runs) == 3
            assert all(later - earlier >= 60 for earlier, later in zip(action.runs, action.runs[1:], strict=False))
            assert len(world.log.of(EventKind.RULE_EXHAUSTED)) == 1
            await world.clock.sleep(500)
            assert len(action.runs) == 4
            await world.clock.sleep(3000)
            assert len(action.runs) == 4
            await world.clock.sleep(700)
            assert len(action.runs) == 5
            assert len(world.log.of(EventKind.RULE_EXHAUSTED)) == 1

    play(scenario)


def test_the_half_open_attempt_heals_when_the_cause_is_gone_and_health_is_then_proven() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        web.up = False
        cause = {"there": True}
        world.check("web-up", up(web), service="web")
        action = RecordingAction(does=lambda _: setattr(web, "up", not cause["there"]))
        rule = world.rule("web-up", action, max_recovery_attempts=2, cooldown_period=10, verify_timeout=1)
        async with world.running():
            await world.wait_for(EventKind.RULE_EXHAUSTED)
            cause["there"] = False
            await world.until(lambda: web.up, within=2000)
            await world.wait_for(EventKind.RULE_RESET, within=700)
            assert rule.memory.attempts == 0
            assert len(action.runs) == 3

    play(scenario)


def test_two_checks_on_one_service_never_restart_it_twice() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web")
        world.check("web-http", up(web), service="web", interval=1.0)
        one, two = restarting(web, takes=3), restarting(web, takes=3)
        world.rule("web-up", one)
        world.rule("web-http", two)
        async with world.running():
            await world.clock.sleep(20)
            web.crash()
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            await world.clock.sleep(60)
            assert len(one.runs) + len(two.runs) == 1

    play(scenario)


def test_when_the_root_fails_only_the_root_is_healed_and_the_leaves_are_looked_at_again() -> None:
    async def scenario(world: World) -> None:
        db = world.service("db")
        world.check("db-up", up(db), service="db")
        leaves = []
        for number in range(4):
            world.check(f"app-{number}", up(db), depends_on=("db-up",))
            leaves.append(RecordingAction())
            world.rule(f"app-{number}", leaves[-1])
        root = restarting(db, takes=2)
        world.rule("db-up", root)
        async with world.running():
            await world.clock.sleep(30)
            db.up = False
            await world.until(lambda: bool(root.runs) and db.up, within=30)
            recovered = world.clock.monotonic()
            await world.until(
                lambda: all(unit.state.status is Status.HEALTHY for unit in world.units.values()), within=30
            )
            assert world.clock.monotonic() - recovered < 1
            assert [len(leaf.runs) for leaf in leaves] == [0, 0, 0, 0]

    play(scenario)


def test_a_leaf_that_is_seen_failing_before_its_root_is_not_touched() -> None:
    async def scenario(world: World) -> None:
        db = world.service("db")
        world.check("db-up", up(db), service="db", interval=3600)
        world.check("app", up(db), depends_on=("db-up",), interval=1)
        leaf = RecordingAction()
        world.rule("app", leaf)
        async with world.running():
            await world.clock.sleep(10)
            db.up = False
            (finished, *_) = await world.wait_for(EventKind.RECOVERY_FINISHED, within=5)
            assert finished.reason == Outcome.CANCELLED
            assert "db-up" in finished.message
            await world.clock.sleep(30)
            assert leaf.runs == []

    play(scenario)


def test_a_check_is_not_held_by_another_check_of_its_own_service() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web", interval=1)
        world.check("web-http", up(web), service="web", interval=1, depends_on=("web-up",))
        action = restarting(web)
        world.rule("web-http", action)
        async with world.running():
            await world.clock.sleep(5)
            web.crash()
            await world.until(lambda: len(action.runs) == 1, within=5)

    play(scenario)


def test_what_a_person_stopped_stays_stopped() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web", interval=1)
        action = restarting(web)
        rule = world.rule("web-up", action)
        async with world.running():
            await world.clock.sleep(5)
            await web.stop(by_person=True)
            await world.clock.sleep(60)
            assert action.runs == []
            assert rule.refused_with() is RefusalReason.STOPPED_BY_PERSON

    play(scenario)


@pytest.mark.parametrize("way", ["started", "restarted"])
@pytest.mark.parametrize("judge", [None, lambda unit: (unit.state.status.bad, "")], ids=["looks", "condition"])
def test_what_a_person_starts_is_not_healed_for_what_was_seen_before(way: str, judge: Judge | None) -> None:
    async def scenario(world: World) -> None:
        web = world.service("web", starts_in=3.0)
        answers = {"web": Status.UNHEALTHY}
        world.check("web-http", lambda look: look.observe(answers["web"], "no answer"), service="web", interval=1)
        action = restarting(web)
        rule = world.rule("web-http", action, min_failure_count=3)
        rule.judge = judge
        async with world.running():
            if way == "started":
                await world.control.stop_service("web")
                await world.clock.sleep(60)
                assert rule.refused_with() is RefusalReason.STOPPED_BY_PERSON
                await world.control.start_service("web")
            else:
                await world.control.set_mode("web-http", Mode.OBSERVE)
                await world.clock.sleep(60)
                restart = begin(world.control.restart_service("web"))
                await world.clock.sleep(1)
                await world.control.set_mode("web-http", None)
                await restart
            await world.clock.sleep(1.5)
            assert world.units["web-http"].state.status is Status.UNHEALTHY, "it was looked at once, and is bad still"
            answers["web"] = Status.HEALTHY
            await world.clock.sleep(60)
            assert action.runs == []
            answers["web"] = Status.UNHEALTHY
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert action.runs, "bad looks at the new copy count"

    play(scenario)


def test_what_was_restarted_after_a_crash_has_its_start_period_before_it_is_restarted_again() -> None:
    async def scenario(world: World) -> None:
        web, ready = world.service("web"), {"at": 0.0}

        def look(look: Look) -> Observation:
            well = web.up and world.clock.monotonic() >= ready["at"]
            return look.observe(Status.HEALTHY if well else Status.UNHEALTHY, "", incarnation=web.status.incarnation)

        world.check("web-http", look, service="web", start_period=60, interval=5)
        action = restarting(web)
        world.rule("web-http", action, cooldown_period=2, verify_timeout=5, recovery_timeout=20)
        async with world.running():
            await world.clock.sleep(15)
            ready["at"] = world.clock.monotonic() + 40
            web.crash()
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            await world.until(lambda: world.units["web-http"].state.status is Status.HEALTHY)
            assert len(action.runs) == 1
            ready["at"] = world.clock.monotonic() + 1000
            web.copies += 1  # somebody else replaces it, and it dies while it starts
            await world.clock.sleep(6)
            died = world.clock.monotonic()
            web.crash()
            await world.until(lambda: len(action.runs) == 2)
            assert action.runs[1] - died < 1, "a start period excuses nothing that is gone"

    play(scenario)


def test_a_condition_about_what_is_another_copy_at_every_look_is_confirmed_at_its_pace() -> None:
    async def scenario(world: World) -> None:
        copies = count()
        world.check("pool", lambda look: look.observe(Status.HEALTHY, "", incarnation=f"{next(copies)}"), interval=5)
        rule = world.rule("pool", RecordingAction(), min_failure_count=3)
        rule.judge = lambda _: (True, "it grows")
        async with world.running():
            await world.clock.sleep(120)
            assert 3 <= len(world.log.of(EventKind.RECOVERY_STARTED)) <= 120

    play(scenario)


def test_that_a_check_flaps_no_more_is_told_after_a_restart_by_hand() -> None:
    async def scenario(world: World) -> None:
        world.service("web")
        turns = cycle([Status.HEALTHY, Status.UNHEALTHY])
        now: dict[str, Iterator[Status]] = {"says": turns}
        world.check("web-http", lambda look: look.observe(next(now["says"]), ""), service="web", interval=5)
        async with world.running():
            await world.wait_for(EventKind.FLAPPING_STARTED)
            now["says"] = repeat(Status.HEALTHY)
            await world.control.restart_service("web")
            await world.wait_for(EventKind.FLAPPING_ENDED, within=10)

    play(scenario)


def test_no_more_recoveries_run_at_once_than_may() -> None:
    async def scenario(world: World) -> None:
        running = {"now": 0, "most": 0}
        for number in range(4):
            world.check(f"c{number}", Status.UNHEALTHY)
            world.rule(f"c{number}", RecordingAction(takes=5), cooldown_period=1000, verify_timeout=0.1)
        async with world.running():
            for _ in range(400):
                await world.clock.sleep(0.1)
                running["most"] = max(running["most"], len(world.engine.healer.running))
            assert running["most"] == 2

    play(scenario)


def test_a_storm_stops_all_healing() -> None:
    async def scenario(world: World) -> None:
        network = {"down": False}
        actions = []
        for number in range(10):
            world.check(f"c{number}", lambda _: Status.UNHEALTHY if network["down"] else Status.HEALTHY)
            actions.append(RecordingAction())
            world.rule(f"c{number}", actions[-1], min_failure_count=3)
        async with world.running():
            await world.clock.sleep(30)
            network["down"] = True
            await world.clock.sleep(50)
            network["down"] = False
            await world.clock.sleep(60)
            assert sum(len(action.runs) for action in actions) <= 4
            assert any(event.reason == RefusalReason.STORM_BRAKE for event in world.log.of(EventKind.RECOVERY_REFUSED))

    play(scenario)


def test_when_healing_is_off_it_only_says_so() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        action = RecordingAction()
        world.rule("web", action)
        world.engine.healing_off = "the ledger cannot be read"
        async with world.running():
            await world.clock.sleep(100)
            assert action.runs == []
            refusals = world.log.of(EventKind.RECOVERY_REFUSED)
            assert [event.reason for event in refusals] == [RefusalReason.HEALING_OFF]

    play(scenario)


def test_a_hundred_bad_looks_tell_one_refusal() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, interval=1)
        world.rule("web", RecordingAction(), cooldown_period=500, verify_timeout=1)
        async with world.running():
            await world.clock.sleep(300)
            reasons = [event.reason for event in world.log.of(EventKind.RECOVERY_REFUSED)]
            assert reasons == [RefusalReason.COOLING_DOWN]

    play(scenario)


def test_a_jump_of_the_wall_clock_neither_shortens_nor_stretches_the_cooldown() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, interval=1)
        action = RecordingAction()
        world.rule("web", action, cooldown_period=100, verify_timeout=1)
        async with world.running():
            await world.until(lambda: len(action.runs) == 1)
            await world.clock.sleep(20)
            for hours in (-5, 3):
                world.clock.set_wall(timedelta(hours=hours))
            await world.until(lambda: len(action.runs) == 2, within=200)
            assert 100 <= action.runs[1] - action.runs[0] <= 105

    play(scenario)


def test_a_person_can_run_a_rule_now_whatever_its_budget() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web")
        action = restarting(web)
        rule = world.rule("web-up", action, enabled=False)
        async with world.running():
            await world.clock.sleep(1)
            record = await world.engine.healer.heal_now(world.units["web-up"], rule, world.clock.now())
            assert record.manual
            assert record.outcome is Outcome.RECOVERED
            assert len(action.runs) == 1

    play(scenario)


@pytest.mark.parametrize("moment", ["reserve", "action"])
def test_the_row_is_durable_before_the_first_action_and_the_attempt_counts_once(moment: str) -> None:
    async def scenario(world: World) -> None:
        seen: dict[str, object] = {}

        def look_at_ledger(_: object) -> None:
            seen["at"] = world.clock.monotonic()

        world.check("web", Status.UNHEALTHY)
        action = RecordingAction(does=look_at_ledger, takes=1)
        world.rule("web", action, verify_timeout=1)
        async with world.running():
            await world.until(lambda: bool(action.runs))
            snapshot = await world.store.load(world.clock.now())
            if moment == "reserve":
                assert snapshot.rule_states["web"].attempts == 1
                assert snapshot.rule_states["web"].last_finished is None
            else:
                assert [record.outcome for record in snapshot.unfinished] == [None]

    play(scenario)
