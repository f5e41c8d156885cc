"""What is dear to find out is found out once in a while, however many ask."""

from __future__ import annotations

from datetime import timedelta

import pytest

from salus.errors import StoreUnreadableError
from salus.surfaces.dashboard.kept import MOST, Kept, Reads
from tests.fake_agent import FixedClock


class Ledger:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.read = 0
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.read += 1
        if self.error:
            raise self.error
        return self.read


async def test_an_answer_is_kept_for_its_time_and_then_found_anew() -> None:
    clock, ledger = FixedClock(), Ledger()
    kept: Kept[int] = Kept(clock, 10)
    assert [await kept.get("a", ledger) for _ in range(5)] == [1, 1, 1, 1, 1]
    clock.at += timedelta(seconds=10)
    assert await kept.get("a", ledger) == 2


async def test_the_answers_least_used_are_forgotten_first() -> None:
    clock, ledger = FixedClock(), Ledger()
    kept: Kept[int] = Kept(clock, 10, most=2)
    for key in ("a", "b", "a", "c"):
        await kept.get(key, ledger)
    assert await kept.get("a", ledger) == 1
    assert await kept.get("b", ledger) == 4


async def test_what_went_wrong_is_not_kept() -> None:
    clock, ledger = FixedClock(), Ledger()
    kept: Kept[int] = Kept(clock, 10)
    ledger.error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await kept.get("a", ledger)
    ledger.error = None
    assert await kept.get("a", ledger) == 2


class Torn:
    """A ledger that can be torn."""

    def __init__(self) -> None:
        self.count = 0
        self.torn = False

    async def __call__(self) -> tuple[str, ...]:
        self.count += 1
        if self.torn:
            raise StoreUnreadableError("torn")
        return ("read",)


async def test_a_read_is_told_again_until_it_is_old_or_something_has_happened() -> None:
    clock, ledger = FixedClock(), Torn()
    kept: Reads[tuple[str, ...]] = Reads(clock, 10, ())
    first = await kept.get("a", 1, ledger)
    assert first.value == ("read",)
    await clock.sleep(9)
    assert await kept.get("a", 1, ledger) is first
    assert ledger.count == 1
    await kept.get("a", 2, ledger)
    assert ledger.count == 2
    await clock.sleep(11)
    assert await kept.get("a", 2, ledger) is first  # read anew, and equal: the same object, so nothing is written anew
    assert ledger.count == 3


async def test_what_cannot_be_read_is_nothing_with_its_reason() -> None:
    ledger = Torn()
    ledger.torn = True
    found = await Reads[tuple[str, ...]](FixedClock(), 10, ()).get("a", 1, ledger)
    assert (found.value, found.trouble) == ((), "torn")


async def test_only_so_many_are_kept() -> None:
    ledger = Torn()
    kept: Reads[tuple[str, ...]] = Reads(FixedClock(), 10, ())
    for key in range(MOST + 1):
        await kept.get(key, 0, ledger)
    await kept.get(0, 0, ledger)
    assert ledger.count == MOST + 2
