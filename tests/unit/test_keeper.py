"""A keeper's one thread: what is kept there stays there, and whoever gives up leaves it to its call."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from salus.errors import CheckBrokenError
from salus.threads import Keeper


async def until(keeper: Keeper, *, busy: bool) -> None:
    while keeper.busy is not busy:
        await asyncio.sleep(0.001)


async def test_every_call_runs_in_the_same_thread() -> None:
    keeper = Keeper("kept")
    seen = {await keeper.run(threading.get_ident) for _ in range(3)}
    assert len(seen) == 1
    assert seen != {threading.get_ident()}
    keeper.stop()


async def test_what_a_call_raises_is_raised_where_it_is_awaited() -> None:
    keeper = Keeper()

    def fail() -> None:
        raise KeyError("what")

    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(KeyError):
        await keeper.run(fail)
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await keeper.run(leave)
    assert await keeper.run(lambda: 7) == 7
    keeper.stop()


async def test_a_call_that_nobody_waits_for_any_more_keeps_the_thread_until_it_ends() -> None:
    keeper, may_end = Keeper(), threading.Event()
    call = asyncio.create_task(keeper.run(may_end.wait))
    await until(keeper, busy=True)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(CheckBrokenError, match="the call before has not come back yet"):
        await keeper.run(lambda: 7)
    may_end.set()
    await until(keeper, busy=False)
    assert await keeper.run(lambda: 7) == 7
    keeper.stop()


async def test_its_last_words_are_said_in_its_thread_and_then_it_ends() -> None:
    keeper, said = Keeper("last words"), list[str]()
    await keeper.run(lambda: None)
    (thread,) = (one for one in threading.enumerate() if one.name == "last words")
    keeper.stop(lambda: said.append(threading.current_thread().name))
    await asyncio.to_thread(thread.join, 5)
    assert said == ["last words"]
    assert not thread.is_alive()


def test_one_that_was_never_asked_has_no_thread() -> None:
    keeper = Keeper()
    keeper.stop(lambda: pytest.fail("nothing was kept"))
    assert not keeper.busy


FORKED = """\
import asyncio, os
from salus.threads import Keeper

keeper = Keeper()
asyncio.run(keeper.run(lambda: None))
if (child := os.fork()) == 0:
    os._exit(asyncio.run(keeper.run(lambda: 7)))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), asyncio.run(keeper.run(lambda: 8)))
"""


def test_in_a_child_made_by_a_fork_it_has_a_thread_of_its_own() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert told.stdout == "7 8\n"
