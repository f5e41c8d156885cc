"""The policy at work: a whole engine in virtual time, one story per test."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace

import msgspec
import pytest

from salus.engine.control import EngineControl
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.units import RuleUnit
from salus.engine.view import EngineView
from salus.model import (
    EventKind,
    GroupSpec,
    Maintenance,
    Mode,
    Observation,
    Outcome,
    RefusalReason,
    Selector,
    ServiceState,
    Status,
    StepResult,
)
from salus.ports import Look
from salus.tasks import begin
from salus.testing import RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.world import World, restarting, up

Story = Callable[[World], Coroutine[None, None, None]]


def play(story: Story) -> None:
    with virtual_time() as (runner, clock):
        runner.run(_play(story, clock))


async def _play(story: Story, clock: VirtualClock) -> None:
    await story(World(clock))


def control(world: World) -> EngineControl:
    async def reload() -> str:
        return ""

    return EngineControl(world.engine, HeartbeatBox(), reload)


def reasons(world: World) -> list[str | None]:
    return [event.reason for event in world.log.of(EventKind.RECOVERY_REFUSED)]


def switchable(state: dict[str, Status]) -> Callable[[str], Callable[[Look], Status]]:
    return lambda name: lambda _: state.get(name, Status.HEALTHY)


def test_services_that_fail_together_for_a_cause_nobody_declared_are_left_alone() -> None:
    async def story(world: World) -> None:
        broken = {"now": False}
        acts = []
        for place in range(10):
            world.service(f"s{place}")
            world.check(
                f"c{place}",
                lambda _: Status.UNHEALTHY if broken["now"] else Status.HEALTHY,
                service=f"s{place}",
                interval=5.0,
            )
            act = RecordingAction(touches=frozenset({f"s{place}"}))
            acts.append(act)
            world.rule(f"c{place}", act)
        async with world.running():
            await world.clock.sleep(20)
            broken["now"] = True
            await world.clock.sleep(60)
            assert world.log.of(EventKind.STORM_STARTED)
            broken["now"] = False
            await world.wait_for(EventKind.STORM_ENDED)
            await world.clock.sleep(30)
            assert sum(len(act.runs) for act in acts) == 0
            assert all(unit.state.status is Status.HEALTHY for unit in world.units.values())

    play(story)


def test_a_brake_lets_one_probe_through_and_is_released_when_healing_helps() -> None:
    async def story(world: World) -> None:
        state: dict[str, Status] = {}
        runs: list[str] = []

        def heal(name: str) -> RecordingAction:
            def cure(_: object) -> None:
                runs.append(name)
                state[name] = Status.HEALTHY

            return RecordingAction(does=cure)

        for place in range(4):
            name = f"c{place}"
            world.check(name, switchable(state)(name), interval=5.0)
            world.rule(name, heal(name))
        world.limits(storm_hold=60.0)
        async with world.running():
            await world.clock.sleep(12)
            state.update({f"c{place}": Status.UNHEALTHY for place in range(4)})
            await world.wait_for(EventKind.STORM_STARTED)
            await world.clock.sleep(50)
            assert not runs
            ended = await world.wait_for(EventKind.STORM_ENDED)
            assert len([act for act in world.log.of(EventKind.ACTION_STARTED) if act.id < ended[0].id]) == 1
            await world.until(lambda: len(runs) == 4)

    play(story)


def test_services_that_are_known_to_have_ended_are_started_again_storm_or_not() -> None:
    async def story(world: World) -> None:
        for place in range(6):
            service = world.service(f"s{place}")
            world.check(f"c{place}", up(service), service=f"s{place}")
            world.rule(f"c{place}", restarting(service))
        async with world.running():
            await world.clock.sleep(15)
            for service in world.services.values():
                service.crash()
            await world.until(lambda: all(service.up for service in world.services.values()), within=30)
            assert not world.log.of(EventKind.STORM_STARTED)

    play(story)


def test_only_the_root_is_healed_and_its_leaves_come_back_by_themselves() -> None:
    async def story(world: World) -> None:
        db, api, web = world.service("db"), world.service("api"), world.service("web")
        world.engine.service_roots = {"api": ("db",), "web": ("api",)}
        world.check("db", up(db), service="db", interval=5.0)
        world.check("api", lambda _: Status.HEALTHY if db.up else Status.UNHEALTHY, service="api", interval=5.0)
        world.check("web", lambda _: Status.HEALTHY if db.up else Status.UNHEALTHY, service="web", interval=5.0)
        acts = {name: restarting(service, takes=12.0) for name, service in (("db", db), ("api", api), ("web", web))}
        for name, act in acts.items():
            world.rule(name, act)
        async with world.running():
            await world.clock.sleep(12)
            db.crash()
            await world.until(lambda: db.up)
            await world.clock.sleep(60)
            assert {name: len(act.runs) for name, act in acts.items()} == {"db": 1, "api": 0, "web": 0}
            assert RefusalReason.DEPENDENCY_FAILING in reasons(world)
            held = [event.message for event in world.log.of(EventKind.RECOVERY_REFUSED) if event.check == "web"]
            assert any(message.startswith("db must be well first") for message in held)

    play(story)


def test_a_leaf_that_stays_bad_after_its_root_is_healed_after_its_grace() -> None:
    async def story(world: World) -> None:
        db = world.service("db")
        world.service("api")
        stuck = {"api": False}

        def look(_: Look) -> Status:
            stuck["api"] = stuck["api"] or not db.up
            return Status.UNHEALTHY if stuck["api"] else Status.HEALTHY

        world.check("db", up(db), service="db", interval=5.0)
        world.check("api", look, service="api", depends_on=("db",), interval=5.0)
        world.rule("db", restarting(db))
        act = RecordingAction(does=lambda _: stuck.update(api=False), touches=frozenset({"api"}))
        world.rule("api", act, dependency_grace=8.0)
        async with world.running():
            await world.clock.sleep(12)
            db.crash()
            world.engine.nudge(world.units["api"])
            await world.until(lambda: db.up)
            healed_at = world.clock.monotonic()
            await world.until(lambda: bool(act.runs))
            assert act.runs[0] - healed_at >= 7.9
            await world.until(lambda: world.units["api"].state.status is Status.HEALTHY)

    play(story)


def test_a_flapping_check_is_held_and_says_so() -> None:
    async def story(world: World) -> None:
        turn = iter(range(10_000))
        act = RecordingAction()
        world.check("web", lambda _: Status.HEALTHY if next(turn) % 2 else Status.UNHEALTHY, interval=1.0)
        world.rule("web", act, min_failure_count=1, cooldown_period=0.0, max_recovery_attempts=50)
        async with world.running():
            await world.wait_for(EventKind.FLAPPING_STARTED)
            before = len(act.runs)
            await world.clock.sleep(60)
            assert len(act.runs) == before
            assert RefusalReason.FLAPPING in reasons(world)

    play(story)


def test_ladders_follow_each_other_and_the_last_words_are_said_once() -> None:
    async def story(world: World) -> None:
        first, second, last = RecordingAction(), RecordingAction(), RecordingAction()
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule_with_ladders(
            "web", [[first], [second]], [last], cooldown_period=10.0, verify_timeout=1.0, max_recovery_attempts=3
        )
        async with world.running():
            await world.wait_for(EventKind.RULE_EXHAUSTED)
            await world.clock.sleep(300)
            assert (len(first.runs), len(second.runs), len(last.runs)) == (1, 2, 1)
            assert last.runs[0] > second.runs[-1] > first.runs[0]

    play(story)


def test_last_words_that_help_are_a_recovery() -> None:
    async def story(world: World) -> None:
        state = {"web": Status.UNHEALTHY}
        last = RecordingAction(does=lambda _: state.update(web=Status.HEALTHY))
        world.check("web", switchable(state)("web"), interval=5.0)
        world.rule_with_ladders("web", [[RecordingAction()]], [last], max_recovery_attempts=1, verify_timeout=1.0)
        async with world.running():
            await world.until(lambda: world.units["web"].state.status is Status.HEALTHY)
            finished = await world.wait_for(EventKind.RECOVERY_FINISHED, 2)
            assert [event.reason for event in finished] == [Outcome.NOT_RECOVERED, Outcome.RECOVERED]

    play(story)


def test_an_action_that_keeps_failing_is_skipped_until_its_circuit_is_tried_again() -> None:
    async def story(world: World) -> None:
        failing = RecordingAction(fails="the orchestrator is gone")
        world.check("web", Status.UNHEALTHY, interval=5.0)
        rule = world.rule("web", failing, cooldown_period=1.0, max_recovery_attempts=100, verify_timeout=1.0)
        world.limits(circuit_retry=600.0, recoveries_per_hour=1000)
        async with world.running():
            await world.wait_for(EventKind.CIRCUIT_OPENED)
            assert len(failing.runs) == 3
            await world.clock.sleep(500)
            assert len(failing.runs) == 3
            assert rule.refused_with() is RefusalReason.CIRCUIT_OPEN
            failing.fails = ""
            await world.wait_for(EventKind.CIRCUIT_CLOSED)
            assert len(failing.runs) >= 4

    play(story)


def test_a_rung_with_an_open_circuit_is_skipped_and_the_next_one_runs() -> None:
    async def story(world: World) -> None:
        failing, other = RecordingAction(fails="gone"), RecordingAction()
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule("web", failing, other, cooldown_period=1.0, max_recovery_attempts=5, verify_timeout=1.0)
        async with world.running():
            await world.until(lambda: len(other.runs) == 5)
            assert len(failing.runs) == 3
            assert any(event.reason == StepResult.SKIPPED for event in world.log.of(EventKind.ACTION_FINISHED))

    play(story)


def test_observing_says_what_would_be_done_and_does_nothing() -> None:
    async def story(world: World) -> None:
        act = RecordingAction()
        world.check("web", Status.UNHEALTHY)
        world.rule("web", act, mode=Mode.OBSERVE)
        async with world.running():
            await world.clock.sleep(300)
            assert not act.runs
            told = world.log.of(EventKind.RECOVERY_REFUSED)
            assert [event.reason for event in told] == [RefusalReason.OBSERVE_ONLY]
            assert told[0].message == "would run action_0 (attempt 1, within 30 s)"

    play(story)


def approving(world: World) -> tuple[RecordingAction, RuleUnit]:
    act = RecordingAction()
    world.check("web", Status.UNHEALTHY, interval=5.0)
    rule = world.rule("web", act, mode=Mode.APPROVE, approval_timeout=60.0, cooldown_period=1000.0, verify_timeout=1.0)
    return act, rule


def test_a_rule_that_asks_acts_once_after_a_person_said_yes() -> None:
    async def story(world: World) -> None:
        act, _ = approving(world)
        async with world.running():
            asked = await world.wait_for(EventKind.APPROVAL_WANTED)
            await world.clock.sleep(20)
            assert not act.runs
            await control(world).answer(str(asked[0].reason), approve=True, by="ann")
            await world.until(lambda: bool(act.runs), within=5)
            await world.clock.sleep(200)
            assert len(act.runs) == 1
            records = world.store._recoveries  # type: ignore[attr-defined]  # the memory store's own
            assert [record.approved_by for record in records.values()] == ["ann"]

    play(story)


def test_a_question_that_nobody_answers_lapses_and_is_asked_anew() -> None:
    async def story(world: World) -> None:
        act, _ = approving(world)
        async with world.running():
            asked = await world.wait_for(EventKind.APPROVAL_WANTED, 2)
            assert asked[0].reason != asked[1].reason
            assert world.log.of(EventKind.APPROVAL_EXPIRED)
            assert not act.runs

    play(story)


def test_after_a_no_nothing_is_asked_or_done_while_the_check_is_bad() -> None:
    async def story(world: World) -> None:
        act, rule = approving(world)
        async with world.running():
            await world.wait_for(EventKind.APPROVAL_WANTED)
            await control(world).answer("web", approve=False, by="ann", note="I am on it")
            await world.clock.sleep(300)
            assert not act.runs
            assert rule.refused_with() is RefusalReason.REJECTED
            assert len(world.log.of(EventKind.APPROVAL_WANTED)) == 1

    play(story)


def test_a_pause_holds_everything_ends_by_itself_and_is_remembered() -> None:
    async def story(world: World) -> None:
        act = RecordingAction()
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule("web", act, verify_timeout=1.0)
        async with world.running():
            await control(world).pause(120.0, reason="deploy", by="ann")
            begun = world.clock.monotonic()
            snapshot = await world.store.load(world.clock.now())
            assert "pause:all" in snapshot.memos
            await world.until(lambda: bool(act.runs))
            assert act.runs[0] - begun >= 119.9
            assert world.log.of(EventKind.RESUMED)

    play(story)


def test_a_window_holds_only_its_members() -> None:
    async def story(world: World) -> None:
        acts = {}
        for name, tags in (("web", ("front",)), ("db", ())):
            acts[name] = RecordingAction()
            world.check(name, Status.HEALTHY, tags=tags, interval=5.0)
            world.rule(name, acts[name], verify_timeout=1.0)
        async with world.running():
            await world.clock.sleep(10)
            await control(world).start_maintenance(Selector(tags=("front",)), 600.0, name="deploy", by="ann")
            for unit in world.units.values():
                unit.check.script = Status.UNHEALTHY  # type: ignore[attr-defined]  # a scripted check
            await world.until(lambda: bool(acts["db"].runs))
            assert not acts["web"].runs
            assert RefusalReason.MAINTENANCE in reasons(world)
            await control(world).end_maintenance("deploy")
            await world.until(lambda: bool(acts["web"].runs), within=10)
            (began,), (ended,) = world.log.of(EventKind.MAINTENANCE_STARTED), world.log.of(EventKind.MAINTENANCE_ENDED)
            window = msgspec.convert(began.data, Maintenance)  # the row says all of it, for whoever replays the ledger
            assert (window.id, window.members, window.by) == ("deploy", Selector(tags=("front",)), "ann")
            assert (window.until - window.since).total_seconds() == 600
            assert ended.data == {"id": "deploy"}

    play(story)


def test_a_rule_that_a_person_switched_off_does_not_act_until_it_is_switched_on() -> None:
    async def story(world: World) -> None:
        act = RecordingAction()
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule("web", act, verify_timeout=1.0)
        async with world.running():
            await control(world).enable_rule("web", enabled=False, by="ann")
            await world.clock.sleep(100)
            assert not act.runs
            await control(world).enable_rule("web", enabled=True)
            await world.until(lambda: bool(act.runs), within=10)

    play(story)


def test_a_group_is_healed_one_by_one_and_stops_at_the_first_that_does_not_come_back() -> None:
    async def story(world: World) -> None:
        helps = {"now": False}

        def cures(name: str) -> Callable[[object], None]:
            def cure(_: object) -> None:
                if helps["now"]:
                    state[name] = Status.HEALTHY

            return cure

        state = {f"c{place}": Status.HEALTHY for place in range(4)}
        acts = {}
        for place in range(4):
            name = f"c{place}"
            world.check(name, switchable(state)(name), interval=5.0)
            acts[name] = RecordingAction(does=cures(name))
            world.rule(name, acts[name], cooldown_period=30.0, max_recovery_attempts=50, verify_timeout=1.0)
        pool = GroupSpec(name="pool", members=Selector(everything=True), max_unavailable=1)
        world.limits(groups=(pool,), storm_min_checks=99, recoveries_at_once=4, recoveries_per_hour=999)
        async with world.running():
            await world.clock.sleep(12)
            state.update(c0=Status.UNHEALTHY, c1=Status.UNHEALTHY)
            await world.clock.sleep(120)
            assert sorted(len(act.runs) > 0 for act in acts.values()) == [False, False, False, True]
            assert RefusalReason.GROUP_UNAVAILABLE in reasons(world)
            helps["now"] = True
            await world.until(lambda: all(status is Status.HEALTHY for status in state.values()))

    play(story)


def test_a_second_healer_is_reported_and_left_alone() -> None:
    async def story(world: World) -> None:
        service = world.service("web")
        act = restarting(service)
        world.check("web", up(service), service="web", interval=5.0)
        world.rule("web", act, min_failure_count=50, cooldown_period=0.0)
        copies = {"count": 1}

        look = world.units["web"].check

        def seen(one: Look) -> Observation:
            status = Status.HEALTHY if service.up else Status.UNHEALTHY
            return one.observe(status, incarnation=f"pid-{copies['count']}" if service.up else None)

        look.script = seen  # type: ignore[attr-defined]  # a scripted check
        async with world.running():
            await world.clock.sleep(12)
            for _ in range(2):
                service.up = False
                await world.clock.sleep(7)
                copies["count"] += 1  # somebody else put a new copy there
                service.up = True
                await world.clock.sleep(20)
            assert world.log.of(EventKind.RIVAL_DETECTED)
            assert service.status.state is ServiceState.RUNNING
            world.units["web"].rules[0].rule = replace(world.units["web"].rules[0].rule, min_failure_count=1)
            service.up = False
            await world.clock.sleep(60)
            assert RefusalReason.RIVAL_HEALER in reasons(world)
            assert not act.runs

    play(story)


def test_what_keeps_coming_back_is_told_to_a_person() -> None:
    async def story(world: World) -> None:
        service = world.service("web")
        world.check("web", up(service), service="web", interval=5.0)
        rule = world.rule("web", restarting(service), cooldown_period=1.0, reset_after=60.0)
        async with world.running():
            for _ in range(3):
                await world.clock.sleep(300)
                service.crash()
            told = await world.wait_for(EventKind.RULE_RECURRING)
            assert len(told) == 1
            assert rule.memory.escalations == 1
            await world.wait_for(EventKind.RULE_STEADY, within=8000)

    play(story)


def test_a_rule_edited_while_it_heals_has_no_effect_on_that_recovery_and_forgets_nothing() -> None:
    async def story(world: World) -> None:
        slow = RecordingAction(takes=20.0)
        world.check("web", Status.UNHEALTHY, interval=5.0)
        world.rule("web", slow, verify_timeout=1.0, recovery_timeout=60.0, cooldown_period=500.0)
        async with world.running():
            await world.until(lambda: bool(slow.runs))
            old = world.units["web"]
            other = RecordingAction()
            world.check("web", Status.UNHEALTHY, interval=5.0)
            rule = world.rule("web", other, verify_timeout=1.0, cooldown_period=500.0)
            await old.check.aclose()
            world.engine.replace_units(world.units)
            assert world.units["web"].healing
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            await world.clock.sleep(100)
            assert (len(slow.runs), len(other.runs)) == (1, 0)
            assert rule.memory.attempts == 1
            assert rule.refused_with() is RefusalReason.COOLING_DOWN
            assert not world.units["web"].healing

    play(story)


def test_a_condition_acts_on_what_a_healthy_check_observes_and_is_verified_by_its_end() -> None:
    async def story(world: World) -> None:
        size = {"rss": 1.0}
        act = RecordingAction(does=lambda _: size.update(rss=1.0))
        world.check("web", Status.HEALTHY, interval=5.0)
        rule = world.rule("web", act, when="metrics.rss > 10", min_failure_count=2)
        rule.judge = lambda _: (size["rss"] > 10, f"rss = {size['rss']}")
        async with world.running():
            await world.clock.sleep(30)
            assert not act.runs
            size["rss"] = 20.0
            finished = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished[0].reason == Outcome.RECOVERED
            assert len(act.runs) == 1

    play(story)


def test_who_asks_while_it_heals_hears_what_is_done_and_not_that_the_target_is_taken() -> None:
    async def story(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web", interval=1.0)
        world.check("web-http", up(web), service="web", interval=1.0)
        world.rule("web-up", restarting(web, takes=5.0))
        slow = world.rule("web-http", restarting(web), min_failure_count=2)
        view = EngineView(world.engine, environment="test", show_details="always")
        async with world.running():
            await world.clock.sleep(5)
            web.crash()
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.until(lambda: slow.refused_with() is RefusalReason.ALREADY_HEALING, within=5)
            [healing] = view.explain("web-up")
            assert healing.running is not None
            assert [finding.refusal for finding in healing.findings] == [None] * len(RefusalReason)
            [held] = view.explain("web-http")
            assert held.decisive is not None
            assert held.decisive.refusal is not None
            assert (
                held.decisive.refusal.detail == f"service:web is taken by recovery {healing.running.id[:8]} of web-up"
            )

    play(story)


def test_who_asks_while_it_heals_because_a_person_asked_hears_that_no_stage_was() -> None:
    async def story(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web", interval=1.0)
        world.rule("web-up", restarting(web, takes=5.0))
        async with world.running():
            await world.clock.sleep(1)
            asked = begin(control(world).heal("web-up"))
            await world.wait_for(EventKind.ACTION_STARTED)
            [healing] = EngineView(world.engine, environment="test", show_details="always").explain("web-up")
            assert (healing.findings, healing.running is not None) == ((), True)
            await asked

    play(story)


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_reason_has_a_counter_for_each_check_that_a_metric_can_read(reason: RefusalReason) -> None:
    async def story(world: World) -> None:
        world.check("web")
        world.check("db")
        async with world.running():
            for name in ("web", "web", "db"):
                world.engine.policy.refused(name, reason)
            counted = EngineView(world.engine, environment="test", show_details="always").policy().refusals
            assert counted == {"db": {reason.value: 1}, "web": {reason.value: 2}}
            del world.units["db"]
            world.engine.replace_units(world.units)
            assert set(world.engine.policy.refusals) == {"web"}

    play(story)


def test_a_refusal_is_counted_once_when_it_begins_also_where_it_is_everyday() -> None:
    async def story(world: World) -> None:
        seen = {"web": Status.HEALTHY}
        world.check("web", switchable(seen)("web"), interval=5.0)
        rule = world.rule("web", RecordingAction(), min_failure_count=3, cooldown_period=60.0, verify_timeout=1.0)
        async with world.running():
            await world.clock.sleep(10)
            seen["web"] = Status.UNHEALTHY
            await world.until(lambda: rule.refused_with() is RefusalReason.COOLING_DOWN)
            await world.clock.sleep(20)
            seen["web"] = Status.UNKNOWN
            await world.until(lambda: rule.refused_with() is RefusalReason.UNKNOWN)
            assert world.engine.policy.refusals["web"] == {
                RefusalReason.BELOW_THRESHOLD: 1,
                RefusalReason.COOLING_DOWN: 1,
                RefusalReason.UNKNOWN: 1,
            }

    play(story)
