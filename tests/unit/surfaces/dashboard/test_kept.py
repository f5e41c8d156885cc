"""What is dear to find out is found out once in a while, however many ask."""

from __future__ import annotations

from datetime import timedelta

import pytest

from salus.surfaces.dashboard.kept import Kept
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
