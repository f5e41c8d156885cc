"""The rules by which a connection is kept, with one that is made up."""

from __future__ import annotations

import pytest

from salus.checks._kept import Kept
from salus.checks._refusals import hung_up
from salus.httpclient import HttpError
from salus.ports import Look
from tests.looks import look_from, site


class MadeUp:
    """A connection that dies when told to."""

    def __init__(self) -> None:
        self.dead = False
        self.dropped = False

    async def alive(self, look: Look) -> None:
        if self.dead:
            raise hung_up("there:1")

    def drop(self) -> None:
        self.dropped = True

    async def close(self) -> None:
        self.dropped = True


@pytest.fixture
def made() -> list[MadeUp]:
    return []


@pytest.fixture
def kept(made: list[MadeUp]) -> Kept[MadeUp]:
    async def opened(look: Look) -> MadeUp:
        made.append(MadeUp())
        return made[-1]

    return Kept("there:1", opened)


async def test_one_that_died_is_replaced_once_and_that_is_said(kept: Kept[MadeUp], made: list[MadeUp]) -> None:
    for _ in range(3):
        async with kept.line(look_from(site())):
            pass
    made[0].dead = True
    async with kept.line(look_from(site())) as line:
        assert line is made[1]
    assert (len(made), made[0].dropped, made[1].dropped) == (2, True, False)
    assert kept.remark("fine") == "fine; the kept connection was lost (there:1 closed the connection) and replaced"
    assert "connect_seconds" in kept.metrics()


async def test_a_talk_that_fails_takes_its_connection_along(kept: Kept[MadeUp], made: list[MadeUp]) -> None:
    with pytest.raises(HttpError):
        async with kept.line(look_from(site())):
            raise hung_up("there:1")
    assert made[0].dropped
    async with kept.line(look_from(site())) as line:
        assert line is made[1]


async def test_a_look_that_outlives_its_check_keeps_nothing(kept: Kept[MadeUp], made: list[MadeUp]) -> None:
    async with kept.line(look_from(site())):
        await kept.aclose()
    assert made[0].dropped
    async with kept.line(look_from(site())):
        assert not made[1].dropped
    assert made[1].dropped
