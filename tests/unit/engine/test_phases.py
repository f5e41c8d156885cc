"""The life of a rule, played in virtual time: every change of phase is in the table, and all of the table happens."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from salus.conditions import compile_condition
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import Event, Metric, Mode, Observation, Status
from salus.ports import Look
from salus.rules.phases import TRANSITIONS, Phase, phase, transition
from salus.testing import RecordingAction, following, virtual_time
from tests.unit.engine.test_policy import control
from tests.unit.engine.world import World, restarting, up

Seen = list[tuple[Phase, Phase]]
Story = Callable[[World, "Witness"], Coroutine[None, None, None]]

LEAK = "metrics.leaked > 5.0"
BRIEF: dict[str, Any] = {
    "cooldown_period": 20.0,
    "verify_timeout": 1.0,
    "recovery_timeout": 10.0,
    "reset_after": 60.0,
    "exhausted_retry": 200.0,
    "max_recovery_attempts": 2,
}


class Witness:
    """Writes down every change of phase, of every rule, at every event and ten times a second between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.changes: Seen = []
        self.told = 0
        self.now: dict[str, Phase] = {}
        world.bus.subscribe(self)

    def __call__(self, _: Event | None = None) -> None:
        for unit in self.world.engine.units.values():
            for rule in unit.rules:
                self.see(rule.rule.name, unit, rule)

    def see(self, name: str, unit: CheckUnit, rule: RuleUnit) -> None:
        new = phase(rule.memory, unit.state, rule.refusal, rule.record)
        old = self.now.get(name, new)
        self.now[name] = new
        if old is not new:
            self.changes.append((old, new))

    async def watch(self, seconds: float) -> None:
        until = self.world.clock.monotonic() + seconds
        while self.world.clock.monotonic() < until:
            await self.world.clock.sleep(0.1)
            self()

    async def until(self, wanted: Phase, within: float = 900.0) -> None:
        """Go on until a rule enters a phase, from where the last call left off."""
        until = self.world.clock.monotonic() + within
        while self.world.clock.monotonic() < until:
            while self.told < len(self.changes):
                self.told += 1
                if self.changes[self.told - 1][1] is wanted:
                    return
            await self.watch(0.1)
        pytest.fail(f"never {wanted}; seen: {self.changes}")


def play(story: Story) -> Seen:
    async def told(world: World) -> Seen:
        witness = Witness(world)
        await story(world, witness)
        return witness.changes

    with virtual_time() as (runner, clock):
        return runner.run(told(World(clock)))


async def a_restart_that_helps(world: World, witness: Witness) -> None:
    web = world.service("web")
    world.check("web", up(web), service="web", failure_threshold=2)
    world.rule("web", restarting(web), **BRIEF)
    async with world.running():
        await witness.watch(12)
        web.crash()
        await witness.until(Phase.HEALING)
        await witness.until(Phase.PROVING)
        web.crash()
        await witness.until(Phase.COOLING_DOWN)
        await witness.until(Phase.WELL)


async def nothing_helps_and_then_it_comes_back(world: World, witness: Witness) -> None:
    seen = {"web": Status.HEALTHY}
    world.check("web", lambda _: seen["web"])
    act = RecordingAction()
    world.rule("web", act, **BRIEF)
    async with world.running():
        await witness.watch(12)
        seen["web"] = Status.UNHEALTHY
        await witness.until(Phase.EXHAUSTED)
        await witness.until(Phase.HALF_OPEN)
        await witness.until(Phase.EXHAUSTED)
        seen["web"] = Status.HEALTHY
        await witness.until(Phase.PROVING)
        await witness.watch(15)
        seen["web"] = Status.UNHEALTHY
        await witness.until(Phase.EXHAUSTED)
        act.does = lambda _: seen.update(web=Status.HEALTHY)
        await witness.until(Phase.HALF_OPEN)
        await witness.until(Phase.WELL)


async def a_person_takes_over_after_the_giving_up(world: World, witness: Witness) -> None:
    seen = {"web": Status.HEALTHY}
    world.check("web", lambda _: seen["web"])
    act = RecordingAction()
    world.rule("web", act, **BRIEF)
    async with world.running():
        await witness.watch(12)
        seen["web"] = Status.UNHEALTHY
        await witness.until(Phase.EXHAUSTED)
        await control(world).heal("web")
        await witness.until(Phase.EXHAUSTED)
        await control(world).reset("web")
        await witness.until(Phase.HEALING)


async def every_attempt_helps_for_a_moment(world: World, witness: Witness) -> None:
    seen = {"web": Status.HEALTHY}
    world.check("web", lambda _: seen["web"])
    world.rule("web", RecordingAction(does=lambda _: seen.update(web=Status.HEALTHY)), **BRIEF)
    async with world.running():
        for _ in range(3):
            await witness.watch(25)
            seen["web"] = Status.UNHEALTHY
            await witness.watch(25)
        assert witness.now["web"] is Phase.EXHAUSTED


async def it_comes_back_before_anything_is_done(world: World, witness: Witness) -> None:
    script = [Status.HEALTHY, Status.UNHEALTHY, Status.HEALTHY, Status.HEALTHY, Status.UNKNOWN, Status.HEALTHY]
    world.check("web", following(script))
    world.rule("web", RecordingAction(), **BRIEF)
    async with world.running():
        await witness.watch(90)


