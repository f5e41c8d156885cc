"""Any callable can be a check, and whatever it returns or raises is understood or refused."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from salus.checks import function as function_module
from salus.checks.function import Function, FunctionCheck
from salus.errors import CheckBrokenError
from salus.model import Metric, Observation, Status
from salus.ports import Site
from tests.looks import NOON, look_from, look_once, site

HERE = __name__


def add(one: float, other: float = 0) -> float:
    return one + other


async def wait_and_add(one: float, other: float = 0) -> float:
    await asyncio.sleep(0)
    return one + other


def fail() -> None:
    raise ValueError("first line\nthe queue is full")


@pytest.mark.parametrize(
    "answer, status, message",
    [
        (None, Status.HEALTHY, ""),
        (True, Status.HEALTHY, "returned True"),
        (False, Status.UNHEALTHY, "returned False"),
        (Status.DEGRADED, Status.DEGRADED, "returned degraded"),
        ("unhealthy", Status.UNHEALTHY, "returned unhealthy"),
        (("degraded", "slow"), Status.DEGRADED, "slow"),
        ((True, "well"), Status.HEALTHY, "well"),
        (42, Status.HEALTHY, "42"),
    ],
)
async def test_every_kind_of_answer_is_understood(answer: Any, status: Status, message: str) -> None:
    observation = await look_once(FunctionCheck(lambda: answer))
    assert (observation.status, observation.message) == (status, message)


async def test_metrics_may_come_with_the_verdict() -> None:
    observation = await look_once(FunctionCheck(lambda: ("healthy", "ok", {"jobs": 3, "lag_seconds": Metric(2, "s")})))
    assert observation.metrics == {"jobs": Metric(3.0), "lag_seconds": Metric(2, "s")}


async def test_an_observation_is_taken_as_it_is() -> None:
    own = Observation(status=Status.DEGRADED, message="mine", at=NOON)
    assert await look_once(FunctionCheck(lambda: own)) is own


@pytest.mark.parametrize("answer", ["perhaps", object(), {}, ("nonsense", "x"), ("healthy", "x", 5)])
async def test_an_answer_that_is_no_verdict_cannot_tell(answer: object) -> None:
    with pytest.raises(CheckBrokenError):
        await look_once(FunctionCheck(lambda: answer))


async def test_a_function_is_found_by_name_and_given_its_arguments() -> None:
    observation = await look_once(Function(call=f"{HERE}:add", args=(2,), kwargs={"other": 3}, value_above=10.0))
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "5, expected above 10")
    assert observation.metrics["value"].value == 5


class Adding:
    """An object whose call is asynchronous, which nobody can see from outside."""

    async def __call__(self, one: float) -> float:
        return await wait_and_add(one)


@pytest.mark.parametrize("function", [wait_and_add, partial(wait_and_add, other=1), Adding()])
async def test_asynchronous_functions_are_awaited_on_the_loop(function: Any) -> None:
    observation = await look_once(FunctionCheck(function, (1,), bounds=Function(call="a:b", warn_value_below=1.0)))
    assert observation.status is Status.DEGRADED


async def test_an_exception_is_unhealthy_with_its_last_line() -> None:
    observation = await look_once(FunctionCheck(fail))
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "the queue is full")


async def test_exit_is_an_exception_like_any_other() -> None:
    observation = await look_once(FunctionCheck(lambda: sys.exit(3)))
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "RuntimeError: SystemExit: 3")


async def test_a_function_may_say_that_it_cannot_tell() -> None:
    def cannot() -> None:
        raise CheckBrokenError("no credentials")

    with pytest.raises(CheckBrokenError, match="no credentials"):
        await look_once(FunctionCheck(cannot))


@pytest.mark.parametrize(
    "name, says",
    [("no.such.module:f", "No module named"), (f"{HERE}:absent", "has no attribute"), (f"{HERE}:NOON", "not callable")],
)
async def test_what_cannot_be_imported_cannot_tell(name: str, says: str) -> None:
    with pytest.raises(CheckBrokenError, match=says):
        await look_once(Function(call=name))


async def give_up(check: FunctionCheck, place: Site, calls: list[int]) -> None:
    """Look, and leave as soon as the function was called."""
    looking = asyncio.create_task(check.look(look_from(place)))
    async with asyncio.timeout(30):
        while not calls:
            await asyncio.sleep(0.001)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_a_function_that_does_not_come_back_is_not_called_again_until_it_has() -> None:
    gate, calls = threading.Event(), []

    def hang() -> None:
        calls.append(1)
        gate.wait(10)

    check, place = FunctionCheck(hang), site()
    before = function_module.THREADS.stuck
    await give_up(check, place, calls)
    assert function_module.THREADS.stuck == before + 1
    observation = await check.look(look_from(place, timeout=0.02))
    assert observation.status is Status.UNHEALTHY
    assert "has not come back yet" in observation.message
    assert calls == [1]
    gate.set()
    async with asyncio.timeout(30):
        while check._running_since is not None:
            await asyncio.sleep(0.001)
    assert (await check.look(look_from(place))).status is Status.HEALTHY
    assert len(calls) == 2


@pytest.mark.parametrize("name", ["", "module", "module:", ":f", "a b:c", "a:b()"])
def test_a_name_that_cannot_be_one_is_told(name: str) -> None:
    assert [field for field, _ in Function(call=name).problems()] == ["call"]


async def test_a_fresh_look_waits_for_the_call_of_the_one_that_it_supersedes() -> None:
    gate, calls = threading.Event(), []

    def slow() -> None:
        calls.append(1)
        gate.wait(10)

    check, place = FunctionCheck(slow), site()
    await give_up(check, place, calls)
    asyncio.get_running_loop().call_later(0.05, gate.set)
    assert (await check.look(look_from(place))).status is Status.HEALTHY
    assert calls == [1, 1]


def line_of(function: Any, offset: int) -> str:
    return f"test_function_check.py:{function.__code__.co_firstlineno + offset} in {function.__qualname__}"


async def test_where_it_was_raised_is_told_and_the_log_has_the_traceback_once_for_each_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "salus.check")
    errors: list[Exception] = [KeyError("a"), KeyError("b"), ValueError("c"), ValueError("d")]

    def lookup() -> None:
        raise errors.pop(0)

    check = FunctionCheck(lookup)
    seen = [await look_once(check) for _ in range(4)]
    assert [look.message for look in seen] == ["KeyError: 'a'", "KeyError: 'b'", "ValueError: c", "ValueError: d"]
    assert {str(look.metadata["raised_at"]).rpartition("/")[2] for look in seen} == {line_of(lookup, 1)}
    assert [(record.levelname, record.getMessage().split(" at ")[0]) for record in caplog.records] == [
        ("INFO", f"{look_from(site()).spec.name} raised KeyError"),
        ("INFO", f"{look_from(site()).spec.name} raised ValueError"),
    ]
    assert "raise errors.pop(0)" in caplog.text


async def test_where_the_application_called_a_library_is_told_and_not_the_inside_of_that() -> None:
    def parse() -> object:
        return __import__("json").loads("{")

    place = str((await look_once(FunctionCheck(parse))).metadata["raised_at"])
    assert place.rpartition("/")[2] == line_of(parse, 1)


async def test_what_leaves_the_process_is_placed_by_its_cause() -> None:
    def leave() -> None:
        sys.exit(3)

    place = str((await look_once(FunctionCheck(leave))).metadata["raised_at"])
    assert place.rpartition("/")[2] == line_of(leave, 1)


class Big:
    """Something in a variable of a function that raises."""


async def test_nothing_of_a_function_that_raised_is_held_on_to() -> None:
    refs: list[weakref.ref[Big]] = []

    def leak() -> None:
        big = Big()
        refs.append(weakref.ref(big))
        raise KeyError("x")

    check = FunctionCheck(leak)
    await look_once(check)
    gc.collect()
    assert refs[0]() is None


@pytest.mark.parametrize("answer", [None, True])
@pytest.mark.parametrize("bound", ["value_below", "warn_value_above"])
async def test_a_bound_on_a_function_that_returns_no_number_cannot_be_held_and_is_not_ignored(
    answer: object, bound: str
) -> None:
    bounds: dict[str, Any] = {bound: 5.0}
    check = FunctionCheck(lambda: answer, bounds=Function(call="a:b", **bounds))
    with pytest.raises(CheckBrokenError, match=rf"there is a bound \({bound}\), and .* {answer}, no number") as caught:
        await look_once(check)
    assert caught.value.remedy == f"return the number, or take {bound} away"


@pytest.mark.parametrize(
    "answer, status", [(False, "unhealthy"), ("degraded", "degraded"), ((True, "well"), "healthy")]
)
async def test_a_verdict_of_its_own_stands_beside_bounds(answer: object, status: str) -> None:
    observation = await look_once(FunctionCheck(lambda: answer, bounds=Function(call="a:b", value_below=5.0)))
    assert observation.status == status


@pytest.mark.parametrize("bounds", [Function(call="a:b"), Function(call="a:b", value_below=5.0)])
async def test_what_is_not_a_number_is_no_verdict(bounds: Function) -> None:
    with pytest.raises(CheckBrokenError, match="returned nan, which is not a number"):
        await look_once(FunctionCheck(lambda: float("nan"), bounds=bounds))


@pytest.mark.parametrize(
    "answer, remedy",
    [
        ("fine", "did you mean 'healthy'?"),
        ("OK", "did you mean 'healthy'?"),
        ("Healthy", "did you mean 'healthy'?"),
        ("down", "did you mean 'unhealthy'?"),
        ("warning", "did you mean 'degraded'?"),
        ("degradd", "did you mean 'degraded'?"),
        ("42 apples", "return nothing, a bool, a status, a number"),
        (object(), "return nothing, a bool, a status, a number"),
        (("fine", "all is well"), "did you mean 'healthy'?"),
    ],
)
async def test_what_is_no_verdict_is_told_with_what_may_be_returned(answer: object, remedy: str) -> None:
    with pytest.raises(CheckBrokenError, match="which is no verdict") as caught:
        await look_once(FunctionCheck(lambda: answer))
    assert (caught.value.remedy or "").startswith(remedy)
