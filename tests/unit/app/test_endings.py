"""What is ended when an agent stops: in which order, and whatever one of its parts does."""

from __future__ import annotations

import asyncio

import pytest

from salus.app.endings import Endings


def test_the_last_that_began_ends_first_and_each_ends_once() -> None:
    async def story() -> None:
        ended: list[str] = []
        endings = Endings()
        for name in ("lock", "ledger", "doors"):

            async def end(name: str = name) -> None:
                ended.append(name)

            endings.add(name, end)
        await endings.run(1.0)
        await endings.run(1.0)
        assert ended == ["doors", "ledger", "lock"]

    asyncio.run(story())


def test_a_part_that_fails_or_hangs_keeps_none_of_the_others_up(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        ended: list[str] = []

        async def ends() -> None:
            ended.append("lock")

        async def hangs() -> None:
            await asyncio.Event().wait()

        async def fails() -> None:
            raise OSError(28, "No space left on device")

        endings = Endings()
        endings.add("lock", ends)
        endings.add("ledger", hangs)
        endings.add("doors", fails)
        await endings.run(0.01)
        assert ended == ["lock"]

    asyncio.run(story())
    assert [record.getMessage() for record in caplog.records] == [
        "stopping the doors failed",
        "stopping the ledger took too long and was left",
    ]
