"""Rules with `when:` in a whole engine, in virtual time: leaks are healed, noise is left alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine

from salus.conditions import compile_condition
from salus.engine.view import EngineView
from salus.model import EventKind, Metric, Observation, Outcome, RefusalReason, Status
from salus.ports import Look
from salus.store.memory import MemoryStore
from salus.testing import FakeService, RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.world import World, restarting

Story = Callable[[World], Coroutine[None, None, None]]
LEAK = "trend('rss_bytes', '10m') > 10e3"


def memory(service: FakeService, per_second: float) -> Callable[[Look], Observation]:
    """See memory that grows from 100 MB with the age of the copy, under noise of 1 MB."""
    rng = random.Random(7)
    born: dict[str, float] = {}

    def look(look: Look) -> Observation:
        copy = str(service.status.incarnation)
        age = look.started - born.setdefault(copy, look.started)
        rss = 1e8 + per_second * age + rng.gauss(0, 1e6)
        return look.observe(Status.HEALTHY, "runs", metrics={"rss_bytes": Metric(rss, "bytes")}, incarnation=copy)

    return look


def leaking(world: World, per_second: float) -> None:
    service = world.service("web")
    world.check("web", memory(service, per_second), service="web")
    rule = world.rule("web", restarting(service), when=LEAK, recurrence_threshold=0)
    rule.condition = compile_condition(LEAK)


def play(story: Story, per_second: float) -> None:
    async def begin(clock: VirtualClock) -> None:
        world = World(clock)
        leaking(world, per_second)
        async with world.running():
            await story(world)

    with virtual_time() as (runner, clock):
        runner.run(begin(clock))


def test_a_leak_is_healed_when_it_is_sure_and_again_only_after_a_whole_window() -> None:
    async def story(world: World) -> None:
        started = world.clock.now()
        first, second = await world.wait_for(EventKind.RECOVERY_STARTED, 2, within=3600.0)
        assert 600 <= (first.at - started).total_seconds() <= 640
        assert 600 <= (second.at - first.at).total_seconds() <= 680
        assert world.log.of(EventKind.RECOVERY_FINISHED)[0].reason == Outcome.RECOVERED

    play(story, per_second=20e3)


def test_noise_is_left_alone_for_a_day() -> None:
    async def story(world: World) -> None:
        await world.clock.sleep(86_400.0)
        assert world.log.of(EventKind.RECOVERY_STARTED) == []

    play(story, per_second=0.0)


def test_what_cannot_be_told_yet_is_explained() -> None:
    async def story(world: World) -> None:
        await world.clock.sleep(305.0)
        view = EngineView(world.engine, environment="test", show_details="always")
        [explained] = view.explain("web")
        finding = explained.decisive
        assert finding is not None
        assert finding.reason is RefusalReason.UNKNOWN
        assert finding.refusal is not None
        assert f"{LEAK}: cannot tell: trend('rss_bytes', '10m'): it is known for 5m" in finding.refusal.detail

    play(story, per_second=20e3)


def test_after_a_restart_a_trend_cannot_be_told_and_nothing_is_done_before_a_whole_window_was_seen_again() -> None:
    async def live(world: World, seconds: float) -> None:
        leaking(world, per_second=20e3)
        async with world.running():
            await world.clock.sleep(seconds)
            assert world.log.of(EventKind.RECOVERY_STARTED) == []
            [explained] = EngineView(world.engine, environment="test", show_details="always").explain("web")
            assert explained.decisive is not None
            assert explained.decisive.reason is RefusalReason.UNKNOWN

    async def restarted_every_nine_minutes(clock: VirtualClock) -> None:
        store = MemoryStore()
        for _ in range(5):
            await live(World(clock, store), seconds=540.0)

    with virtual_time() as (runner, clock):
        runner.run(restarted_every_nine_minutes(clock))


def test_after_a_restart_looks_in_a_row_are_counted_anew() -> None:
    async def live(world: World, looks: int) -> list[str | None]:
        high = {"rss_bytes": Metric(2e9, "bytes")}
        world.check("web", Status.HEALTHY, interval=10.0).metrics = high
        when = "metrics.rss_bytes > 1e9"
        action = RecordingAction()
        rule = world.rule("web", action, when=when, min_failure_count=3)
        rule.condition = compile_condition(when)
        async with world.running():
            await world.until(lambda: len(world.units["web"].check.looks) >= looks, within=60.0)  # type: ignore[attr-defined]
            await world.clock.sleep(1)
            return [event.rule for event in world.log.of(EventKind.RECOVERY_STARTED)]

    async def story(clock: VirtualClock) -> None:
        store = MemoryStore()
        assert await live(World(clock, store), looks=2) == []
        assert await live(World(clock, store), looks=2) == []
        assert await live(World(clock, store), looks=3) == ["web"]

    with virtual_time() as (runner, clock):
        runner.run(story(clock))
