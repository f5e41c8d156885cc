"""What was observed of late, as far as conditions ask for it. Bounded, whatever the pace of the check."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from salus.model import Observation

# Looks that are quicker than a window over this are thinned out evenly.
MOST_SAMPLES = 240


class Window(NamedTuple):
    """A stretch of time for which somebody asks what one metric of one check was.

    Attributes:
        check: its name.
        metric: the metric.
        seconds: how far back.
    """

    check: str
    metric: str
    seconds: float


class History:
    """Remembers the metrics of checks for the windows that conditions ask for, and nothing else."""

    def __init__(self, windows: Iterable[Window] = ()) -> None:
        """Make room for some windows, all empty."""
        self._rings: dict[Window, _Ring] = {}
        self._by_check: dict[str, list[tuple[str, _Ring]]] = {}
        for window in dict.fromkeys(windows):
            ring = self._rings[window] = _Ring(window.seconds)
            self._by_check.setdefault(window.check, []).append((window.metric, ring))

    def add(self, check: str, observation: Observation, at: float) -> None:
        """Remember a look. Costs one dictionary look-up where nobody asks for the check.

        Args:
            check: what was looked at.
            observation: what was seen; metrics that are not finite are left out.
            at: monotonic seconds, not before those of the look added last.
        """
        for metric, ring in self._by_check.get(check, ()):
            seen = observation.metrics.get(metric)
            if seen is not None and math.isfinite(seen.value):
                ring.add(at, float(seen.value))

    def clear(self, check: str) -> None:
        """Forget what was seen of a check: its target is a new one, and begins with a clean sheet."""
        for _, ring in self._by_check.get(check, ()):
            ring.clear()

    def adopt(self, other: History) -> None:
        """Take over what another history remembers of the windows of this one (after the config was read again)."""
        for window, ring in self._rings.items():
            if known := other._rings.get(window):
                ring.take(known)

    def samples(self, window: Window) -> tuple[tuple[float, float], ...]:
        """Return ``(monotonic seconds, value)``, oldest first; the first may stand just before the window's beginning.

        It is kept to show that the window was covered from end to end.
        """
        ring = self._rings.get(window)
        return tuple(ring.samples) if ring else ()


class _Ring:
    """The samples of one window: at least ``seconds / MOST_SAMPLES`` apart, but for the newest."""

    __slots__ = ("_apart", "_seconds", "samples")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # A look that comes a little early is none too many.
        self._apart = seconds / MOST_SAMPLES * 0.99
        self.samples: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES + 5)

    def add(self, at: float, value: float) -> None:
        samples = self.samples
        if samples and samples[-1][0] >= at:
            samples.pop()
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < self._apart:
            samples.pop()  # the newest stands in until the next is due
        samples.append((at, value))
        begin = at - self._seconds
        while len(samples) > 1 and samples[1][0] <= begin:
            samples.popleft()

    def clear(self) -> None:
        self.samples.clear()

    def take(self, other: _Ring) -> None:
        self.samples = other.samples
