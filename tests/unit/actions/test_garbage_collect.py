from __future__ import annotations

import weakref

from salus.actions.garbage_collect import GarbageCollect
from tests.unit.actions.scenes import make_scene


class Ring:
    def __init__(self) -> None:
        self.itself = self
        self.ballast = bytearray(1000)


async def test_cyclic_garbage_is_gone_afterwards() -> None:
    ring = Ring()
    watched = weakref.ref(ring)
    del ring
    result = await GarbageCollect().run(make_scene())
    assert watched() is None
    assert isinstance(result.evidence["collected"], int)
    assert result.evidence["collected"] >= 1
    assert isinstance(result.evidence["rss_after_bytes"], int)
    assert result.evidence["rss_after_bytes"] > 1_000_000
    assert result.message.startswith("collected ")


async def test_memory_stays_with_the_allocator_unless_it_is_asked_for() -> None:
    result = await GarbageCollect(trim=False, generation=0).run(make_scene())
    assert result.evidence["trimmed"] is False


def test_a_generation_that_does_not_exist_is_a_problem() -> None:
    assert GarbageCollect(generation=3).problems()[0][0] == "generation"
    assert GarbageCollect(generation=1).problems() == []
