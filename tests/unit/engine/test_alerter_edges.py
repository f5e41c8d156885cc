"""What comes between: restarts, changed configs, surveys, other clocks, and recoveries that take long to begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from salus.alerts.labels import LONGEST
from salus.engine import survey
from salus.engine.silences import make
from salus.engine.truths import truths_of
from salus.matchers import parse_matchers
from salus.model import (
    AlertRule,
    AlertState,
    EventKind,
    Happening,
    Level,
    Occasion,
    RouteSpec,
    Selector,
    Status,
)
from salus.store.memory import MemoryStore
from salus.testing import RecordingAction, VirtualClock
from tests.unit.engine.test_alerter import DOWN, Switch, Telling, play


def test_a_silence_holds_from_the_first_moment_of_the_next_salus() -> None:
    async def story(world: Telling) -> None:
        store = MemoryStore()

        def like(clock: VirtualClock) -> Telling:
            made = Telling(clock, store)
            made.check("web", Switch(Status.UNHEALTHY), interval=3600.0, takes=1.0)
            return made

        first = like(world.clock)
        async with first.telling():
            match = parse_matchers("check=web")
            first.alerter.silences.add(make(match, 86400, world.clock.now(), "quiet", by="ann", comment="known"))
            await world.clock.sleep(300)
            assert [one.state for one in first.alerter.desk.alerts.values()] == [AlertState.FIRING]
            assert first.desk.sent == []
        second = like(world.clock)
        async with second.telling():
            await world.clock.sleep(60)
            assert second.desk.sent == []

    play(story)


def test_an_alert_ends_when_the_config_gives_it_other_labels() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.UNHEALTHY)
        world.check("web", web)
        world.rules(DOWN, AlertRule(name="off", on=(Happening.PAUSED,)))
        async with world.telling():
            world.engine.policy.holds.start_pause(None, world.clock.now(), reason="", by="ann")
            await world.clock.sleep(200)
            assert len(world.desk.sent) == 2
            world.settings = replace(world.settings, labels={"datacentre": "fra1"})
            world.configure()
            await world.clock.sleep(60)
            told = [(note.state, note.alerts[0].labels.get("datacentre")) for note in world.desk.sent[2:]]
            assert sorted(told, key=str) == [(AlertState.FIRING, "fra1")] * 2 + [(AlertState.RESOLVED, None)] * 2
            ended = {note.alerts[0].resolution for note in world.desk.sent if note.state is AlertState.RESOLVED}
            assert ended == {"the config has changed what it is about"}
            web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert len(world.alerter.desk.alerts) == 1  # the pause

    play(story)


def test_an_alert_ends_when_its_rule_asks_for_something_else() -> None:
    async def story(world: Telling) -> None:
        world.check("web", Switch(Status.UNHEALTHY))
        world.rules(DOWN, AlertRule(name="off", on=(Happening.PAUSED,)))
        async with world.telling():
            world.engine.policy.holds.start_pause(None, world.clock.now(), reason="", by="ann")
            await world.clock.sleep(200)
            world.rules(
                AlertRule(name="down", on=(Happening.EXHAUSTED,)), AlertRule(name="off", on=(Happening.RECURRING,))
            )
            world.configure()
            await world.clock.sleep(60)
            assert [note.state for note in world.desk.sent[2:]] == [AlertState.RESOLVED] * 2
            assert world.alerter.desk.alerts == {}

    play(story)


@pytest.mark.parametrize("members", [Selector(), Selector(checks=("web",))])
def test_a_rule_that_gave_up_is_told_once_whatever_is_surveyed_meanwhile(members: Selector) -> None:
    async def story(world: Telling) -> None:
        store = MemoryStore()

        def like(clock: VirtualClock) -> Telling:
            made = Telling(clock, store)
            made.check("web", Switch(Status.UNHEALTHY))
            made.rule("web", RecordingAction(), max_recovery_attempts=1, verify_timeout=2, exhausted_retry=1e6)
            made.rules(AlertRule(name="gave-up", on=(Happening.EXHAUSTED,), members=members))
            return made

        first = like(world.clock)
        async with first.telling():
            await world.clock.sleep(200)
            assert [note.state for note in first.desk.sent] == [AlertState.FIRING]
            first.configure()
            await world.clock.sleep(200)
            assert len(first.desk.sent) == 1
        second = like(world.clock)
        async with second.telling():
            await world.clock.sleep(200)
            assert second.desk.sent == []
            assert [one.state for one in second.alerter.desk.alerts.values()] == [AlertState.FIRING]
            second.rules(AlertRule(name="gave-up", on=(Happening.EXHAUSTED,), members=Selector(checks=("db",))))
            second.configure()
            await world.clock.sleep(60)
            assert [note.state for note in second.desk.sent] == [AlertState.RESOLVED]

    play(story)


@pytest.mark.parametrize("attempts, said", [(1, "gave up after 1 attempt"), (2, "gave up after 2 attempts")])
def test_how_often_it_was_tried_is_told_in_good_english_by_who_asks_later_too(attempts: int, said: str) -> None:
    async def story(world: Telling) -> None:
        world.check("web", Switch())
        rule = world.rule("web", RecordingAction())
        rule.memory = replace(rule.memory, exhausted_since=world.clock.now(), attempts=attempts)
        (truth,) = truths_of(world.units["web"])
        assert truth.message == said

    play(story)


def survey_with(world: Telling, begin: Callable[[], object], end: Callable[[], object]) -> None:
    """Survey everything; what happens between its parts is heard at once."""
    look = survey.Survey.everything(world.alerter._surveys, world.recorder, world.desk)
    for step, _ in enumerate(look):
        if step == 10:
            begin()
        if step == 12:
            end()
        while world.alerter._events:
            world.alerter._raising.hear(world.alerter._events.popleft())


def test_what_begins_or_ends_during_a_survey_is_not_mistaken_for_the_contrary() -> None:
    async def story(world: Telling) -> None:
        for place in range(8):
            world.check(f"c{place}", Switch())
            rule = world.rule(f"c{place}", RecordingAction())
            rule.memory = replace(rule.memory, exhausted_since=world.clock.now())
        happenings = (Happening.EXHAUSTED, Happening.PAUSED, Happening.STORM_BRAKE)
        world.rules(AlertRule(name="what-happens", on=happenings))
        holds = world.engine.policy.holds
        async with world.telling():
            await world.clock.sleep(5)
            survey_with(
                world,
                lambda: holds.start_pause(None, world.clock.now(), reason="", by="ann"),
                lambda: world.bus.tell(EventKind.STORM_STARTED, reason="all", message="all"),
            )
            about = {one.labels["happening"]: one.state for one in world.alerter.desk.alerts.values()}
            assert about["paused"] is AlertState.FIRING
            survey_with(world, lambda: None, lambda: holds.end_pause("it is well"))
            about = {one.labels["happening"]: one.state for one in world.alerter.desk.alerts.values()}
            assert "paused" not in about  # it ended before anybody was told

    play(story)


def test_what_no_event_ends_ends_also_when_the_clock_is_slow() -> None:
    async def story(world: Telling) -> None:
        world.check("web", Switch())
        world.rules(AlertRule(name="rival", on=(Happening.RIVAL_HEALER,)))
        async with world.telling():
            await world.clock.sleep(10)
            world.bus.tell(EventKind.RIVAL_DETECTED, check="web", message="twice")
            await world.clock.sleep(60)
            world.clock.set_wall(timedelta(seconds=-1.5))  # corrected slowly: no jump
            await world.clock.sleep(3700)
            assert [note.state for note in world.desk.sent] == [AlertState.FIRING, AlertState.RESOLVED]

    play(story)


def test_what_has_a_very_long_name_ends_too() -> None:
    async def story(world: Telling) -> None:
        name = "a cause " * LONGEST
        world.check("web", Switch())
        world.rules(AlertRule(name="cause", on=(Happening.SHARED_CAUSE,)))
        async with world.telling():
            await world.clock.sleep(10)
            world.bus.tell(EventKind.SHARED_CAUSE_FOUND, message=name)
            await world.clock.sleep(60)
            world.bus.tell(EventKind.SHARED_CAUSE_GONE, message=name)
            await world.clock.sleep(60)
            assert [note.state for note in world.desk.sent] == [AlertState.FIRING, AlertState.RESOLVED]

    play(story)


def test_a_circuit_is_one_trouble_whether_it_is_heard_of_or_found_by_a_survey() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.UNHEALTHY)
        world.check("web", web)
        world.limits(circuit_threshold=2)
        fails = RecordingAction(fails="no such program")
        world.rule("web", fails, max_recovery_attempts=9, verify_timeout=1, cooldown_period=1, recovery_timeout=20)
        world.rules(AlertRule(name="circuit", on=(Happening.CIRCUIT_OPEN,)))
        async with world.telling():
            await world.until(lambda: bool(world.desk.sent))
            world.configure()
            await world.clock.sleep(60)
            assert len(world.desk.sent) == 1

    play(story)


def test_a_reminder_that_waits_is_not_repeated_and_an_end_beside_it_is_never_dropped() -> None:
    async def story(world: Telling) -> None:
        web, db = Switch(Status.UNHEALTHY), Switch(Status.UNHEALTHY)
        world.check("web", web)
        world.check("db", db)
        world.rules(replace(DOWN, hold=0))
        route = RouteSpec(channels=("chat",), group_by=(), group_wait=60, group_interval=0, repeat_interval=600)
        world.settings = replace(world.settings, routes=(route,))
        world.desk.waits = lambda *_: True  # type: ignore[method-assign]
        async with world.telling():
            await world.until(lambda: len(world.desk.sent) == 1)
            await world.clock.sleep(575)
            db.status = Status.HEALTHY
            await world.clock.sleep(300)
            fresh = [{alert.check for alert in note.alerts if not alert.state.open} for note in world.desk.sent]
            assert fresh == [set(), {"db"}]
            assert world.desk.sent[1].occasion is Occasion.REMINDER
            await world.clock.sleep(3000)
            assert len(world.desk.sent) == 2

    play(story)


def test_recoveries_that_take_long_to_begin_do_not_keep_people_waiting() -> None:
    async def story(world: Telling) -> None:
        world.check("web", Switch())
        async with world.telling():
            await world.clock.sleep(30)
            alerter = world.alerter
            alerter._healing_begins = lambda: True  # type: ignore[method-assign]
            alerter._part = lambda _: alerter._events and alerter._events.popleft()  # type: ignore[assignment]
            begun = world.clock.monotonic()
            for _ in range(1000):
                world.bus.tell(EventKind.RULE_RESET, rule="none", check="web")
            await world.until(lambda: not alerter._events)
            assert 2 < world.clock.monotonic() - begun < 20

    play(story)


def test_how_bad_it_is_is_written_down_when_it_changes() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.DEGRADED)
        world.check("web", web, critical=True)
        world.rules(replace(DOWN, status=Status.DEGRADED, hold=0))
        async with world.telling():
            await world.clock.sleep(60)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(100)
            assert [note.alerts[0].level for note in world.desk.sent] == [Level.WARNING, Level.CRITICAL]
            assert world.desk.sent[1].alerts[0].summary == "web is unhealthy: said unhealthy"
            (row,) = (await world.store.load(world.clock.now())).alerts
            assert row.level is Level.CRITICAL

    play(story)


def test_a_dismissed_alert_stays_so_for_the_next_salus_however_long_its_trouble_lasts() -> None:
    async def story(world: Telling) -> None:
        store = MemoryStore()

        def like(clock: VirtualClock) -> Telling:
            made = Telling(clock, store)
            made.check("web", Switch(Status.UNHEALTHY), interval=600.0)
            return made

        first = like(world.clock)
        async with first.telling():
            await world.until(lambda: len(first.desk.sent) == 1)
            (alert,) = first.alerter.desk.alerts.values()
            first.alerter.dismiss(alert, by="ann", note="known")
            await world.clock.sleep(3 * 86400)
            assert [note.state for note in first.desk.sent] == [AlertState.FIRING, AlertState.RESOLVED]
        second = like(world.clock)
        async with second.telling():
            await world.clock.sleep(3600)
            assert second.desk.sent == []

    play(story)


def test_what_is_not_looked_at_for_long_is_asked_for_ever_more_seldom_and_by_one_timer_only() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.UNHEALTHY)
        unit = world.add("web", world.check("old", web), interval=7200.0)
        del world.units["old"]
        unit.state = replace(unit.state, status=Status.UNHEALTHY, since=world.clock.now(), started=world.clock.now())
        unit.resting = True
        asked = 0
        real = world.alerter._look_for_unseen

        def look() -> None:
            nonlocal asked
            asked += 1
            real()

        world.alerter._look_for_unseen = look  # type: ignore[method-assign]
        async with world.telling():
            for _ in range(5):
                world.configure()
                await world.clock.sleep(0.5)
            await world.clock.sleep(3600)
            assert 60 <= asked < 80
            assert world.desk.sent == []

    play(story)
