"""The whole engine, in virtual time: a component breaks, and its own default rule heals it and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from salus.actions.log import Log
from salus.actions.wait import Wait
from salus.components import Description, describe
from salus.model import EventKind, Outcome
from salus.ports import Action
from salus.testing import virtual_time
from salus.units import Duration
from tests.unit.components.parts import Pipeline, Registry, Watcher
from tests.unit.engine.world import World

SECONDS = ("recovery_timeout", "cooldown_period", "verify_timeout")


@pytest.fixture(autouse=True)
def _no_thread_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time wait for threads for as long as a busy machine may take: here, none of them hangs."""
    monkeypatch.setattr("salus.virtual.PATIENCE", 30.0)


def add(world: World, description: Description) -> None:
    """Put a component and its default rule into an engine, as an application's HealthSystem does."""
    world.add(description.name, description.check, interval=30.0)
    rule: dict[str, Any] = dict(description.rule)
    ladder = [made(description, rung) for rung in rule.pop("actions")]
    rule |= {key: float(Duration.parse(rule[key])) for key in SECONDS if key in rule}
    world.rule(description.name, *ladder, **rule)


def made(description: Description, rung: Any) -> Action:
    if isinstance(rung, dict):
        return Wait(duration=Duration.parse(rung["wait"]))
    return Log() if rung == "log" else description.actions[rung]


def steps(world: World) -> list[str]:
    return [event.message.partition(": ")[2].partition(" (")[0] for event in world.log.of(EventKind.ACTION_FINISHED)]


def test_a_poisoned_cache_is_cleared_and_the_pipeline_goes_on_working() -> None:
    async def scenario(world: World) -> None:
        pipeline = Pipeline()
        add(world, describe("builds", pipeline))
        async with world.running():
            await world.clock.sleep(40)
            pipeline.poisoned = "card is not what its source says"
            (ended,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert ended.reason == Outcome.RECOVERED
            assert pipeline.calls == ["clear_cache"]

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_a_stuck_queue_and_dead_workers_need_the_restart_and_get_it() -> None:
    async def scenario(world: World) -> None:
        pipeline = Pipeline()
        add(world, describe("builds", pipeline))
        async with world.running():
            await world.clock.sleep(40)
            pipeline.waiting, pipeline.oldest, pipeline.workers = 7, 60.0, 1
            (ended,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert ended.reason == Outcome.RECOVERED
            assert pipeline.calls == ["clear_cache", "restart"]
            assert steps(world)[1:] == ["cleared the cache of builds", "restarted builds"]
            assert world.log.of(EventKind.ACTION_FINISHED)[0].message.startswith(
                "action_0: builds is unhealthy: queue stuck: 7 waiting, the oldest for 1m, expected at most 10 s; "
                "workers dead: 1 of 2 workers alive (attempt 1 of 3)"
            )

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


def test_of_two_watchers_the_deaf_one_is_restarted() -> None:
    async def scenario(world: World) -> None:
        one, other = AsyncWatcher(), AsyncWatcher()
        add(world, describe("templates", one))
        add(world, describe("styles", other))
        async with world.running():
            await world.clock.sleep(40)
            other.deaf = True
            (ended,) = await world.wait_for(EventKind.RECOVERY_FINISHED)
            assert (ended.check, ended.reason) == ("styles", Outcome.RECOVERED)
            assert (one.restarts, other.restarts) == (0, 1)

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))


class AsyncWatcher(Watcher):
    """Nothing of it needs a thread, so that time can jump."""

    async def is_alive(self) -> bool:  # type: ignore[override]
        return self.alive


def test_a_registry_whose_refresh_does_not_help_is_given_up_after_two_attempts() -> None:
    class Unreadable(Registry):
        async def refresh(self) -> int:
            raise PermissionError("components/")

    async def scenario(world: World) -> None:
        registry = Unreadable("button", "card")
        add(world, describe("components", registry))
        async with world.running():
            await world.clock.sleep(40)
            registry.kept = set()
            (exhausted,) = await world.wait_for(EventKind.RULE_EXHAUSTED)
            assert "gave up after 2 attempts" in exhausted.message
            failed = "refresh() of components raised PermissionError: components/"
            assert failed in world.log.of(EventKind.ACTION_FINISHED)[1].message

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock)))
