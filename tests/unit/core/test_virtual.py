"""Virtual time jumps from timer to timer, however late it is."""

from __future__ import annotations

import asyncio
import threading

import pytest

from salus.threads import Threads
from salus.virtual import VirtualClock, virtual_time

A_FLOAT_LATER_THAN_ANY_NANOSECOND = 2.0**24


async def _ticks(start: float) -> list[float]:
    """Sleep until ``start``, then nine times a third of a second."""
    loop = asyncio.get_running_loop()
    seen: list[float] = []
    over = loop.create_future()

    def tick() -> None:
        seen.append(loop.time())
        if len(seen) == 10:
            over.set_result(None)
        else:
            loop.call_at(seen[-1] + 1 / 3, tick)

    loop.call_at(start, tick)
    await over
    return seen


@pytest.mark.parametrize("start", [0.0, 1.0, A_FLOAT_LATER_THAN_ANY_NANOSECOND, 365 * 86400.0, 100 * 365.25 * 86400.0])
def test_a_timer_fires_at_its_moment_after_a_second_and_after_a_hundred_years(start: float) -> None:
    with virtual_time() as (runner, _clock):
        seen = runner.run(_ticks(start))
    assert seen == pytest.approx([start + place / 3 for place in range(10)], abs=1e-5)


def test_a_call_that_is_awaited_in_a_thread_takes_no_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salus.virtual.PATIENCE", 30.0)  # the machine may be busy
    threads, gate = Threads(4), threading.Event()

    async def scenario(clock: VirtualClock) -> float:
        asyncio.get_running_loop().call_later(5.0, gate.set)  # were virtual time to go on, it would be over at once
        assert await threads.run(gate.wait, 0.1) is False
        return clock.monotonic()

    with virtual_time() as (runner, clock):
        assert runner.run(scenario(clock)) == 0.0


def test_a_call_that_hangs_does_not_hold_up_virtual_time_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salus.virtual.PATIENCE", 0.05)
    threads, gate = Threads(4), threading.Event()

    async def scenario(clock: VirtualClock) -> float:
        hanging = asyncio.ensure_future(threads.run(gate.wait, 30.0))
        for _ in range(1000):
            await clock.sleep(3600.0)
        gate.set()
        assert await hanging is True
        return clock.monotonic()

    with virtual_time() as (runner, clock):
        assert runner.run(scenario(clock)) == pytest.approx(3_600_000.0)
