from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from collections.abc import Mapping
from functools import partial

import pytest

from salus.actions import _threads
from salus.actions.call import Call, CallAction
from salus.errors import ActionError, StoreError
from salus.model import Effect
from salus.ports import ActionResult, Scene
from tests.unit.actions.scenes import make_scene

HERE = __name__


def plain(*args: object, **kwargs: object) -> dict[str, object]:
    return {"args": [*args], "kwargs": kwargs, "thread": threading.current_thread() is not threading.main_thread()}


async def soon(scene: Scene, suffix: str = "") -> str:
    await asyncio.sleep(0)
    return scene.check.name + suffix


def refuses() -> bool:
    return False


def breaks() -> None:
    raise ValueError("no such thing")


def leaves() -> None:
    sys.exit(3)


class Heavy:
    @staticmethod
    def lift() -> str:
        return "lifted"


async def test_a_function_is_called_by_name_in_a_thread_with_its_arguments() -> None:
    result = await Call(function=f"{HERE}:plain", args=(1,), kwargs={"a": 2}).run(make_scene())
    assert result.evidence == {"args": [1], "kwargs": {"a": 2}, "thread": True}


async def test_a_coroutine_function_is_awaited_and_given_the_scene_it_asks_for() -> None:
    result = await Call(function=f"{HERE}:soon", kwargs={"suffix": "!"}).run(make_scene())
    assert result.message == "web-http!"


async def test_a_dotted_function_is_found() -> None:
    assert (await Call(function=f"{HERE}:Heavy.lift").run(make_scene())).message == "lifted"


@pytest.mark.parametrize(
    "function, what",
    [
        ("no_such_module_anywhere:f", "No module named"),
        (f"{HERE}:nothing", "there is no 'nothing' in it"),
        (f"{HERE}:HERE", "is not a function but str"),
        (f"{HERE}:refuses", "returned False"),
        (f"{HERE}:breaks", "raised ValueError: no such thing"),
        (f"{HERE}:leaves", "SystemExit: 3"),
    ],
)
async def test_what_goes_wrong_is_an_action_error_that_says_what(function: str, what: str) -> None:
    with pytest.raises(ActionError, match=what):
        await Call(function=function).run(make_scene())


@pytest.mark.parametrize("name", ["json.dumps", "json:", ":dumps", "json:dumps()", "a b:c", "../x:y"])
def test_a_name_that_cannot_be_one_is_a_problem_of_the_config(name: str) -> None:
    ((field, what),) = Call(function=name).problems()
    assert field == "function"
    assert "write it like package.module:function" in what


async def test_an_application_can_hand_in_any_callable() -> None:
    def result(scene: Scene) -> ActionResult:
        return ActionResult(message=f"from {scene.plan.id}")

    action = CallAction(result, effect=Effect.REPLACES, services=frozenset({"web"}))
    assert (await action.run(make_scene())).message == "from r1"
    assert action.effect is Effect.REPLACES
    assert action.targets("other") == {"web"}
    assert (await CallAction(partial(soon, suffix="?")).run(make_scene())).message == "web-http?"


async def test_a_callable_object_with_an_async_call_is_awaited() -> None:
    class Healer:
        async def __call__(self) -> Mapping[str, int]:
            return {"healed": 3}

    assert (await CallAction(Healer()).run(make_scene())).evidence == {"healed": 3}


async def test_errors_of_salus_pass_as_they_are() -> None:
    def fails() -> None:
        raise StoreError("the ledger is full")

    with pytest.raises(StoreError, match="the ledger is full"):
        await CallAction(fails).run(make_scene())


async def test_context_variables_reach_the_thread() -> None:
    variable = contextvars.ContextVar("variable", default="lost")
    variable.set("kept")
    assert (await CallAction(variable.get).run(make_scene())).message == "kept"


async def test_a_call_that_hangs_is_left_behind_when_it_is_cancelled_and_the_loop_goes_on() -> None:
    release, entered = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> None:
        loop.call_soon_threadsafe(entered.set)
        release.wait(30)

    task = asyncio.create_task(CallAction(hang).run(make_scene()))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


async def test_calls_that_hang_are_counted_and_too_many_are_refused() -> None:
    release = threading.Event()
    tasks = [
        asyncio.create_task(_threads.in_thread(lambda _: release.wait(30), grace=0))
        for _ in range(_threads._pool.limit)
    ]
    try:
        async with asyncio.timeout(20):
            while _threads._pool.busy < _threads._pool.limit:
                await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(ActionError, match="no thread for it: 16 threads are stuck"):
            await CallAction(lambda: None).run(make_scene())
    finally:
        release.set()
    async with asyncio.timeout(20):
        while _threads._pool.busy:
            await asyncio.sleep(0.001)
    await CallAction(lambda: None).run(make_scene())


async def test_cancelled_work_is_told_to_stop_and_awaited() -> None:
    entered, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(stop: threading.Event) -> None:
        loop.call_soon_threadsafe(entered.set)
        stop.wait(30)
        ended.set()

    task = asyncio.create_task(_threads.in_thread(work))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_a_function_that_raises_is_told_with_its_place_and_the_log_has_the_traceback_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[Exception] = [KeyError("x"), KeyError("y"), ValueError("z")]

    def boom() -> None:
        raise errors.pop(0)

    place = rf"test_call\.py:{boom.__code__.co_firstlineno + 1} in \S+boom"
    caplog.set_level(logging.WARNING, "salus.action")
    for said in ("KeyError: 'x'", "KeyError: 'y'", "ValueError: z"):
        with pytest.raises(ActionError, match=rf"^raised {said} \(\S*{place}\)$"):
            await CallAction(boom).run(make_scene())
    told = [record.getMessage() for record in caplog.records]
    assert [line.partition(" at ")[0].rpartition(".")[2] for line in told] == [
        "boom raised KeyError",
        "boom raised ValueError",
    ]
    assert "raise errors.pop(0)" in caplog.text
