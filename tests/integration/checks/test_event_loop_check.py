"""A blocked event loop is told with the line that blocks it, while it is still blocked."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from salus.checks.event_loop import EventLoop, EventLoopCheck
from salus.model import Observation, Status
from salus.ports import Check, Site
from salus.stacks import loop_rests, loop_runner, stack_on_loop
from salus.units import Duration
from tests import applications
from tests.applications import Application, application
from tests.looks import look_from, site

QUICK = EventLoop(blocked_after=Duration(0.1), blocked_below=Duration(0.25))
LINE = next(
    number
    for number, line in enumerate(Path(applications.__file__).read_text(encoding="utf-8").splitlines(), 1)
    if "free.wait" in line
)


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as running:
        yield running


class Bell:
    """Is rung by a check that wants to be looked at."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self._rung.put_nowait, name)

    async def rung(self) -> str:
        async with asyncio.timeout(30):
            return await self._rung.get()


def listening(app: Application, bell: Bell) -> Site:
    return app.live_at(dataclasses.replace(site(), look_now=bell))


async def look(check: Check, place: Site) -> Observation:
    return await check.look(look_from(place, name="loop"))


async def looked(check: Check, place: Site, status: Status) -> Observation:
    """Look until it says so."""
    async with asyncio.timeout(30):
        while (seen := await look(check, place)).status is not status:
            await asyncio.sleep(0.02)
    return seen


async def told(bell: Bell, check: Check, place: Site) -> Observation:
    """Look when the bell is rung, and tell of the block: a machine that stands still for a moment rings it as well."""
    while True:
        assert await bell.rung() == "loop"
        if "in crunch" in (seen := await look(check, place)).message:
            return seen


async def freed(app: Application, check: Check, place: Site) -> Observation:
    """Let the loop go on, and tell of the block that has ended."""
    app.free.set()
    while "stood still" in (seen := await looked(check, place, Status.DEGRADED)).message:
        app.free.clear()  # the machine did so just then, and that is told instead: once more
        app.block()
        await looked(check, place, Status.UNHEALTHY)
        app.free.set()
    return seen


def watchdogs() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "salus-loop-watchdog"}


async def test_a_blocked_loop_asks_for_a_look_and_is_told_with_its_line_while_it_is_blocked(app: Application) -> None:
    bell = Bell()
    place = listening(app, bell)
    check = QUICK.build(place)
    try:
        assert (await look(check, place)).status is Status.HEALTHY
        app.block()
        first = await told(bell, check, place)
        assert not app.free.is_set()
        assert first.status.bad
        assert f"tests/applications.py:{LINE} in crunch" in first.message
        assert (first.metadata["file"], first.metadata["line"]) == (applications.__file__, LINE)
        assert str(first.metadata["innermost"]).endswith("in Condition.wait")
        stack = first.metadata["stack"]
        assert isinstance(stack, list)
        assert "in crunch" in str(stack[0]), "the loop's own frames say nothing"

        hard = await looked(check, place, Status.UNHEALTHY)
        assert "has been blocked for" in hard.message

        ended = await freed(app, check, place)
        assert "was blocked for" in ended.message
        assert "in crunch" in ended.message
        assert ended.metrics["blocked_seconds"].value == 0
    finally:
        await check.aclose()


def hold_everything(numbers: range) -> None:
    """Let nobody else run: C code holds the GIL."""
    sum(numbers)
    for _ in range(20):
        sum(range(10_000))


async def test_code_that_lets_no_thread_run_is_told_when_it_has_ended(app: Application) -> None:
    place = app.live_at(site())
    check = EventLoop(blocked_after=Duration(0.05), blocked_below=Duration(1)).build(place)
    try:
        await look(check, place)
        app.loop.call_soon_threadsafe(hold_everything, range(20_000_000))
        seen = await looked(check, place, Status.DEGRADED)
    finally:
        await check.aclose()
    assert re.search(r"the whole interpreter stood still for|was blocked for|has been blocked for", seen.message)


async def test_the_task_that_blocks_is_named(app: Application) -> None:
    bell = Bell()
    place = listening(app, bell)
    check = QUICK.build(place)

    async def import_everything() -> None:
        applications.crunch(app.free, threading.Event())

    try:
        await look(check, place)
        app.start(import_everything())
        assert "import_everything" in str((await told(bell, check, place)).metadata["task"])
    finally:
        app.free.set()
        await check.aclose()


async def test_a_block_that_is_long_over_is_told_no_more(app: Application) -> None:
    bell = Bell()
    place = listening(app, bell)
    check = EventLoop(blocked_after=Duration(0.05), blocked_below=Duration(0.05), remember=Duration(0)).build(place)
    try:
        await look(check, place)
        app.block()
        await bell.rung()
        app.free.set()
        await looked(check, place, Status.HEALTHY)
    finally:
        await check.aclose()


async def test_lag_is_held_against_its_bounds(app: Application) -> None:
    place = app.live_at(site())
    check = EventLoop(blocked_after=Duration(5), blocked_below=Duration(5), lag_below=Duration(0.01)).build(place)
    try:
        await look(check, place)
        app.block()
        seen = await looked(check, place, Status.UNHEALTHY)
        assert "expected below 10 ms" in seen.message
    finally:
        app.free.set()
        await check.aclose()


async def test_checks_of_one_loop_share_a_thread_that_ends_with_the_last_of_them(app: Application) -> None:
    place = app.live_at(site())
    checks = [EventLoopCheck(), EventLoopCheck(app.loop, app.thread.ident)]
    before = watchdogs()  # those of earlier tests may be about to end
    for check in checks:
        await look(check, place)
    (watching,) = watchdogs() - before
    await checks[0].aclose()
    assert watchdogs() - before == {watching}
    assert watching.daemon
    await checks[1].aclose()
    await asyncio.to_thread(watching.join, 30)
    assert not watching.is_alive()


async def test_without_an_application_it_watches_the_loop_of_salus_itself() -> None:
    check = EventLoopCheck()
    try:
        assert (await look(check, site())).status is Status.HEALTHY
    finally:
        await check.aclose()


async def test_a_loop_that_has_ended_is_unknown() -> None:
    with application() as app:
        place = app.live_at(site())
    check = EventLoopCheck()
    seen = await look(check, place)
    await check.aclose()
    assert seen.status is Status.UNKNOWN
    assert "has ended" in seen.message


def test_bounds_that_make_no_sense_are_refused() -> None:
    names = {name for name, _ in EventLoop(blocked_after=Duration(0.001), blocked_below=Duration(0)).problems()}
    assert names == {"blocked_after", "blocked_below"}
    with application() as app, pytest.raises(ValueError, match="thread"):
        EventLoopCheck(app.loop)


async def test_a_loop_made_in_c_is_seen_to_rest_and_its_culprit_is_found_below_it() -> None:
    bell = Bell()
    with application(uvloop.new_event_loop()) as app:
        place = listening(app, bell)
        check = QUICK.build(place)
        try:
            await look(check, place)
            runner = app.call(loop_runner)
            assert runner is not None
            assert app.thread.ident is not None
            while not loop_rests(app.thread.ident, runner):
                await asyncio.sleep(0.01)
            assert stack_on_loop(app.thread.ident, runner) is None
            app.block()
            seen = await told(bell, check, place)
        finally:
            await check.aclose()
    assert "in crunch" in seen.message
    stack = seen.metadata["stack"]
    assert isinstance(stack, list)
    assert "in crunch" in str(stack[0])
