"""Looks under deadlines: a check that hangs costs its own slot, and never overlaps itself."""

from __future__ import annotations

import asyncio
import logging

import pytest

from salus.engine.prober import LONGEST
from salus.errors import CheckBrokenError
from salus.model import EventKind, Observation, Status
from salus.ports import Look
from salus.testing import virtual_time
from tests.unit.engine.world import World


class Hangs:
    """Never answers; lets itself be cancelled."""

    running = 0

    async def look(self, look: Look) -> Observation:
        Hangs.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            Hangs.running -= 1
        return look.healthy()

    async def aclose(self) -> None:
        pass


class Stubborn:
    """Swallows its cancellation for a minute."""

    def __init__(self) -> None:
        self.looks = 0
        self.at_once = 0

    async def look(self, look: Look) -> Observation:
        self.looks += 1
        self.at_once += 1
        assert self.at_once == 1, "it overlaps itself"
        until = look.site.clock.monotonic() + 60
        while (left := until - look.site.clock.monotonic()) > 0:
            try:
                await look.site.clock.sleep(left)
            except asyncio.CancelledError:
                continue
        self.at_once -= 1
        return look.healthy()

    async def aclose(self) -> None:
        pass


class Fails:
    """Raises what it is told to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def look(self, look: Look) -> Observation:
        raise self._error

    async def aclose(self) -> None:
        pass


def test_a_check_that_hangs_times_out_is_cancelled_and_holds_up_nobody() -> None:
    async def scenario(world: World) -> None:
        for number in range(4):
            world.add(f"hangs-{number}", Hangs(), interval=5.0, timeout=2.0)
        quick = world.check("quick", interval=1.0)
        async with world.running():
            await world.clock.sleep(60)
            assert 59 <= len(quick.looks) <= 62
            assert Hangs.running <= 4
            state = world.units["hangs-0"].state
            assert state.status is Status.UNHEALTHY
            assert state.last is not None
            assert state.last.message == "timed out after 2 s"
        assert Hangs.running == 0

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_check_that_ignores_its_cancellation_is_told_and_rests_until_it_ends() -> None:
    async def scenario(world: World) -> None:
        stubborn = Stubborn()
        world.add("stubborn", stubborn, interval=5.0, timeout=2.0)
        async with world.running():
            await world.clock.sleep(50)
            assert stubborn.looks == 1
            assert len(world.log.of(EventKind.CHECK_STUCK)) == 1
            assert world.units["stubborn"].state.status is Status.UNHEALTHY
            await world.clock.sleep(20)
            assert stubborn.looks == 2

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_broken_check_is_unknown_and_says_why() -> None:
    async def scenario(world: World) -> None:
        world.add("broken", Fails(CheckBrokenError("no descriptors left")))
        world.add("buggy", Fails(KeyError("x")))
        async with world.running():
            await world.clock.sleep(5)
            seen = {name: unit.state.last for name, unit in world.units.items()}
            assert {look.status for look in seen.values() if look} == {Status.UNKNOWN}
            assert seen["broken"] is not None
            assert seen["broken"].message == "no descriptors left"
            assert seen["buggy"] is not None
            assert "KeyError" in seen["buggy"].message

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_check_that_is_broken_from_the_first_look_is_logged_once_with_the_remedy(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(world: World) -> None:
        world.add("broken", Fails(CheckBrokenError("no descriptors left", remedy="raise the limit")))
        world.add("buggy", Fails(KeyError("x")))
        world.check("waits", Status.UNKNOWN)
        world.check("fine")
        async with world.running():
            await world.clock.sleep(100)
            broken, buggy = (world.units[name].state.last for name in ("broken", "buggy"))
            assert broken is not None
            assert broken.message == "no descriptors left (raise the limit)"
            assert buggy is not None
            assert str(buggy.metadata["raised_at"]).endswith("in Fails.look")

    caplog.set_level(logging.INFO, "salus.check")
    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))
    told = sorted(record.getMessage() for record in caplog.records)
    assert told[0] == "broken cannot tell: no descriptors left (raise the limit)"
    assert told[1].startswith("buggy cannot tell: the check failed with KeyError: 'x' (")
    assert "test_prober.py:" in told[1]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_check_that_breaks_later_is_told_by_its_verdict_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Breaks(Fails):
        looks = 0

        async def look(self, look: Look) -> Observation:
            self.looks += 1
            return await super().look(look) if self.looks > 1 else look.healthy()

    async def scenario(world: World) -> None:
        world.add("breaks", Breaks(CheckBrokenError("no descriptors left")))
        async with world.running():
            await world.clock.sleep(100)
            assert world.units["breaks"].state.status is Status.UNKNOWN

    caplog.set_level(logging.INFO, "salus.check")
    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))
    assert not caplog.records


def test_a_check_that_answers_with_no_status_is_unknown_and_wedges_nobody() -> None:
    class Wrong(Fails):
        async def look(self, look: Look) -> Observation:
            return look.observe("healthy")  # type: ignore[arg-type] # a stranger's check, written without a checker

    async def scenario(world: World) -> None:
        unit = world.add("wrong", Wrong(KeyError()))
        async with world.running():
            seen = await world.engine.look(unit)
            assert (seen.status, seen.message) == (
                Status.UNKNOWN,
                "the check answered with the status 'healthy', which is none",
            )

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_what_a_check_says_is_cut_to_what_a_page_can_show() -> None:
    class Talks(Fails):
        async def look(self, look: Look) -> Observation:
            return look.degraded("<" * 1_000_000)

    async def scenario(world: World) -> None:
        world.add("fails", Fails(ValueError("x" * 1_000_000)))
        world.add("talks", Talks(ValueError()))
        async with world.running():
            await world.clock.sleep(5)
            seen = {name: unit.state.last for name, unit in world.units.items()}
            said = {name: (last.status, len(last.message)) for name, last in seen.items() if last}
            assert said == {"fails": (Status.UNKNOWN, LONGEST), "talks": (Status.DEGRADED, LONGEST)}

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_two_who_ask_for_a_fresh_look_at_once_both_get_one_answer() -> None:
    async def scenario(world: World) -> None:
        check = world.check("slow", takes=1.0, interval=3600.0)
        async with world.running():
            await world.clock.sleep(0.5)  # the scheduled look is under way, and stale
            unit = world.units["slow"]
            one, two = await asyncio.gather(world.engine.look(unit), world.engine.look(unit))
            assert one.status is two.status is Status.HEALTHY
            assert world.clock.monotonic() <= 2.5
            assert 2 <= len(check.looks) <= 3

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))
