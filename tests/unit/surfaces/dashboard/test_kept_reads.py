"""What was read from the ledger, and is told again."""

from __future__ import annotations

from salus.errors import StoreUnreadableError
from salus.surfaces.dashboard.views.kept import MOST, Kept
from tests.fake_agent import FixedClock


class Reads:
    def __init__(self) -> None:
        self.count = 0
        self.torn = False

    async def __call__(self) -> tuple[str, ...]:
        self.count += 1
        if self.torn:
            raise StoreUnreadableError("torn")
        return ("read",)


async def test_a_read_is_told_again_until_it_is_old_or_something_has_happened() -> None:
    clock, reads = FixedClock(), Reads()
    kept: Kept[tuple[str, ...]] = Kept(clock, 10, ())
    first = await kept.get("a", 1, reads)
    assert first.value == ("read",)
    await clock.sleep(9)
    assert await kept.get("a", 1, reads) is first
    assert reads.count == 1
    await kept.get("a", 2, reads)
    assert reads.count == 2
    await clock.sleep(11)
    assert await kept.get("a", 2, reads) is first  # read anew, and equal: the same object, so nothing is written anew
    assert reads.count == 3


async def test_what_cannot_be_read_is_nothing_with_its_reason() -> None:
    reads = Reads()
    reads.torn = True
    found = await Kept[tuple[str, ...]](FixedClock(), 10, ()).get("a", 1, reads)
    assert (found.value, found.trouble) == ((), "torn")


async def test_only_so_many_are_kept() -> None:
    reads = Reads()
    kept: Kept[tuple[str, ...]] = Kept(FixedClock(), 10, ())
    for key in range(MOST + 1):
        await kept.get(key, 0, reads)
    await kept.get(0, 0, reads)
    assert reads.count == MOST + 2
