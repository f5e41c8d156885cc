"""Coroutine functions of an application run on its loop, whatever they raise and whatever becomes of the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from salus.errors import CheckBrokenError
from salus.home import Home


@pytest.fixture
def application() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def at(loop: asyncio.AbstractEventLoop | None) -> Home:
    home = Home()
    home.loop = loop
    return home


async def leave() -> None:
    raise SystemExit(3)


async def give_up() -> None:
    raise asyncio.CancelledError


async def interrupt() -> None:
    raise KeyboardInterrupt


async def name_of_thread() -> str:
    return threading.current_thread().name


async def test_what_calls_exit_ends_neither_loop(application: asyncio.AbstractEventLoop) -> None:
    for home in (at(None), at(application)):
        with pytest.raises(RuntimeError, match="SystemExit: 3"):
            await home.run(leave)
        assert await home.run(name_of_thread)
    with pytest.raises(RuntimeError, match="KeyboardInterrupt"):
        await at(None).run(interrupt)


async def test_what_the_application_cancels_is_no_cancellation_of_whoever_asked(
    application: asyncio.AbstractEventLoop,
) -> None:
    with pytest.raises(CheckBrokenError, match="cancelled on the application's event loop"):
        await at(application).run(give_up)


async def test_who_asked_is_cancelled_and_so_is_what_runs_there(application: asyncio.AbstractEventLoop) -> None:
    began, ended = threading.Event(), threading.Event()

    async def hang() -> None:
        began.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    task = asyncio.ensure_future(at(application).run(hang))
    assert await asyncio.to_thread(began.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 5)


async def test_a_loop_that_has_ended_is_told() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(CheckBrokenError, match="event loop has ended"):
        await at(loop).run(name_of_thread)
