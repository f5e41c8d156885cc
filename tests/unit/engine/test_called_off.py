"""A recovery that runs: begun without waiting for its end, watched as it goes, called off by a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from salus.errors import ConflictError, NotFoundError
from salus.model import (
    Effect,
    EventKind,
    Mode,
    Outcome,
    RecoveryPhase,
    RefusalReason,
    Status,
    StepResult,
    UnderWay,
)
from salus.ports import ActionResult, RecoveryQuery, Scene
from salus.tasks import begin
from salus.testing import RecordingAction, virtual_time
from tests.unit.engine.world import World, restarting, up

Scenario = Callable[[World], Awaitable[None]]


def play(scenario: Scenario) -> None:
    with virtual_time() as (runner, clock):

        async def run() -> None:
            await scenario(World(clock))

        runner.run(run())


@dataclass
class Endless:
    """Works for ever, and notes that it was cancelled; a deaf one goes on all the same."""

    effect: Effect = Effect.REPLACES
    deaf: bool = False
    ended: list[str] = field(default_factory=list)

    def targets(self, own: str | None) -> frozenset[str]:
        return frozenset()

    async def run(self, scene: Scene) -> ActionResult:
        try:
            await scene.site.clock.sleep(1e6)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            if not self.deaf:
                raise
        return ActionResult(message="done")


def now(world: World) -> UnderWay | None:
    (record,) = world.view.recoveries()
    return record.current


@pytest.mark.parametrize("deaf", [False, True])
def test_a_person_calls_a_recovery_off_and_what_runs_is_ended(deaf: bool) -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        first, second = Endless(deaf=deaf), RecordingAction()
        rule = world.rule("web", first, second, recovery_timeout=600.0, cooldown_period=60.0)
        async with world.running():
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.clock.sleep(3)
            record = await world.control.cancel("web", by="olaf")
            assert (record.outcome, record.message) == (Outcome.CANCELLED, "called off by olaf")
            assert not record.needless
            assert (first.ended, second.runs) == (["cancelled"], [])
            (step,) = record.steps
            assert step.result is (StepResult.OK if deaf else StepResult.CANCELLED)
            assert step.verified is None
            assert (rule.memory.attempts, rule.memory.last_outcome) == (1, Outcome.CANCELLED)
            ended = world.clock.monotonic()
            await world.until(lambda: rule.refused_with() is RefusalReason.COOLING_DOWN, within=1)
            await world.wait_for(EventKind.ACTION_STARTED, 2)
            assert world.clock.monotonic() - ended >= 60
            (kept,) = await world.store.recoveries(RecoveryQuery(id=record.id))
            assert kept.outcome is Outcome.CANCELLED
            last = next(event for event in world.log.of(EventKind.RECOVERY_FINISHED) if event.recovery == record.id)
            assert last.reason == "cancelled"
            assert last.message.endswith(": called off by olaf")
            await world.control.cancel("web")

    play(scenario)


def test_a_recovery_is_called_off_before_its_first_action_too() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, takes=1.0)
        action = RecordingAction()
        rule = world.rule("web", action, cooldown_period=1000.0)
        async with world.running():
            (started,) = await world.wait_for(EventKind.RECOVERY_STARTED)
            await world.control.cancel((started.recovery or "")[:6], by="olaf")
            await world.clock.sleep(100)
            assert (action.runs, rule.memory.attempts) == ([], 1)

    play(scenario)


def test_a_recovery_is_called_off_in_the_very_turn_in_which_it_begins() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        action = RecordingAction()
        world.rule("web", action, enabled=False)
        async with world.running():
            await world.clock.sleep(25)
            begun = await world.control.begin("web")
            record = await world.control.cancel(begun.id)
            assert (record.outcome, record.message) == (Outcome.CANCELLED, "called off by a person")
            assert action.runs == []
            assert not [event for event in world.log.of(EventKind.RECOVERY_CONFIRMED) if event.recovery == begun.id]

    play(scenario)


def test_a_recovery_is_called_off_while_it_is_verified() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        rule = world.rule("web", RecordingAction(), verify_timeout=20.0, cooldown_period=1000.0)
        async with world.running():
            await world.wait_for(EventKind.ACTION_FINISHED)
            await world.clock.sleep(2)
            record = await world.control.cancel("web")
            assert [(step.result, step.verified) for step in record.steps] == [(StepResult.OK, None)]
            assert (record.outcome, rule.memory.attempts) == (Outcome.CANCELLED, 1)

    play(scenario)


def test_what_a_person_began_and_called_off_is_not_done_by_salus_at_once() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, retry_interval=10.0)
        rule = world.rule("web", Endless(), min_failure_count=4, recovery_timeout=100.0, cooldown_period=60.0)
        async with world.running():
            await world.clock.sleep(12)
            await world.control.begin("web")
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.control.cancel("web")
            ended = world.clock.monotonic()
            assert rule.memory.attempts == 1
            await world.wait_for(EventKind.ACTION_STARTED, 2)
            assert world.clock.monotonic() - ended >= 60

    play(scenario)


def test_the_last_attempt_that_is_called_off_has_no_last_words_and_gives_up_all_the_same() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        last = RecordingAction()
        rule = world.rule_with_ladders("web", [[Endless()]], [last], max_recovery_attempts=1, recovery_timeout=100.0)
        async with world.running():
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.control.cancel("web")
            await world.wait_for(EventKind.RULE_EXHAUSTED, within=1000)
            assert (last.runs, rule.memory.exhausted_since is not None) == ([], True)

    play(scenario)


def test_what_is_called_off_says_nothing_about_its_action() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        world.rule("web", Endless(), recovery_timeout=100.0)
        world.limits(circuit_threshold=1)
        async with world.running():
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.control.cancel("web")
            assert world.view.policy().circuits == ()

    play(scenario)


def test_two_people_who_call_it_off_hear_the_same() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        world.rule("web", Endless(), recovery_timeout=100.0)
        async with world.running():
            await world.wait_for(EventKind.ACTION_STARTED)
            one, other = await asyncio.gather(
                world.control.cancel("web", by="ann"), world.control.cancel("web", by="olaf")
            )
            assert one == other
            assert one.message == "called off by ann"

    play(scenario)


def test_only_what_runs_can_be_called_off() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        world.rule("web", RecordingAction())
        async with world.running():
            for name in ("web", "nope", ""):
                with pytest.raises(NotFoundError):
                    await world.control.cancel(name)

    play(scenario)


def test_an_id_that_is_meant_by_its_beginning_must_be_the_only_one() -> None:
    async def scenario(world: World) -> None:
        ids = iter(["aa1", "aa2"])
        world.engine.ids = lambda: next(ids, "b")
        for name in ("a", "b"):
            world.check(name)
            world.rule(name, Endless(), enabled=False)
        async with world.running():
            await world.control.begin("a")
            await world.control.begin("b")
            with pytest.raises(ConflictError):
                await world.control.cancel("aa")
            assert (await world.control.cancel("aa2")).rule == "b"

    play(scenario)


def test_a_stop_of_salus_still_interrupts_what_runs() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        world.rule("web", Endless(), recovery_timeout=100.0)
        async with world.running():
            await world.wait_for(EventKind.ACTION_STARTED)
        (finished,) = world.log.of(EventKind.RECOVERY_FINISHED)
        assert finished.reason == Outcome.INTERRUPTED

    play(scenario)


# ── begun, and watched ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_recovery_that_a_person_begins_is_told_at_once_and_goes_on() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web", up(web), service="web")
        world.rule("web", restarting(web, takes=5.0), enabled=False)
        async with world.running():
            await world.clock.sleep(15)
            began = world.clock.monotonic()
            record = await world.control.begin("web")
            assert world.clock.monotonic() == began
            assert (record.outcome, record.manual, record.id) == (None, True, world.view.recoveries()[0].id)
            with pytest.raises(ConflictError):
                await world.control.begin("web")
            with pytest.raises(NotFoundError):
                await world.control.begin("nope")
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            (kept,) = await world.store.recoveries(RecoveryQuery(id=record.id))
            assert (kept.outcome, kept.current) == (Outcome.RECOVERED, None)

    play(scenario)


def test_every_moment_of_a_recovery_can_be_seen() -> None:
    async def scenario(world: World) -> None:
        well = {"now": False}
        look = world.check("web", lambda _: Status.HEALTHY if well["now"] else Status.UNHEALTHY, takes=0.5)
        pause = RecordingAction(effect=Effect.WAITS, takes=2.0)
        world.rule("web", pause, RecordingAction(takes=3.0), recovery_timeout=30.0, verify_timeout=8.0)
        async with world.running():
            await world.wait_for(EventKind.RECOVERY_STARTED)
            doing = now(world)
            assert doing is not None
            assert (doing.phase, doing.action, doing.position) == (RecoveryPhase.CONFIRMING, None, None)
            began = doing.since
            assert (doing.until - doing.since).total_seconds() == 2.0  # the time-out of the check

            await world.wait_for(EventKind.ACTION_STARTED)
            doing = now(world)
            assert doing is not None
            assert (doing.phase, doing.action, doing.position) == (RecoveryPhase.WAITING, "action_0", 1)

            await world.wait_for(EventKind.ACTION_STARTED, 2)
            doing, version = now(world), world.view.version
            assert doing is not None
            assert (doing.phase, doing.action, doing.position) == (RecoveryPhase.ACTING, "action_1", 2)
            assert 0 <= (world.clock.now() - doing.since).total_seconds() < 0.02
            assert (doing.until - began).total_seconds() == 30.0  # what is left of recovery_timeout
            assert [step.result for step in world.view.recoveries()[0].steps] == [StepResult.OK]

            await world.wait_for(EventKind.ACTION_FINISHED, 2)
            doing = now(world)
            assert doing is not None
            assert (doing.phase, doing.action, doing.position) == (RecoveryPhase.VERIFYING, "action_1", 2)
            assert (doing.until - doing.since).total_seconds() == 8.0
            assert world.view.version > version
            assert [step.verified for step in world.view.recoveries()[0].steps] == [None, None]
            (explained,) = world.view.explain("web")
            assert explained.running is not None
            assert explained.running.current == doing
            well["now"] = True
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert len(look.looks) > 2

    play(scenario)


def test_each_change_of_phase_is_marked_by_an_event() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web", up(web), service="web")
        world.rule("web", restarting(web))
        async with world.running():
            await world.clock.sleep(15)
            web.crash()
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            story = [event for event in world.log.events if event.recovery == finished.recovery]
            assert [event.kind for event in story] == [
                EventKind.RECOVERY_STARTED,
                EventKind.RECOVERY_CONFIRMED,
                EventKind.ACTION_STARTED,
                EventKind.ACTION_FINISHED,
                EventKind.VERIFIED,
                EventKind.RECOVERY_FINISHED,
            ]
            assert story[1].message == "it is still so: a fresh look says unhealthy: down"

    play(scenario)


# ── the mode of one rule ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_sets_how_far_a_rule_may_go_and_that_survives_a_restart() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        action = RecordingAction()
        world.rule("web", action)
        async with world.running():
            told = await world.control.set_mode("web", Mode.OBSERVE, by="olaf")
            assert (told.mode, told.rule.mode) == (Mode.OBSERVE, Mode.AUTO)
            assert told.override is not None
            assert told.override.by == "olaf"
            await world.clock.sleep(60)
            (explained,) = world.view.explain("web")
            assert explained.decisive is not None
            assert explained.decisive.reason is RefusalReason.OBSERVE_ONLY
            changed = world.log.of(EventKind.RULE_MODE_CHANGED)[0]
            assert (changed.rule, changed.check, changed.reason) == ("web", "web", "observe")
            assert changed.message == "the mode is observe from now on, set by olaf"
        after = World(world.clock, world.store)
        after.check("web", Status.UNHEALTHY)
        again = RecordingAction()
        after.rule("web", again)
        after.engine.policy.load((await world.store.load(world.clock.now())).memos)
        async with after.running():
            await after.clock.sleep(60)
            assert (action.runs, again.runs) == ([], [])
            (report,) = after.view.rules()
            assert report.mode is Mode.OBSERVE
            assert (await after.control.set_mode("web", None)).mode is Mode.AUTO
            await after.wait_for(EventKind.ACTION_STARTED, within=30)
            assert after.view.rules()[0].override is None

    play(scenario)


def test_the_most_careful_of_a_rules_mode_and_the_wholes_holds() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        action = RecordingAction()
        world.rule("web", action, mode=Mode.OBSERVE)
        world.limits(mode=Mode.APPROVE)
        async with world.running():
            assert (await world.control.set_mode("web", Mode.AUTO)).mode is Mode.APPROVE
            await world.wait_for(EventKind.APPROVAL_WANTED, within=60)
            assert action.runs == []

    play(scenario)


def test_what_was_asked_is_asked_no_more_in_another_mode() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        rule = world.rule("web", RecordingAction(), mode=Mode.APPROVE)
        async with world.running():
            await world.wait_for(EventKind.APPROVAL_WANTED)
            await world.control.set_mode("web", Mode.APPROVE)
            asked = rule.memory.approval
            assert asked is not None
            await world.control.set_mode("web", Mode.OBSERVE)
            (expired,) = world.log.of(EventKind.APPROVAL_EXPIRED)
            assert expired.message == "the mode is observe now; nothing is asked any more"
            assert rule.memory.approval is not asked
            with pytest.raises(NotFoundError):
                await world.control.set_mode("nope", None)

    play(scenario)


def test_waiting_for_a_heal_and_for_its_cancellation_ends_together() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY)
        world.rule("web", Endless(), enabled=False, recovery_timeout=100.0)
        async with world.running():
            healing = begin(world.control.heal("web"))
            await world.wait_for(EventKind.ACTION_STARTED)
            record = await world.control.cancel("web", by="ann")
            assert await healing == record

    play(scenario)
