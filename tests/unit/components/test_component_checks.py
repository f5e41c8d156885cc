"""Each kind of component says what is wrong with it: what was expected, what is, and which fault it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salus.components import describe
from salus.errors import CheckBrokenError
from salus.model import Metric, Observation, Status
from tests.looks import NOON, look_from, look_once, site
from tests.unit.actions.scenes import make_scene
from tests.unit.components.parts import Cache, Hanging, Pipeline, Pool, Registry, Service, Watcher, Workers


async def look_at(part: object, **details: Any) -> Observation:
    return await look_once(describe("part", part).check, **details)


def changed(part: Any, **values: object) -> Any:
    for name, value in values.items():
        setattr(part, name, value)
    return part


LONG_AGO = NOON - timedelta(minutes=2)
JUST_NOW = NOON - timedelta(seconds=2)


@pytest.mark.parametrize(
    "make, status, message, cause",
    [
        (Service, "healthy", "runs", ""),
        (lambda: changed(Service(), running=False), "unhealthy", "it does not run, expected it to", "not_running"),
        (
            lambda: changed(Service(), running=False, last_error=OSError("no port")),
            "unhealthy",
            "it does not run, expected it to: OSError: no port",
            "not_running",
        ),
        (
            lambda: changed(Service(), probe=lambda: "no job came back"),
            "unhealthy",
            "runs and does not work: no job came back",
            "runs_and_does_not_work",
        ),
        (Cache, "healthy", "2 entries", ""),
        (lambda: changed(Cache(), hit_rate=0.75), "healthy", "2 entries, hit rate 75.0%", ""),
        (lambda: changed(Cache(), max_size=1), "degraded", "2 entries, expected at most 1", "too_large"),
        (lambda: changed(Cache(), hit_rate=0.1), "degraded", "hit rate 10.0%, expected at least 50.0%", "low_hit_rate"),
        (
            lambda: changed(Cache(), poisoned=["b", "a"]),
            "unhealthy",
            "cache poisoned: 2 wrong: a, b",
            "cache_poisoned",
        ),
        (lambda: Registry("a", "b"), "healthy", "2 entries", ""),
        (
            lambda: changed(Registry("a", "b"), kept={"a"}),
            "unhealthy",
            "1 of 2 entries, missing b",
            "incomplete",
        ),
        (
            lambda: changed(Registry(), kept=set("abcdefg")),
            "degraded",
            "7 entries that should be gone: a, b, c, d, e and 2 more",
            "stale",
        ),
        (
            lambda: changed(Registry("a"), last_refreshed=NOON - timedelta(minutes=6)),
            "degraded",
            "refreshed 6m ago, expected within 5m",
            "stale",
        ),
        (
            lambda: changed(Registry("a"), last_refreshed=JUST_NOW.timestamp()),
            "healthy",
            "1 entries, refreshed 2 s ago",
            "",
        ),
        (Watcher, "healthy", "alive", ""),
        (lambda: changed(Watcher(), last_event=JUST_NOW), "healthy", "alive, last change 2 s ago", ""),
        (
            lambda: changed(Watcher(), alive=False, last_error=ValueError("bad path")),
            "unhealthy",
            "it is dead, expected alive: ValueError: bad path",
            "not_alive",
        ),
        (
            lambda: changed(Watcher(), deaf=True),
            "unhealthy",
            "alive and deaf: nothing was seen within 1 s",
            "alive_and_deaf",
        ),
        (Pipeline, "healthy", "2 of 2 workers alive, 0 waiting", ""),
        (lambda: changed(Pipeline(), waiting=9, oldest=3.0), "healthy", "2 of 2 workers alive, 9 waiting", ""),
        (
            lambda: changed(Pipeline(), workers=1),
            "degraded",
            "workers dead: 1 of 2 workers alive",
            "workers_dead",
        ),
        (
            lambda: changed(Pipeline(), workers=0, waiting=3, oldest=12.0),
            "unhealthy",
            "workers dead: 0 of 2 workers alive; queue stuck: 3 waiting, the oldest for 12 s, expected at most 10 s",
            "workers_dead",
        ),
        (
            lambda: changed(Pipeline(), waiting=3, oldest=12.0, last_success=LONG_AGO),
            "unhealthy",
            "queue stuck: 3 waiting, the oldest for 12 s, expected at most 10 s; last success 2m ago",
            "queue_stuck",
        ),
        (
            lambda: changed(Pipeline(), waiting=90, oldest=12.0, last_success=JUST_NOW),
            "degraded",
            "queue too long: 90 waiting, the oldest for 12 s, expected at most 10 s; last success 2 s ago",
            "queue_long",
        ),
        (
            lambda: changed(Pipeline(), poisoned="card is not what its source says"),
            "unhealthy",
            "cache poisoned: card is not what its source says",
            "cache_poisoned",
        ),
        (Workers, "healthy", "4 workers alive", ""),
        (lambda: changed(Workers(), busy=3), "healthy", "4 workers alive, 3 busy", ""),
        (lambda: changed(Workers(), living=3), "degraded", "3 workers alive, expected 4", "workers_dead"),
        (lambda: changed(Workers(), living=0), "unhealthy", "0 workers alive, expected 4", "workers_dead"),
        (Pool, "healthy", "1 of 10 connections in use, 0 waiting", ""),
        (lambda: changed(Pool(), size=lambda: 0, waiting=None), "healthy", "1 connections in use", ""),
        (lambda: changed(Pool(), used=10), "healthy", "10 of 10 connections in use, 0 waiting", ""),
        (
            lambda: changed(Pool(), used=10, waiting=None),
            "degraded",
            "10 of 10 connections in use, expected one to be free",
            "all_in_use",
        ),
        (
            lambda: changed(Pool(), used=10, waiting=4),
            "unhealthy",
            "exhausted: 10 of 10 connections in use, 4 waiting, expected one to be free",
            "exhausted",
        ),
        (
            lambda: changed(Pool(), works=False),
            "unhealthy",
            "connections do not work: probe() says no",
            "connections_do_not_work",
        ),
    ],
)
async def test_every_fault_is_told_with_what_was_expected(
    make: Callable[[], object], status: str, message: str, cause: str
) -> None:
    seen = await look_at(make(), at=NOON)
    assert (seen.status, seen.message, seen.cause) == (status, message, cause)


async def test_what_was_read_becomes_metrics_with_units() -> None:
    pipeline = changed(Pipeline(), waiting=3, oldest=1.5, last_success=JUST_NOW)
    seen = await look_at(pipeline, at=NOON)
    assert seen.metrics == {
        "queue_length": Metric(3.0),
        "oldest_waiting_seconds": Metric(1.5, "seconds"),
        "workers_alive": Metric(2.0),
        "workers_expected": Metric(2.0),
        "last_success_age_seconds": Metric(2.0, "seconds"),
    }


async def test_a_dictionary_is_a_cache_and_says_its_length() -> None:
    seen = await look_at({"a": 1})
    assert (seen.status, seen.message, seen.metrics) == (Status.HEALTHY, "1 entries", {"size": Metric(1.0)})


async def test_a_registry_that_does_not_know_what_to_expect_must_not_be_empty() -> None:
    class Plain:
        entries = 0

        def count(self) -> int:
            return self.entries

        def refresh(self) -> None:
            self.entries = 5

    plain = Plain()
    assert (await look_at(plain)).message == "it is empty, expected at least 1 entry"
    plain.refresh()
    assert (await look_at(plain)).message == "5 entries"


@pytest.mark.parametrize("expected, status", [(3, "unhealthy"), (2, "healthy"), (1, "degraded")])
async def test_a_registry_may_know_only_how_many_to_expect(expected: int, status: str) -> None:
    class Counting:
        def __init__(self) -> None:
            self.expected = expected

        def count(self) -> int:
            return 2

        def refresh(self) -> None:
            """Read anew."""

    assert (await look_at(Counting())).status == status


async def test_a_member_that_raises_is_named() -> None:
    class Broken(Service):
        def is_running(self) -> bool:
            raise ConnectionError("the broker is gone")

    seen = await look_at(Broken())
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "is_running() raised ConnectionError: the broker is gone")


async def test_a_probe_that_raises_is_the_parts_own_fault() -> None:
    def probe() -> None:
        raise TimeoutError

    seen = await look_at(changed(Pool(), probe=probe))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "connections do not work: probe() raised TimeoutError")


async def test_what_is_dead_or_exhausted_is_not_probed() -> None:
    pool = changed(Pool(), used=10, waiting=1)
    await look_at(pool)
    assert pool.probed == 0


async def test_what_dies_of_its_probe_is_dead() -> None:
    watcher = Watcher()

    def probe() -> str:
        watcher.alive = False
        return "nothing was seen within 1 s"

    seen = await look_at(changed(watcher, probe=probe))
    assert (seen.message, seen.cause) == ("it is dead, expected alive", "not_alive")


async def test_a_part_that_cannot_tell_says_so_itself() -> None:
    def probe() -> None:
        raise CheckBrokenError("the test database is not there")

    with pytest.raises(CheckBrokenError, match="not there"):
        await look_at(changed(Pool(), probe=probe))


@pytest.mark.parametrize(
    "part, told",
    [
        (changed(Pool(), size=lambda: "ten"), r"size\(\) of part returned 'ten'"),
        (changed(Pool(), in_use=lambda: None), r"in_use\(\) of part returned None"),
        (changed(Pool(), probe=lambda: 1), r"probe\(\) of part returned 1"),
        (changed(Service(), is_running=lambda: "yes"), r"is_running\(\) of part returned 'yes'"),
        (changed(Watcher(), last_event=5321.5), r"last_event\(\) of part returned 5321.5"),
        (changed(Watcher(), last_event=datetime(2025, 1, 1)), r"last_event\(\) of part returned datetime"),  # noqa: DTZ001
        (changed(Cache(), hit_rate=float("nan")), r"hit_rate\(\) of part returned nan"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_broken_check_with_a_remedy(part: object, told: str) -> None:
    with pytest.raises(CheckBrokenError, match=told) as caught:
        await look_at(part)
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("return ")


async def test_a_call_that_hangs_is_not_made_again_until_the_part_was_restarted() -> None:
    part = Hanging()
    description = describe("part", part)
    place = site()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await description.check.look(look_from(place))
    seen = await description.check.look(look_from(place, at=datetime.now(UTC) + timedelta(minutes=1)))  # noqa: TID251
    assert seen.status is Status.UNHEALTHY
    assert seen.message.startswith("is_running() was called 1m")
    assert seen.message.endswith("ago and has not come back yet")
    part.hangs = False
    await description.actions["restart_component"].run(make_scene(place))
    assert (await description.check.look(look_from(place))).status is Status.HEALTHY
    part.let_go.set()
