"""What is declared or asked wrongly is told at once, and what a stranger's code does ends nothing of Salus."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from salus import Event, HealthSystem, Status
from salus.app.build import resolve
from salus.errors import ConfigError, ConflictError, NotFoundError, SalusError
from tests.integration.library.waiting import until

QUICK: dict[str, Any] = {"interval": "50ms", "timeout": "20s"}


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=tmp_path / "state")
    yield system
    system.stop()


class Part:
    """Something of the application."""

    def __call__(self) -> bool:
        return True

    def works(self) -> bool:
        return True

    def mend(self) -> str:
        return "mended"

    def rest(self) -> Any: ...


class Blind:
    """No check: its ``look`` takes nothing and returns at once, and it has nothing to close."""

    def look(self) -> str:
        return "fine"


def needs(pool: str) -> None: ...


async def mends() -> None: ...


def many() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    "declare, said",
    [
        (lambda health: health.check(lambda: None), "a lambda has no name"),
        (lambda health: health.check(Part), "it is for functions"),
        (lambda health: health.check(10), "the name of the check is text"),
        (lambda health: health.register("part", Part), r"give an object of it, such as Part\(\.\.\.\)"),
        (lambda health: health.register(3, Part()), "the name of a check is text"),
        (
            lambda health: health.check(needs),
            r"needs\(pool: 'str'\).* needs some \(missing a required argument: 'pool'",
        ),
        (lambda health: health.check(many), "a generator gives many answers"),
        (lambda health: health.register("part", None), "NoneType is no check"),
        (lambda health: health.check("part", value_below="five")(Part()), "value_below is 'five': give a number"),
        (
            lambda health: health.rule("part", [Part().rest()]),
            "rule 'part': None is no action: give a function, without paren",
        ),
        (
            lambda health: health.rule("part", Part().rest()),
            "rule 'part': None is no action: give a function, without paren",
        ),
        (lambda health: health.rule("part", [mends()]), "the coroutine of a call is no action"),
        (lambda health: health.service("part", start=1, stop=print), "start is int: give a function"),
        (lambda _: HealthSystem("shop", settings=["limits"]), "give a mapping of sections"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(
    health: HealthSystem, declare: Callable[[HealthSystem], object], said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        declare(health)


@pytest.mark.parametrize("name", ["../shop", "shop/one", "", ".", "sh\0p", "x" * 200, None])
def test_a_name_that_cannot_be_a_folder_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(ConfigError, match=r"test_misuse\.py:\d+:1: HealthSystem: .* cannot be the name .*use letters"):
        HealthSystem(name)


@pytest.mark.parametrize("said", [{"intervall": 5}, {"interval": -1}, {"interval": timedelta(0)}, {"tags": {1, "a"}}])
def test_what_a_check_cannot_say_is_told_with_its_line(health: HealthSystem, said: dict[str, Any]) -> None:
    health.register("fine", lambda: None, **said)
    with pytest.raises(ConfigError, match=r"test_misuse\.py:\d+:1: checks\.fine\."):
        health.start()


def test_an_action_that_nobody_knows_is_told_with_how_a_function_becomes_one(health: HealthSystem) -> None:
    health.register("fine", lambda: None)
    health.rule("fine", ["zzz"])
    with pytest.raises(ConfigError, match=r"unknown action kind 'zzz' \(.*a function becomes one by @health\.action"):
        health.start()


def test_a_check_that_is_not_there_is_told_with_the_one_that_was_meant(health: HealthSystem) -> None:
    health.register("abc", lambda: None)
    with health:
        with pytest.raises(NotFoundError, match="there is no check 'ab'") as asked:
            health.run_now_sync("ab")
        with pytest.raises(NotFoundError, match="no check 'abd'") as taken:
            health.unregister("abd")
    assert (asked.value.remedy, taken.value.remedy) == ("did you mean 'abc'?", "did you mean 'abc'?")


def test_a_check_that_raises_from_the_start_leaves_its_place_in_the_answer(health: HealthSystem) -> None:
    def breaks() -> None:
        raise KeyError("x")

    health.register("breaks", breaks)
    with health:
        seen = health.run_now_sync("breaks")["breaks"]
    place = str(seen.metadata["raised_at"])
    assert place.rpartition("/")[2] == f"test_misuse.py:{breaks.__code__.co_firstlineno + 1} in {breaks.__qualname__}"


def test_two_actions_of_one_name_are_refused_and_one_method_is_one_action(health: HealthSystem) -> None:
    part = Part()
    health.action(part.mend)
    health.action(part.mend)
    with pytest.raises(ConflictError, match="another action 'mend' already"):
        health.action("mend")(Part())
    with pytest.raises(ValueError, match="effect='chnges' is none of records"):
        health.action("again", effect="chnges")(Part())
    for name in ("one", "two"):
        health.register(name, part.works)
        health.rule(name, part.mend)
    health.register("three", part.works)
    health.rule("three", "log")
    health.check(functools.partial(needs, "main"))
    with health:
        assert set(health.run_now_sync()) == {"needs", "one", "salus", "three", "two"}


async def test_whatever_a_check_raises_ends_neither_salus_nor_the_application(health: HealthSystem) -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    async def gives_up() -> None:
        raise asyncio.CancelledError

    def stops() -> None:
        raise KeyboardInterrupt

    def later() -> Any:
        return leaves()

    for function in (leaves, gives_up, stops, later):
        health.check(**QUICK)(function)
    health.register("blind", Blind(), **QUICK)
    async with health:
        looks = await health.run_now()
        assert looks.pop("salus").status is not Status.UNKNOWN  # degraded, where looks began late on a busy machine
        assert {name: look.status.value for name, look in looks.items()} == {
            "blind": "unknown",
            "gives_up": "unknown",
            "later": "unhealthy",
            "leaves": "unhealthy",
            "stops": "unhealthy",
        }
        assert looks["leaves"].message == "RuntimeError: SystemExit: 3"


def test_a_check_that_ends_the_loop_itself_does_not_end_salus(health: HealthSystem) -> None:
    class Leaves:
        async def look(self, look: object) -> None:
            raise SystemExit(3)

    health.register("leaves", Leaves(), **QUICK)
    health.register("fine", lambda: None, **QUICK)
    with health:
        assert until(lambda: health.run_now_sync("fine")["fine"].status is Status.HEALTHY)
        assert health.runs


def test_what_would_wait_for_itself_is_refused(health: HealthSystem) -> None:
    told: list[str] = []

    @health.check(**QUICK)
    async def asks() -> None:  # without an event loop of the application, on Salus' own
        for ask in (health.run_now_sync, health.report_sync, health.stop):
            try:
                ask()
            except ConflictError as error:
                told.append(str(error))

    with health:
        assert until(lambda: len(told) >= 3)
        assert health.runs
    assert all("wait for itself" in one for one in told)


def test_handlers_and_checks_may_change_what_runs_and_stop_it(health: HealthSystem) -> None:
    done = threading.Event()

    @health.on
    def every(event: Event) -> None:
        if event.kind == "agent_started":
            health.register("late", lambda: None, **QUICK)
            health.run_now_sync("late")
            health.unregister("late")
            done.set()

    @health.check(**QUICK)
    def stops() -> None:
        if done.is_set():
            health.stop()

    health.start()
    assert done.wait(30)
    assert until(lambda: not health.runs)


async def test_declaring_on_the_loop_does_not_wait_for_what_waits_for_the_loop(health: HealthSystem) -> None:
    ending = asyncio.Event()

    async def stop() -> None:
        ending.set()
        await asyncio.sleep(0)

    health.service("part", start=lambda: None, stop=stop, stop_timeout=60.0)
    async with asyncio.timeout(30):
        async with health:
            stopping = asyncio.ensure_future(asyncio.to_thread(health.stop))
            await ending.wait()
            health.register("late", lambda: None)
            await stopping


def living() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "salus-shop"]


def test_a_start_that_fails_leaves_nothing_and_can_be_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.touch()
    broken = HealthSystem("shop", state_dir=file)
    with pytest.raises(SalusError, match="cannot be the state folder"):
        broken.start()
    health = HealthSystem("shop", state_dir=tmp_path / "state")
    health.rule("late", "log")
    with pytest.raises(ConfigError, match="there is no check 'late'"):
        health.start()
    assert not living()
    health.register("late", lambda: None)
    for _ in range(3):
        with health:
            assert health.runs
    assert not living()


def test_a_config_is_read_together_with_the_objects_that_it_speaks_of(health: HealthSystem) -> None:
    health.register("soon-gone", lambda: None)
    settings, own = health._read()
    health.unregister("soon-gone")
    assert "soon-gone" in resolve(settings, own).checks


def test_many_threads_start_declare_and_stop_it_at_once(health: HealthSystem) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(2):
                health.start()
                health.register(f"check-{number}", lambda: None, **QUICK)
                health.unregister(f"check-{number}")
                if number % 3 == 0:
                    health.stop()
        except ConflictError:
            pass  # another one has just stopped it
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert not failed
    assert not any(thread.is_alive() for thread in threads)
    health.stop()
    health.start()
    assert health.run_now_sync("salus")


async def test_a_start_that_is_cancelled_is_undone(health: HealthSystem) -> None:
    starting = asyncio.ensure_future(health.__aenter__())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not health.runs
    assert not living()


def test_what_is_declared_while_it_starts_counts_too(health: HealthSystem) -> None:
    @health.on
    def hears(event: Event) -> None:
        if event.kind == "agent_started":
            health.register("late", lambda: None, **QUICK)

    with health:
        assert until(lambda: "late" in health.report_sync()["checks"])  # type: ignore[operator]
