"""A whole engine with its alerts, in virtual time: one story per test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from salus.alerts.compose import Sender
from salus.conditions import compile_condition
from salus.engine import alerter as module
from salus.engine.alerter import Alerter
from salus.model import (
    AlertRule,
    AlertSettings,
    AlertState,
    ChannelSpec,
    Comparison,
    Delivery,
    EventKind,
    Happening,
    Level,
    Metric,
    Mode,
    Notification,
    Observation,
    RouteSpec,
    Selector,
    Status,
)
from salus.ports import Look, Store
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.world import World, restarting, up

ALL = Selector(everything=True)
DOWN = AlertRule(name="down", members=ALL, status=Status.UNHEALTHY, hold=60)
ROUTES = (RouteSpec(channels=("chat",), group_by=("...",), group_wait=5, repeat_interval=0),)
CHAT = {"chat": ChannelSpec(name="chat", kind="log", rate_limit=1000)}


@dataclass
class Desk:
    """Notes what would be sent."""

    sent: list[Notification] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def take(self, delivery: Delivery) -> None:
        self.sent.append(delivery.notification)

    def waits(self, channel: str, key: str) -> bool:
        return False

    def failing(self) -> Mapping[str, str]:
        return self.broken

    def said(self) -> list[str]:
        return [f"{note.state}: {', '.join(alert.summary for alert in note.alerts)}" for note in self.sent]


class Telling(World):
    """An engine whose alerts are told."""

    def __init__(self, clock: VirtualClock, store: Store | None = None) -> None:
        super().__init__(clock, store)
        self.desk = Desk()
        self.alerter = Alerter(self.engine, self.recorder, self.desk)
        self.settings = AlertSettings(rules=(DOWN,), routes=ROUTES, channels=CHAT)

    def rules(self, *rules: AlertRule) -> None:
        self.settings = replace(self.settings, rules=rules)

    def configure(self) -> None:
        conditions = {rule.name: compile_condition(rule.when) for rule in self.settings.rules if rule.when}
        self.engine.judge_also([(check, one) for one in conditions.values() for check in self.units])
        judges = {name: self.engine.judge(one) for name, one in conditions.items()}
        self.alerter.configure(self.settings, judges, {"chat": None}, Sender())

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[Telling]:
        await self.store.open()
        writing = begin(self.recorder.run())
        self.engine.replace_units(self.units)
        self.configure()
        self.alerter.load(await self.store.load(self.clock.now()))
        self.bus.subscribe(self.alerter)
        self.alerter.start()
        self.engine.start()
        try:
            yield self
        finally:
            await self.engine.stop(1.0)
            self.alerter.stop()
            await self.recorder.stop()
            await writing


Story = Callable[[Telling], Coroutine[None, None, None]]


def play(story: Story) -> None:
    with virtual_time() as (runner, clock):

        async def run() -> None:
            await story(Telling(clock))

        runner.run(run())


class Switch:
    """A check that is as it is told."""

    def __init__(self, status: Status = Status.HEALTHY) -> None:
        self.status = status
        self.metrics: dict[str, Metric] = {}

    def __call__(self, look: Look) -> Observation:
        return look.observe(self.status, f"said {self.status}", metrics=self.metrics)


def test_a_check_that_stays_bad_is_told_and_its_end_too() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        async with world.telling():
            await world.clock.sleep(30)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(300)
            assert world.desk.said() == ["firing: web is unhealthy: said unhealthy"]
            web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert world.desk.said()[1:] == ["resolved: web is unhealthy: said unhealthy"]
            kinds = [event.kind for event in world.log.of(EventKind.ALERT_FIRING, EventKind.ALERT_RESOLVED)]
            assert kinds == [EventKind.ALERT_FIRING, EventKind.ALERT_RESOLVED]

    play(story)


def test_what_is_healed_in_time_is_told_once_with_its_whole_story() -> None:
    async def story(world: Telling) -> None:
        service = world.service("web")
        world.check("web", up(service), service="web")
        world.rule("web", restarting(service))
        world.rules(DOWN, AlertRule(name="healed", on=(Happening.RECOVERED,), level=Level.INFO))
        async with world.telling():
            await world.clock.sleep(30)
            service.up = False
            await world.clock.sleep(120)
            (note,) = world.desk.sent
            (alert,) = note.alerts
            assert alert.summary.startswith("web was healed by action_0 in ")
            assert alert.detail == "down"
            assert [(deed.action, deed.result, deed.verified) for deed in alert.deeds] == [
                ("action_0", "ok", True),
                ("", "recovered", None),
            ]

    play(story)


def test_an_alert_that_ends_by_a_recovery_tells_what_was_done() -> None:
    async def story(world: Telling) -> None:
        service = world.service("web")
        world.check("web", up(service), service="web")
        world.rule(
            "web",
            RecordingAction(takes=25),
            RecordingAction(does=lambda _: setattr(service, "up", True)),
            recovery_timeout=200,
        )
        world.rules(replace(DOWN, hold=10), AlertRule(name="healed", on=(Happening.RECOVERED,), level=Level.INFO))
        async with world.telling():
            await world.clock.sleep(30)
            service.up = False
            await world.clock.sleep(300)
            firing, resolved = world.desk.sent
            assert firing.state is AlertState.FIRING
            assert [(deed.action, deed.result, deed.verified) for deed in resolved.alerts[0].deeds] == [
                ("action_0", "ok", False),
                ("action_1", "ok", True),
                ("", "recovered", None),
            ]

    play(story)


def test_a_rule_that_gave_up_is_told_until_the_check_is_well() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        world.rule("web", RecordingAction(), max_recovery_attempts=1, verify_timeout=2, exhausted_retry=1e6)
        world.rules(AlertRule(name="gave-up", on=(Happening.EXHAUSTED,), level=Level.CRITICAL))
        async with world.telling():
            await world.clock.sleep(30)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(120)
            (note,) = world.desk.sent
            assert note.alerts[0].summary.startswith("exhausted: gave up after 1 attempt;")
            assert note.alerts[0].labels["check"] == "web"
            assert [(deed.action, deed.result) for deed in note.alerts[0].deeds][:2] == [
                ("action_0", "ok"),
                ("", "not_recovered"),
            ]
            web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert world.desk.sent[-1].state is AlertState.RESOLVED

    play(story)


def test_an_alert_says_why_nothing_is_done_about_it() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        world.rule("web", RecordingAction())
        async with world.telling():
            world.engine.policy.holds.start_pause(None, world.clock.now(), reason="the release", by="ann")
            await world.clock.sleep(30)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(120)
            (deed,) = world.desk.sent[0].alerts[0].deeds
            assert deed.held_back
            assert deed.message == "paused: paused by ann until somebody resumes it: the release"

    play(story)


def test_a_brake_and_its_release_are_told() -> None:
    async def story(world: Telling) -> None:
        switches = [Switch() for _ in range(6)]
        for place, switch in enumerate(switches):
            world.check(f"c{place}", switch)
            world.rule(f"c{place}", RecordingAction(), max_recovery_attempts=1)
        world.rules(AlertRule(name="brake", on=(Happening.STORM_BRAKE,)))
        async with world.telling():
            await world.clock.sleep(30)
            for switch in switches:
                switch.status = Status.UNHEALTHY
            await world.clock.sleep(60)
            firing = [note for note in world.desk.sent if note.state is AlertState.FIRING]
            assert firing
            for switch in switches:
                switch.status = Status.HEALTHY
            await world.clock.sleep(120)
            ended = {note.alerts[0].fingerprint for note in world.desk.sent if note.state is AlertState.RESOLVED}
            assert ended == {note.alerts[0].fingerprint for note in firing}

    play(story)


def test_a_question_to_a_person_is_told_until_it_is_answered() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        world.rule("web", RecordingAction(), mode=Mode.APPROVE, approval_timeout=300)
        world.rules(AlertRule(name="asked", on=(Happening.APPROVAL_WANTED,)))
        async with world.telling():
            await world.clock.sleep(30)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(60)
            assert "salus approve" in world.desk.sent[0].alerts[0].summary
            web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert world.desk.sent[-1].state is AlertState.RESOLVED

    play(story)


def test_a_number_that_stays_beyond_its_bound_is_told() -> None:
    async def story(world: Telling) -> None:
        disk = Switch()
        disk.metrics = {"free_ratio": Metric(0.5, "ratio")}
        world.check("disk", disk)
        world.rules(
            AlertRule(
                name="low",
                members=Selector(checks=("disk",)),
                metric="free_ratio",
                comparison=Comparison.BELOW,
                bound=0.15,
                hold=300,
                message="{check} is at {value}",
            )
        )
        async with world.telling():
            await world.clock.sleep(60)
            disk.metrics = {"free_ratio": Metric(0.1, "ratio")}
            await world.clock.sleep(200)
            assert world.desk.sent == []
            disk.metrics = {}
            await world.clock.sleep(50)
            disk.metrics = {"free_ratio": Metric(0.1, "ratio")}
            await world.clock.sleep(100)
            assert world.desk.said() == ["firing: disk is at 0.1"]
            disk.metrics = {"free_ratio": Metric(0.2, "ratio")}
            await world.clock.sleep(30)
            assert world.desk.sent[-1].state is AlertState.RESOLVED

    play(story)


def test_a_condition_over_a_window_raises_an_alert() -> None:
    async def story(world: Telling) -> None:
        worker = Switch()
        worker.metrics = {"rss_bytes": Metric(1e8, "bytes")}
        world.check("worker", worker)
        world.rules(
            AlertRule(name="leak", members=Selector(checks=("worker",)), when='change("rss_bytes", "2m") > 1e8')
        )
        async with world.telling():
            await world.clock.sleep(200)
            assert world.desk.sent == []
            for step in range(20):
                worker.metrics = {"rss_bytes": Metric(1e8 + step * 2e7, "bytes")}
                await world.clock.sleep(10)
            assert [note.state for note in world.desk.sent] == [AlertState.FIRING]

    play(story)


def test_the_root_is_told_and_what_depends_on_it_is_not() -> None:
    async def story(world: Telling) -> None:
        db, web = Switch(), Switch()
        world.check("db", db)
        world.check("web", web, depends_on=("db",))
        async with world.telling():
            await world.clock.sleep(30)
            db.status = web.status = Status.UNHEALTHY
            await world.clock.sleep(300)
            assert world.desk.said() == ["firing: db is unhealthy: said unhealthy"]
            db.status = web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert world.desk.said()[1:] == ["resolved: db is unhealthy: said unhealthy"]
            assert world.alerter.desk.suppressed == {"dependency": 1}

    play(story)


def test_what_somebody_works_on_is_told_when_they_are_done() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        async with world.telling():
            await world.clock.sleep(30)
            holds = world.engine.policy.holds
            holds.start_maintenance(Selector(checks=("web",)), 900, world.clock.now(), name="work", reason="", by="ann")
            world.engine.tend()
            web.status = Status.UNHEALTHY
            await world.clock.sleep(600)
            assert world.desk.sent == []
            await world.clock.sleep(330)
            assert world.desk.said() == ["firing: web is unhealthy: said unhealthy"]

    play(story)


def test_a_rule_of_the_user_speaks_for_its_checks_and_ours_for_the_others() -> None:
    async def story(world: Telling) -> None:
        web, db = Switch(Status.UNHEALTHY), Switch(Status.UNHEALTHY)
        world.check("web", web)
        world.check("db", db)
        world.rules(
            AlertRule(name="mine", members=Selector(checks=("web",)), status=Status.DEGRADED, enabled=False),
            replace(DOWN, builtin=True),
        )
        async with world.telling():
            await world.clock.sleep(300)
            assert world.desk.said() == ["firing: db is unhealthy: said unhealthy"]

    play(story)


def test_a_wall_clock_that_is_set_fires_nothing_early() -> None:
    async def story(world: Telling) -> None:
        web = Switch()
        world.check("web", web)
        async with world.telling():
            await world.clock.sleep(30)
            web.status = Status.UNHEALTHY
            await world.clock.sleep(20)
            world.clock.set_wall(timedelta(hours=1))
            await world.clock.sleep(30)
            assert world.desk.sent == []
            world.clock.set_wall(timedelta(hours=-2))
            await world.clock.sleep(40)
            assert len(world.desk.sent) == 1

    play(story)


def test_another_salus_tells_nothing_twice_and_ends_what_has_ended() -> None:
    async def story(world: Telling) -> None:
        store = MemoryStore()
        web, db = Switch(), Switch()

        def like(clock: VirtualClock) -> Telling:
            made = Telling(clock, store)
            made.check("web", web)
            made.check("db", db)
            return made

        first = like(world.clock)
        async with first.telling():
            await world.clock.sleep(30)
            web.status = db.status = Status.UNHEALTHY
            await world.clock.sleep(200)
            assert len(first.desk.sent) == 2
        db.status = Status.HEALTHY
        await world.clock.sleep(600)
        second = like(world.clock)
        async with second.telling():
            await world.clock.sleep(200)
            assert second.desk.said() == ["resolved: db is unhealthy: said unhealthy"]
            assert second.desk.sent[0].key in {note.key for note in first.desk.sent}
            web.status = Status.HEALTHY
            await world.clock.sleep(60)
            assert second.desk.said()[1:] == ["resolved: web is unhealthy: said unhealthy"]

    play(story)


def test_what_is_remembered_as_bad_is_not_told_before_it_was_looked_at() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.UNHEALTHY)
        unit = world.add("web", world.check("old", web), interval=30.0)
        del world.units["old"]
        unit.state = replace(unit.state, status=Status.UNHEALTHY, since=world.clock.now() - timedelta(days=1))
        web.status = Status.HEALTHY
        async with world.telling():
            await world.clock.sleep(120)
            assert world.desk.sent == []

    play(story)


def test_alerts_of_rules_and_checks_that_left_the_config_end_and_that_is_told() -> None:
    async def story(world: Telling) -> None:
        web = Switch(Status.UNHEALTHY)
        world.check("web", web)
        world.check("db", Switch(Status.UNHEALTHY))
        async with world.telling():
            await world.clock.sleep(200)
            assert len(world.desk.sent) == 2
            del world.units["db"]
            world.engine.replace_units(world.units)
            world.configure()
            await world.clock.sleep(60)
            assert world.desk.sent[-1].alerts[0].resolution == "its check is no longer in the config"
            world.rules()
            world.configure()
            await world.clock.sleep(60)
            assert world.desk.sent[-1].alerts[0].resolution == "its alert rule is no longer in the config"
            assert [note.state for note in world.desk.sent[2:]] == [AlertState.RESOLVED] * 2

    play(story)


def test_more_than_can_be_taken_note_of_is_found_out_by_looking_at_everything() -> None:
    async def story(world: Telling) -> None:
        switches = [Switch() for _ in range(60)]
        for place, switch in enumerate(switches):
            world.check(f"c{place}", switch)
        most, module.MOST_WAITING = module.MOST_WAITING, 10
        try:
            async with world.telling():
                await world.clock.sleep(30)
                for switch in switches:
                    switch.status = Status.UNHEALTHY
                await world.clock.sleep(200)
                assert len({note.alerts[0].check for note in world.desk.sent}) == 60
        finally:
            module.MOST_WAITING = most

    play(story)


def test_a_channel_that_fails_is_told_to_the_others() -> None:
    async def story(world: Telling) -> None:
        world.check("web", Switch())
        world.rules(AlertRule(name="channel", on=(Happening.CHANNEL_FAILED,)))
        both = RouteSpec(channels=("chat", "mail"), group_by=("...",), group_wait=0)
        mail = ChannelSpec(name="mail", kind="log")
        world.settings = replace(world.settings, channels={**CHAT, "mail": mail}, routes=(both,))
        async with world.telling():
            await world.clock.sleep(10)
            world.bus.tell(EventKind.CHANNEL_FAILED, reason="chat", message="chat: 503")
            await world.clock.sleep(10)
            assert [note.channel for note in world.desk.sent] == ["mail"]
            world.bus.tell(EventKind.CHANNEL_RECOVERED, reason="chat", message="it can be reached")
            await world.clock.sleep(10)
            assert [(note.channel, note.state) for note in world.desk.sent[1:]] == [("mail", AlertState.RESOLVED)]

    play(story)
