"""Looking around before acting: do checks of the same kind on other targets fail at this moment too?

The first check of a storm decides before the others have been looked at. So before anything running is acted on, a few
of its kin are looked at, beside the look that confirms the trouble, and not much longer than that look takes.
"""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Mapping

from salus.engine.dependencies import Dependencies
from salus.engine.prober import Prober
from salus.engine.units import CheckUnit
from salus.model import Limits, Observation
from salus.ports import Clock

MOST = 8
LONGEST = 1.0
SHORTEST = 0.05


class Kin:
    """Finds and looks at checks of the same kind on other targets."""

    def __init__(self, prober: Prober, clock: Clock) -> None:
        """Look through ``prober``."""
        self._prober = prober
        self._clock = clock
        self._kinds: dict[str, list[CheckUnit]] = {}
        self._graph = Dependencies({}, {})

    def resize(self, units: Mapping[str, CheckUnit], graph: Dependencies) -> None:
        """Take a new set of checks, and what hangs on what."""
        self._graph = graph
        self._kinds = {}
        for _, unit in sorted(units.items()):
            self._kinds.setdefault(unit.spec.kind, []).append(unit)

    async def bad_together(self, unit: CheckUnit, limits: Limits, enough: asyncio.Task[list[Observation]]) -> list[str]:
        """Return the targets that are bad together, when the sample says that this is no trouble of one alone.

        Args:
            unit: the check that is about to be healed.
            limits: what makes a storm.
            enough: the look that confirms its trouble.
        """
        kin = self._sample(unit)
        if len(kin) + 1 < limits.storm_min_checks:
            return []
        started = self._clock.monotonic()
        looks = [(other, self._prober.join(other)) for other in kin]
        await asyncio.wait({enough})
        took = self._clock.monotonic() - started
        waiting = {look for _, look in looks if not look.done()}
        if waiting:
            await asyncio.wait(waiting, timeout=min(LONGEST, max(SHORTEST, 2 * took)))
        bad = [other.target for other, look in looks if _turned_bad(look)]
        needed = max(limits.storm_min_checks, math.ceil(limits.storm_brake * (len(kin) + 1)))
        return [unit.target, *bad] if len(bad) + 1 >= needed else []

    def _tied(self, unit: CheckUnit) -> set[str]:
        return {unit.spec.name, *(root.spec.name for root in self._graph.roots(unit)), *self._graph.services(unit)}

    def _sample(self, unit: CheckUnit) -> list[CheckUnit]:
        """Take other targets' checks of the same kind that were well, in an order that is the check's own.

        What hangs together by its dependencies is left out: that they fail together is explained, and looked into.
        """
        tied = self._tied(unit)
        alike = self._kinds.get(unit.spec.kind, [])
        if len(alike) < 2:
            return []
        first = zlib.crc32(unit.spec.name.encode()) % len(alike)
        found: dict[str, CheckUnit] = {}
        for step in range(min(len(alike), 8 * MOST)):
            other = alike[(first + step) % len(alike)]
            usable = other.target != unit.target and not (other.healing or other.resting or other.paused or other.dead)
            if usable and tied.isdisjoint(self._tied(other)) and other.state.settled and other.target not in found:
                found[other.target] = other
            if len(found) == MOST:
                break
        return list(found.values())


def _turned_bad(look: asyncio.Future[Observation]) -> bool:
    return look.done() and not look.cancelled() and look.exception() is None and look.result().status.bad
