"""What is counted for a Prometheus: everything once, nothing twice, and never down."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.engine.meter import LATENESS, Meter, Timer
from salus.model import Event, EventKind, Outcome, Status
from salus.testing import RecordingAction, virtual_time
from tests.fake_agent import NOW, RECOVERY, look
from tests.unit.engine.world import World, restarting, up

Scenario = Callable[[World], Awaitable[None]]

FACTS: Mapping[str, Any] = {"check": "web", "reason": "why", "action": "log", "recovery": "r1", "service": "web"}
COUNTED = {
    EventKind.RECOVERY_FINISHED: "recoveries",
    EventKind.RECOVERY_REFUSED: "refusals",
    EventKind.ACTION_FINISHED: "actions",
    EventKind.NOTIFICATION_SENT: "notifications",
    EventKind.NOTIFICATION_FAILED: "notifications",
    EventKind.NOTIFICATION_DEAD: "notifications",
}


def play(scenario: Scenario) -> None:
    with virtual_time() as (runner, clock):
        runner.run(_play(World(clock), scenario))


async def _play(world: World, scenario: Scenario) -> None:
    await scenario(world)


def meter() -> Meter:
    return Meter(dict, lambda _: None)


def counts(meter: Meter) -> dict[tuple[str, ...], float]:
    """Return all that may never go down."""
    return dict(_counts(meter))


def _counts(meter: Meter) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, runs in meter.runs.items():
        for status in Status:
            yield ("runs", name, status), getattr(runs, status)
    for what in ("recoveries", "refusals"):
        for name, told in getattr(meter, what).items():
            yield from (((what, name, word), count) for word, count in told.items())
    for what in ("actions", "notifications"):
        yield from (((what, *key), count) for key, count in getattr(meter, what).items())
    for what in ("looks", "lateness", "durations", "initiations"):
        timer = getattr(meter, what)
        yield from (((what, str(place)), count) for place, count in enumerate(timer.counts))
        yield (what, "total"), timer.total


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", list(EventKind))
def test_an_event_counts_once_or_not_at_all(kind: EventKind) -> None:
    counted = meter()
    counted(Event(id=1, at=NOW, kind=kind, **FACTS))
    found = {key: count for key, count in counts(counted).items() if count}
    assert [(key[0], count) for key, count in found.items()] == ([(COUNTED[kind], 1)] if kind in COUNTED else [])


def test_how_long_a_recovery_took_is_taken_from_what_is_written_of_it() -> None:
    records = {"r1": replace(RECOVERY, id="r1"), "r2": replace(RECOVERY, id="r2", initiation=None, duration=0.4)}
    counted = Meter(dict, records.get)
    for recovery in ("r1", "r2", "of a dead Salus"):
        facts = {**FACTS, "recovery": recovery, "reason": Outcome.RECOVERED.value}
        counted(Event(id=1, at=NOW, kind=EventKind.RECOVERY_FINISHED, **facts))
    assert counted.recoveries["web"]["recovered"] == 3
    assert (sum(counted.durations.counts), counted.durations.total) == (2, 1.94 + 0.4)
    assert [one.recovery for one in counted.initiations.examples.values()] == ["r1"]
    assert [one.recovery for one in counted.durations.examples.values()] == ["r1", "r2"]


@given(st.lists(st.sampled_from(list(EventKind)), max_size=30))
def test_nothing_ever_goes_down(kinds: list[EventKind]) -> None:
    counted = meter()
    for kind in kinds:
        before = counts(counted)
        counted(Event(id=1, at=NOW, kind=kind, **FACTS))
        counted.looked("web", look(list(Status)[len(kind) % 4]))
        after = counts(counted)
        assert all(after[key] >= count for key, count in before.items())


# ── looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", list(Status))
def test_a_look_counts_by_what_it_said(status: Status) -> None:
    counted = meter()
    seen = look(status)
    counted.looked("web", seen)
    assert {one: getattr(counted.runs["web"], one) for one in Status} == {one: int(one is status) for one in Status}
    assert counted.runs["web"].well_at == (seen.at if status is Status.HEALTHY else None)
    assert counted.looks.total == seen.duration


@given(st.lists(st.floats(-1, 1e6)))
def test_each_time_falls_into_the_first_bucket_that_is_large_enough(times: list[float]) -> None:
    timer = Timer(LATENESS)
    for seconds in times:
        timer.add(seconds)
    for place, bound in enumerate(LATENESS):
        assert sum(timer.counts[: place + 1]) == sum(seconds <= bound for seconds in times)
    assert sum(timer.counts) == len(times)
    assert timer.total == pytest.approx(sum(max(0.0, seconds) for seconds in times))


def test_an_engine_counts_what_it_sees_and_does() -> None:
    async def scenario(world: World) -> None:
        web = world.service("web")
        world.check("web-up", up(web), service="web")
        world.rule("web-up", restarting(web))
        async with world.running():
            counted = world.engine.meter
            await world.until(lambda: sum(counted.looks.counts) >= 1)
            before = counts(counted)
            web.crash()
            await world.wait_for(EventKind.RECOVERY_FINISHED)
            after = counts(counted)
            assert all(after[key] >= count for key, count in before.items())
            assert counted.recoveries["web-up"]["recovered"] == 1
            assert counted.actions["action_0", "ok"] == 1
            assert counted.runs["web-up"].unhealthy >= 1
            assert sum(counted.durations.counts) == sum(counted.initiations.counts) == 1
            assert sum(counted.lateness.counts) >= 2
            said = sum(getattr(counted.runs["web-up"], status) for status in Status)
            assert sum(counted.looks.counts) == said, "each look counts in both"

    play(scenario)


def test_a_check_that_leaves_takes_its_counts_along_and_one_that_is_changed_keeps_them() -> None:
    async def scenario(world: World) -> None:
        for name in ("web", "gone"):
            world.check(name, interval=1.0)
        async with world.running():
            counted = world.engine.meter
            await world.until(lambda: len(counted.runs) == 2)
            for name in ("web", "gone"):
                counted(Event(id=1, at=NOW, kind=EventKind.RECOVERY_REFUSED, check=name, reason="why"))
            before = counted.runs["web"].healthy
            world.units.pop("gone")
            world.check("web", interval=2.0)
            world.engine.replace_units(world.units)
            assert (list(counted.runs), list(counted.refusals)) == (["web"], ["web"])
            await world.until(lambda: counted.runs["web"].healthy > before)

    play(scenario)


def test_a_rule_that_has_given_up_is_known_and_a_check_without_rules_says_nothing() -> None:
    async def scenario(world: World) -> None:
        world.check("web", Status.UNHEALTHY, interval=1.0)
        world.check("alone", interval=1.0)
        world.rule("web", RecordingAction(), max_recovery_attempts=1, verify_timeout=1.0)
        async with world.running():
            told = world.engine.meter.exhausted
            assert (told("web"), told("alone"), told("nobody")) == (False, None, None)
            await world.wait_for(EventKind.RULE_EXHAUSTED)
            assert told("web") is True

    play(scenario)


def test_a_look_at_a_check_that_is_set_aside_counts_nowhere() -> None:
    async def scenario(world: World) -> None:
        world.check("web", interval=1.0)
        async with world.running():
            await world.until(lambda: "web" in world.engine.meter.runs)
            await world.control.pause_check("web", None)
            before = counts(world.engine.meter)
            await world.control.check_now("web")
            after = counts(world.engine.meter)
            assert {key for key in after if after[key] != before.get(key)} <= {("runs", "web", "unknown")}

    play(scenario)


# ── what it costs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_counting_costs_a_microsecond_or_two_at_most() -> None:
    counted, seen = meter(), look(Status.HEALTHY)
    event = Event(id=1, at=NOW, kind=EventKind.STATUS_CHANGED, **FACTS)
    best = float("inf")
    for _ in range(10):
        began = time.thread_time()
        for _ in range(1000):
            counted.looked("web", seen)
            counted(event)
        best = min(best, (time.thread_time() - began) / 1000)
    assert best < 2e-6
