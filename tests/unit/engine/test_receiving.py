"""Alerts of others in a running engine: at once where they concern a check, and their end verifies a recovery."""

from __future__ import annotations

from datetime import timedelta

from salus.checks.alert import AlertCheck
from salus.engine.control import EngineControl
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.received import ReceivedBox
from salus.model import EventKind, Outcome, Status
from salus.ports import ReceivedAlert
from salus.testing import virtual_time
from tests.unit.engine.world import World, restarting

HOUR = 3600.0


async def no_reload() -> str:
    return ""


class Receiving:
    """A world with two alert checks that look once an hour, and a service that one of them heals."""

    def __init__(self, world: World, box: ReceivedBox, **rule: float) -> None:
        self.world = world
        self.control = EngineControl(world.engine, HeartbeatBox(), no_reload, box)
        self.service = world.service("web")
        checks = {name: AlertCheck(match=f'alertname="{name}"') for name in ("latency", "disk")}
        for name, check in checks.items():
            world.add(name, check, interval=HOUR, service="web" if name == "latency" else None)
        box.listen({name: check.listens_to for name, check in checks.items()})
        world.rule("latency", restarting(self.service), **rule)

    def tell(self, name: str, lasts: float) -> bool:
        now = self.world.clock.now()
        told = ReceivedAlert(
            labels={"alertname": name},
            starts_at=now,
            ends_at=now + timedelta(seconds=lasts),
            updated_at=now,
            resolved=lasts <= 0,
        )
        return self.control.receive([told], "api")

    def status(self, name: str) -> Status:
        return self.world.units[name].state.status


def test_the_checks_that_an_alert_concerns_look_at_once_and_no_others() -> None:
    with virtual_time() as (runner, clock):

        async def scenario() -> None:
            box = ReceivedBox()
            world = World(clock, received=box)
            place = Receiving(world, box)
            async with world.running():
                await world.until(lambda: place.status("disk") is place.status("latency") is Status.HEALTHY, 2 * HOUR)
                looked = world.units["disk"].state.last
                assert place.tell("disk", 240)
                assert place.status("disk") is Status.UNHEALTHY
                assert place.status("latency") is Status.HEALTHY
                assert place.tell("disk", 0)
                assert place.status("disk") is Status.HEALTHY
                assert world.units["disk"].state.last is not looked

        runner.run(scenario())


def test_a_recovery_is_verified_when_the_sender_says_that_the_alert_has_ended() -> None:
    with virtual_time() as (runner, clock):

        async def scenario() -> None:
            box = ReceivedBox()
            world = World(clock, received=box)
            place = Receiving(world, box, verify_timeout=240.0, recovery_timeout=300.0)
            async with world.running():
                await world.until(lambda: place.status("latency") is Status.HEALTHY, 2 * HOUR)
                place.tell("latency", 240)
                await world.wait_for(EventKind.ACTION_FINISHED)
                await world.clock.sleep(60)
                assert not world.log.of(EventKind.RECOVERY_FINISHED)
                place.tell("latency", 0)
                (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED, within=2)
                assert finished.reason == Outcome.RECOVERED
                assert place.status("latency") is Status.HEALTHY

        runner.run(scenario())


def test_an_alert_that_lapses_while_a_recovery_waits_for_its_end_verifies_nothing() -> None:
    with virtual_time() as (runner, clock):

        async def scenario() -> None:
            box = ReceivedBox()
            world = World(clock, received=box)
            place = Receiving(world, box, verify_timeout=240.0, recovery_timeout=300.0)
            async with world.running():
                await world.until(lambda: place.status("latency") is Status.HEALTHY, 2 * HOUR)
                place.tell("latency", 60)
                (finished,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
                assert finished.reason == Outcome.NOT_RECOVERED

        runner.run(scenario())


def test_what_finds_no_room_is_not_taken() -> None:
    with virtual_time() as (runner, clock):

        async def scenario() -> None:
            box = ReceivedBox(most=1)
            world = World(clock, received=box)
            place = Receiving(world, box)
            async with world.running():
                assert place.tell("disk", 240)
                assert not place.tell("latency", 240)
                assert place.status("latency") is not Status.UNHEALTHY

        runner.run(scenario())
