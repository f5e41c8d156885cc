"""How many wrong credentials are answered at once, from one address and from all together.

Whoever has the right one always gets in: guessing 256 random bits is hopeless at any rate, and an address may be that
of a proxy with everybody behind it. What is bounded is the noise: the rows of the audit, and the work of refusing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from salus.ports import Clock

BURST = 10.0
PER_SECOND = 1 / 6
OVERALL_BURST = 100.0
OVERALL_PER_SECOND = 2.0
MOST_ADDRESSES = 1024


@dataclass(slots=True)
class Bucket:
    """Lets ``burst`` go at once, and ``rate`` a second after that."""

    burst: float
    rate: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Take one; returns 0, or in how many seconds there would be one."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0


class Throttle:
    """Counts what was wrong."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing wrong."""
        self._clock = clock
        self._overall = Bucket(OVERALL_BURST, OVERALL_PER_SECOND, OVERALL_BURST, clock.monotonic())
        self._addresses: OrderedDict[str, Bucket] = OrderedDict()

    def wrong(self, address: str) -> float:
        """Note wrong credentials; returns how many seconds to come later, 0 where that is not asked."""
        now = self._clock.monotonic()
        bucket = self._addresses.get(address)
        if bucket is None:
            bucket = self._addresses[address] = Bucket(BURST, PER_SECOND, BURST, now)
            if len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)
        self._addresses.move_to_end(address)
        return bucket.wait(now) or self._overall.wait(now)
