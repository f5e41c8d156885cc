"""A check that a person sets aside: nobody looks, nothing is said or healed, until it is taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from salus.errors import ConflictError, NotFoundError
from salus.model import AlertRule, EventKind, Happening, Outcome, RefusalReason, Selector, Status
from salus.ports import Look, RecoveryQuery
from salus.tasks import begin
from salus.testing import RecordingAction, virtual_time
from tests.unit.engine.test_alerter import Telling
from tests.unit.engine.test_alerter import play as play_telling
from tests.unit.engine.world import World, restarting, up

Scenario = Callable[[World], Awaitable[None]]


def play(scenario: Scenario) -> None:
    with virtual_time() as (runner, clock):

        async def run() -> None:
            await scenario(World(clock))

        runner.run(run())


class Weather:
    """What a check sees, until it is told otherwise."""

    def __init__(self, status: Status = Status.HEALTHY) -> None:
        self.status = status

    def __call__(self, _: Look) -> Status:
        return self.status


def test_a_paused_check_is_not_looked_at_by_itself_and_not_healed() -> None:
    async def scenario(world: World) -> None:
        weather, action = Weather(Status.UNHEALTHY), RecordingAction()
        check = world.check("web", weather)
        world.rule("web", action)
        async with world.running():
            pause = await world.control.pause_check("web", None, reason="moving", by="olaf")
            assert (pause.check, pause.until, pause.by) == ("web", None, "olaf")
            looks = len(check.looks)
            await world.clock.sleep(3600)
            world.engine.nudge(world.units["web"])
            world.engine.nudge_service("web")
            await world.clock.sleep(10)
            assert (len(check.looks), action.runs) == (looks, [])
            (explained,) = world.view.explain("web")
            assert explained.decisive is not None
            assert explained.decisive.reason is RefusalReason.CHECK_PAUSED
            report = world.view.check("web")
            assert report is not None
            assert (report.paused, report.state.status) == (pause, Status.UNKNOWN)
            assert report.state.last is not None
            assert report.state.last.message == "paused by olaf until somebody resumes it: moving"
            assert world.view.policy().checks_paused == (pause,)

    play(scenario)


def test_a_person_looks_at_a_paused_check_and_that_moves_no_verdict() -> None:
    async def scenario(world: World) -> None:
        weather, action = Weather(), RecordingAction()
        check = world.check("web", weather)
        world.rule("web", action)
        async with world.running():
            await world.clock.sleep(15)
            await world.control.pause_check("web", None)
            weather.status = Status.UNHEALTHY
            before, looks = world.units["web"].state, len(check.looks)
            kept = await world.store.observations("web", since=world.clock.now() - timedelta(days=1))
            assert (await world.control.check_now("web")).status is Status.UNHEALTHY
            assert len(check.looks) == looks + 1
            assert (world.units["web"].state, action.runs) == (before, [])
            await world.recorder.commit()
            assert kept == await world.store.observations("web", since=world.clock.now() - timedelta(days=1))

    play(scenario)


def test_a_look_that_was_under_way_when_the_check_was_paused_moves_no_verdict() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Weather(Status.UNHEALTHY), takes=1.0)
        async with world.running():
            await world.until(lambda: world.units["web"].probe is not None)
            await world.control.pause_check("web", None)
            await world.clock.sleep(30)
            assert world.units["web"].state.status is Status.UNKNOWN

    play(scenario)


def test_a_paused_check_counts_for_nothing_in_the_whole_until_its_first_verdict_after() -> None:
    async def scenario(world: World) -> None:
        weather = Weather(Status.UNHEALTHY)
        world.check("web", weather, critical=True, liveness=True, failure_threshold=3, retry_interval=5.0)
        world.check("disk")
        async with world.running():
            await world.until(lambda: world.view.overall().status is Status.UNHEALTHY)
            await world.control.pause_check("web", 60)
            whole = world.view.overall()
            assert (whole.status, whole.ready, whole.live, whole.started) == (Status.HEALTHY, True, True, True)
            assert (whole.message, whole.paused) == ("All systems operational (1 paused)", 1)
            assert world.view.overall(frozenset({"web"})).paused == 0
            await world.control.resume_check("web", by="ann")
            await world.clock.sleep(1)
            assert world.view.overall().ready
            assert world.view.overall().message == "All systems operational"
            await world.until(lambda: world.view.overall().status is Status.UNHEALTHY, within=11)

    play(scenario)


def test_where_all_is_paused_nothing_is_said_to_be_operational() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        async with world.running():
            await world.clock.sleep(20)
            await world.control.pause_check("web", None)
            assert world.view.overall().message == "Nothing to check (1 paused)"

    play(scenario)


def test_a_pause_ends_by_itself_and_the_check_is_looked_at_at_once() -> None:
    async def scenario(world: World) -> None:
        check = world.check("web", interval=600.0)
        async with world.running():
            await world.until(lambda: bool(check.looks), within=600)
            await world.control.pause_check("web", 100, by="olaf")
            (paused,) = world.log.of(EventKind.CHECK_PAUSED)
            assert (paused.check, paused.message[:15]) == ("web", "paused by olaf ")
            looks = len(check.looks)
            await world.clock.sleep(99)
            assert len(check.looks) == looks
            await world.clock.sleep(2)
            assert len(check.looks) == looks + 1
            (resumed,) = world.log.of(EventKind.CHECK_RESUMED)
            assert (resumed.check, resumed.message) == ("web", "the pause is over")
            assert world.units["web"].state.status is Status.HEALTHY

    play(scenario)


def test_only_what_is_there_can_be_paused_and_only_what_is_paused_resumed() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        async with world.running():
            with pytest.raises(NotFoundError):
                await world.control.pause_check("nope", None)
            with pytest.raises(NotFoundError):
                await world.control.resume_check("nope")
            with pytest.raises(ConflictError):
                await world.control.resume_check("web")

    play(scenario)


def test_the_newest_pause_holds() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        async with world.running():
            await world.control.pause_check("web", 10)
            await world.control.pause_check("web", 1000)
            await world.clock.sleep(500)
            assert world.units["web"].paused
            await world.clock.sleep(501)
            assert not world.units["web"].paused

    play(scenario)


def test_a_pause_survives_the_death_of_salus_and_ends_in_its_time() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Weather(Status.UNHEALTHY))
        async with world.running():
            await world.clock.sleep(30)
            await world.control.pause_check("web", 300, reason="moving", by="olaf")
            # Killed here: nothing after this moment is written.
            after = World(world.clock, world.store)
            snapshot = await world.store.load(world.clock.now())
        check = after.check("web", Weather(Status.UNHEALTHY))
        after.engine.policy.load(snapshot.memos)
        async with after.running():
            await after.clock.sleep(200)
            report = after.view.check("web")
            assert report is not None
            assert report.paused is not None
            assert (report.paused.reason, report.paused.by, check.looks) == ("moving", "olaf", [])
            await after.clock.sleep(101)
            assert len(check.looks) > 0
            assert after.units["web"].state.status is Status.UNHEALTHY

    play(scenario)


def test_a_verdict_that_a_dead_salus_left_in_a_heal_of_a_paused_check_is_forgotten() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        async with world.running():
            await world.until(lambda: world.units["web"].state.status is Status.HEALTHY)
            in_the_heal = world.units["web"].state
            await world.control.pause_check("web", None)
            snapshot = await world.store.load(world.clock.now())
        after = World(world.clock, world.store)
        after.check("web")
        after.units["web"].state = in_the_heal
        after.engine.policy.load(snapshot.memos)
        async with after.running():
            assert after.units["web"].state.status is Status.UNKNOWN

    play(scenario)


def test_a_pause_follows_a_reload_and_a_clock_that_is_set() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        async with world.running():
            await world.clock.sleep(20)
            pause = await world.control.pause_check("web", 600)
            check = world.check("web", Weather(Status.UNHEALTHY))
            world.engine.replace_units(dict(world.units))
            await world.clock.sleep(60)
            assert (world.units["web"].paused, check.looks) == (True, [])
            world.engine._shift_wall_clock(timedelta(hours=5))
            moved = world.engine.policy.check_pauses.get("web")
            assert moved is not None
            assert moved.until is not None
            assert pause.until is not None
            assert moved.until - pause.until == timedelta(hours=5)

    play(scenario)


def test_a_paused_check_that_left_the_config_is_paused_when_it_comes_back() -> None:
    async def scenario(world: World) -> None:
        world.check("web")
        world.check("disk")
        async with world.running():
            await world.control.pause_check("web", None, by="olaf")
            world.engine.replace_units({"disk": world.units["disk"]})
            assert world.view.policy().checks_paused == ()
            assert world.view.overall().paused == 0
            check = world.check("web")
            world.engine.replace_units(dict(world.units))
            await world.clock.sleep(100)
            state = world.units["web"].state
            assert state.last is not None
            assert (state.last.message, check.looks) == ("paused by olaf until somebody resumes it", [])

    play(scenario)


def test_a_paused_root_holds_no_leaf_back_and_is_not_looked_at_for_it() -> None:
    async def scenario(world: World) -> None:
        root, action = world.check("db", Weather(Status.UNHEALTHY)), RecordingAction()
        world.check("web", Weather(Status.UNHEALTHY), depends_on=("db",))
        world.rule("web", action)
        async with world.running():
            await world.clock.sleep(63)
            assert action.runs == []
            await world.control.pause_check("db", None)
            looks = len(root.looks)
            await world.wait_for(EventKind.RECOVERY_FINISHED, within=60)
            assert (len(action.runs), len(root.looks)) == (1, looks)

    play(scenario)


def test_a_recovery_under_way_goes_on_to_its_end_and_then_the_check_rests() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web", up(web), service="web")
        world.rule("web", restarting(web, takes=5.0))
        async with world.running():
            await world.clock.sleep(15)
            web.crash()
            await world.wait_for(EventKind.ACTION_STARTED)
            await world.control.pause_check("web", None)
            (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert finished.reason == Outcome.RECOVERED
            await world.clock.sleep(1)
            assert world.units["web"].state.status is Status.UNKNOWN
            web.crash()
            await world.clock.sleep(100)
            assert len(world.log.of(EventKind.RECOVERY_FINISHED)) == 1

    play(scenario)


def test_a_person_heals_a_paused_check_all_the_same() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web", up(web), service="web")
        world.rule("web", restarting(web))
        async with world.running():
            await world.clock.sleep(15)
            await world.control.pause_check("web", None)
            web.crash()
            record = await world.control.heal("web")
            assert record.outcome is Outcome.RECOVERED
            assert world.units["web"].state.status is Status.UNKNOWN
            assert len(await world.store.recoveries(RecoveryQuery())) == 1

    play(scenario)


def test_whoever_replaces_the_target_of_a_paused_check_is_no_rival() -> None:
    async def scenario(world: World) -> None:
        copy = {"now": "a", "status": Status.UNHEALTHY}
        world.check("web", lambda look: look.observe(Status(copy["status"]), incarnation=copy["now"]), interval=5.0)
        world.limits(rival_threshold=1)
        async with world.running():
            await world.clock.sleep(16)
            await world.control.pause_check("web", None)
            copy.update(now="b", status=Status.HEALTHY)
            await world.control.resume_check("web")
            await world.clock.sleep(30)
            assert world.log.of(EventKind.RIVAL_DETECTED) == []
            copy.update(status=Status.UNHEALTHY)
            await world.clock.sleep(10)
            copy.update(now="c")  # of one that is not paused, it is
            await world.wait_for(EventKind.RIVAL_DETECTED, within=30)

    play(scenario)


def test_a_paused_check_is_no_part_of_a_storm() -> None:
    async def scenario(world: World) -> None:
        weather = Weather()
        for name in ("a", "b", "c", "d"):
            world.check(name, weather)
            world.rule(name, RecordingAction())
        world.limits(storm_hold=3600.0, storm_brake=0.6)
        async with world.running():
            await world.clock.sleep(20)
            weather.status = Status.UNHEALTHY
            await world.wait_for(EventKind.STORM_STARTED)
            for name in ("a", "b", "c", "d"):
                await world.control.pause_check(name, None)
            assert world.log.of(EventKind.STORM_ENDED)

    play(scenario)


# ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

DOWN = AlertRule(name="down", members=Selector(everything=True), status=Status.UNHEALTHY)
GAVE_UP = AlertRule(name="gave-up", members=Selector(everything=True), on=(Happening.EXHAUSTED,))
UNSURE = AlertRule(name="unsure", members=Selector(everything=True), status=Status.UNKNOWN)


def test_alerts_of_a_paused_check_end_and_whoever_heard_of_them_hears_who_paused_it() -> None:
    async def story(world: Telling) -> None:
        world.rules(DOWN, UNSURE)
        world.check("web", Weather(Status.UNHEALTHY))
        async with world.telling():
            await world.until(lambda: len(world.desk.sent) == 1)
            await world.control.pause_check("web", 600, reason="moving", by="olaf")
            await world.until(lambda: len(world.desk.sent) == 2, within=60)
            (alert,) = world.desk.sent[1].alerts
            assert alert.resolved_at is not None
            assert alert.resolution.startswith("paused by olaf until ")
            assert alert.resolution.endswith(": moving")
            await world.clock.sleep(500)
            assert len(world.desk.sent) == 2
            await world.clock.sleep(200)  # it is over, and the check is as bad as before
            assert world.desk.said()[2:] == ["firing: web is unhealthy: scripted unhealthy"]

    play_telling(story)


def test_what_was_so_before_the_pause_is_told_again_once_the_check_is_seen_bad() -> None:
    async def story(world: Telling) -> None:
        world.rules(GAVE_UP)
        world.check("web", Weather(Status.UNHEALTHY))
        world.rule("web", RecordingAction(), max_recovery_attempts=1, verify_timeout=0.5)
        async with world.telling():
            await world.until(lambda: len(world.desk.sent) == 1)
            await world.control.pause_check("web", None, by="olaf")
            await world.until(lambda: len(world.desk.sent) == 2)
            world.alerter.survey()
            await world.clock.sleep(100)
            assert len(world.desk.sent) == 2
            await world.control.resume_check("web")
            await world.until(lambda: len(world.desk.sent) == 3, within=60)
            assert [note.state for note in world.desk.sent] == ["firing", "resolved", "firing"]

    play_telling(story)


def test_a_restart_while_a_check_is_paused_raises_nothing_about_it() -> None:
    async def story(world: Telling) -> None:
        world.rules(DOWN, UNSURE)
        world.check("web", Weather(Status.UNHEALTHY))
        async with world.telling():
            await world.until(lambda: len(world.desk.sent) == 1)
            await world.control.pause_check("web", None)
            await world.until(lambda: len(world.desk.sent) == 2)
        after = Telling(world.clock, world.store)
        after.rules(DOWN, UNSURE)
        after.check("web", Weather(Status.UNHEALTHY))
        after.engine.policy.load((await world.store.load(world.clock.now())).memos)
        async with after.telling():
            await after.clock.sleep(600)
            assert after.desk.sent == []

    play_telling(story)


def test_a_heal_of_a_paused_check_by_a_person_tells_nobody() -> None:
    async def story(world: Telling) -> None:
        world.rules(DOWN, AlertRule(name="failed", members=DOWN.members, on=(Happening.NOT_RECOVERED,)))
        world.check("web", Weather(Status.UNHEALTHY))
        world.rule("web", RecordingAction(), verify_timeout=0.5)
        async with world.telling():
            await world.control.pause_check("web", None)
            healing = begin(world.control.heal("web"))
            await world.clock.sleep(60)
            assert (await healing).outcome is Outcome.NOT_RECOVERED
            assert world.desk.sent == []

    play_telling(story)
