"""Waking is what costs: what can be done in one turn is."""

from __future__ import annotations

import pytest

from salus.home import Home
from salus.model import Observation, Status
from salus.ports import Look
from salus.testing import virtual_time
from tests.unit.engine.world import World


class InstantCheck:
    instant = True

    def __init__(self) -> None:
        self.looks: list[float] = []

    async def look(self, look: Look) -> Observation:
        self.looks.append(look.started)
        return look.observe(Status.HEALTHY, "")

    async def aclose(self) -> None:
        """Nothing is open."""


def test_checks_that_are_due_together_wake_salus_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        checks = [InstantCheck() for _ in range(30)]
        for number, check in enumerate(checks):
            world.add(f"check-{number}", check, interval=10.0)
        wake_ups: list[float] = []
        on_timer = world.engine._on_timer

        def count() -> None:
            wake_ups.append(world.clock.monotonic())
            on_timer()

        monkeypatch.setattr(world.engine, "_on_timer", count)
        async with world.running():
            await world.clock.sleep(60.0)
            wake_ups.clear()
            for check in checks:
                check.looks.clear()
            await world.clock.sleep(100.0)
        assert len(wake_ups) == 100
        assert [len(check.looks) for check in checks] == [10] * 30

    with virtual_time() as (runner, clock):
        runner.run(scenario(World(clock, home=Home(beat=1.0))))
