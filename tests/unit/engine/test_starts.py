"""The budget of an hour, when the clock is set and Salus starts again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from salus.engine.starts import Starts
from salus.errors import StoreUnreadableError
from salus.model import Json, Memo
from salus.testing import EPOCH

MINUTE = timedelta(minutes=1)


class Kept:
    """Remembers memos as the ledger does."""

    def __init__(self) -> None:
        self.memos: dict[str, Mapping[str, Json]] = {}

    def __call__(self, memo: Memo) -> None:
        if memo.value is None:
            self.memos.pop(memo.key, None)
        else:
            self.memos[memo.key] = memo.value


def again(kept: Kept, rows: list[int]) -> Starts:
    starts = Starts(kept)
    starts.load(kept.memos)
    starts.remember([EPOCH + row * MINUTE for row in rows])
    return starts


@pytest.mark.parametrize("hours", [1, -2, 5])
def test_what_was_spent_before_the_clock_was_set_stays_spent_also_after_a_restart(hours: int) -> None:
    kept, by = Kept(), timedelta(hours=hours)
    starts = again(kept, [0, 10])
    starts.shift(by)
    starts.add(EPOCH + by + 20 * MINUTE)
    expected = tuple(EPOCH + by + minute * MINUTE for minute in (0, 10, 20))
    assert starts.within(EPOCH + by + 30 * MINUTE) == expected
    in_the_ledger = [row for row in (0, 10) if hours < 0] + [20 + 60 * hours]  # what lies over an hour back is not read
    assert again(kept, in_the_ledger).within(EPOCH + by + 30 * MINUTE) == expected
    assert again(kept, in_the_ledger).within(EPOCH + by + 65 * MINUTE) == expected[1:]


def test_a_clock_that_is_set_twice_counts_no_start_twice() -> None:
    kept = Kept()
    starts = again(kept, [0])
    starts.shift(timedelta(hours=-2))
    starts = again(kept, [0])
    starts.shift(timedelta(hours=3))
    now = EPOCH + timedelta(hours=1) + 30 * MINUTE
    assert again(kept, [0]).within(now) == starts.within(now) == (EPOCH + timedelta(hours=1),)


def test_a_start_that_is_given_back_is_found_by_its_row_though_the_clock_was_set() -> None:
    starts = again(Kept(), [0, 0])
    starts.shift(timedelta(hours=1))
    starts.give_back(EPOCH)
    starts.give_back(EPOCH + MINUTE)
    assert starts.within(EPOCH + timedelta(hours=1)) == (EPOCH + timedelta(hours=1),)


def test_what_cannot_be_understood_is_an_unreadable_budget() -> None:
    with pytest.raises(StoreUnreadableError, match="starts:hour"):
        Starts(Kept()).load({"starts:hour": {"pairs": "many"}})