async def a_person_says_yes_once_and_pauses(world: World, witness: Witness) -> None:
    seen = {"web": Status.HEALTHY}
    world.check("web", lambda _: seen["web"])
    world.rule("web", RecordingAction(), **{**BRIEF, "mode": Mode.APPROVE, "min_failure_count": 2})
    async with world.running():
        await witness.watch(12)
        seen["web"] = Status.UNHEALTHY
        await witness.until(Phase.ASKING)
        await control(world).answer("web", approve=True)
        await witness.until(Phase.HEALING)
        await witness.until(Phase.COOLING_DOWN)
        await control(world).pause(10.0)
        await witness.until(Phase.HELD)
        await witness.until(Phase.ASKING)
        seen["web"] = Status.HEALTHY
        await witness.until(Phase.PROVING)


async def a_leak_that_only_a_condition_sees(world: World, witness: Witness) -> None:
    leaked = {"web": 0.0}

    def look(one: Look) -> Observation:
        leaked["web"] += 1.0
        return one.observe(Status.HEALTHY, "runs", metrics={"leaked": Metric(leaked["web"])})

    world.check("web", look)
    rule = world.rule("web", RecordingAction(does=lambda _: leaked.update(web=0.0)), when=LEAK, **BRIEF)
    rule.condition = compile_condition(LEAK)
    async with world.running():
        await witness.until(Phase.HEALING)
        await witness.until(Phase.PROVING)
        await witness.until(Phase.HEALING)
        await control(world).pause(300.0)
        await witness.until(Phase.WELL)
        await control(world).resume()
        await witness.until(Phase.HELD)


async def a_leak_that_nothing_stops_is_reset_by_a_person(world: World, witness: Witness) -> None:
    world.check("web", lambda look: look.observe(Status.HEALTHY, "runs", metrics={"leaked": Metric(9.0)}))
    rule = world.rule("web", RecordingAction(), when=LEAK, **BRIEF)
    rule.condition = compile_condition(LEAK)
    async with world.running():
        await witness.until(Phase.EXHAUSTED)
        await control(world).reset("web")
        await witness.until(Phase.HEALING)


async def a_person_asks_although_all_is_well(world: World, witness: Witness) -> None:
    world.check("web")
    world.rule("web", RecordingAction(), **BRIEF)
    async with world.running():
        await witness.watch(12)
        await control(world).heal("web")
        await witness.until(Phase.WELL)


async def a_storm_of_faults(world: World, witness: Witness, *, seed: int) -> None:
    chance = random.Random(seed)
    names = ("db", "api", "web", "cache", "disk")
    seen = dict.fromkeys(names, Status.HEALTHY)
    cures = dict.fromkeys(names, True)

    def cure(name: str) -> Callable[[object], None]:
        return lambda _: seen.update({name: Status.HEALTHY}) if cures[name] else None

    for name in names:
        depends = ("db",) if name == "api" else ()
        world.check(name, lambda _, name=name: seen[name], interval=5.0, depends_on=depends)
        mode = Mode.APPROVE if name == "cache" else Mode.AUTO
        world.rule(name, RecordingAction(does=cure(name), takes=0.5), **{**BRIEF, "mode": mode})
    world.limits(storm_hold=30.0, recoveries_per_hour=60)
    async with world.running():
        for _ in range(200):
            name = chance.choice(names)
            seen[name] = chance.choice([Status.HEALTHY, Status.UNHEALTHY, Status.UNHEALTHY, Status.UNKNOWN])
            cures[name] = chance.random() < 0.6
            if chance.random() < 0.05:
                await control(world).pause(15.0)
            if chance.random() < 0.05:
                await control(world).reset(name)
            await witness.watch(chance.choice([0.3, 2.0, 11.0, 25.0, 70.0]))


TOLD: tuple[Story, ...] = (
    a_restart_that_helps,
    nothing_helps_and_then_it_comes_back,
    a_person_takes_over_after_the_giving_up,
    every_attempt_helps_for_a_moment,
    it_comes_back_before_anything_is_done,
    a_person_says_yes_once_and_pauses,
    a_leak_that_only_a_condition_sees,
    a_leak_that_nothing_stops_is_reset_by_a_person,
    a_person_asks_although_all_is_well,
)
STORIES: dict[str, Story] = {
    **{getattr(story, "__name__", ""): story for story in TOLD},
    **{f"storm {seed}": partial(a_storm_of_faults, seed=seed) for seed in (1, 2)},
}


@pytest.fixture(scope="module")
def played() -> dict[str, Seen]:
    return {name: play(story) for name, story in STORIES.items()}


@pytest.mark.parametrize("name", STORIES)
def test_every_change_of_phase_that_a_story_shows_is_in_the_table(name: str, played: dict[str, Seen]) -> None:
    assert played[name]
    assert {(old.value, new.value) for old, new in played[name] if transition(old, new) is None} == set()


def test_every_row_of_the_table_and_every_phase_is_seen_in_some_story(played: dict[str, Seen]) -> None:
    changes = [change for seen in played.values() for change in seen]
    unseen = [row for row in TRANSITIONS if not any(old in row.old and new in row.new for old, new in changes)]
    assert unseen == []
    assert {new for _, new in changes} == set(Phase)


def test_no_two_rows_lead_from_one_phase_to_the_same_other() -> None:
    for old in Phase:
        for new in Phase:
            rows = [row for row in TRANSITIONS if old in row.old and new in row.new]
            assert len(rows) <= 1, (old, new)


def test_what_gave_up_is_left_only_by_health_by_time_or_by_a_person() -> None:
    ways = {row.happens for row in TRANSITIONS if Phase.EXHAUSTED in row.old}
    assert ways == {"well by itself", "exhausted_retry is over", "a person asks", "a person resets it"}
