"""Leak by trend: does a number of this process grow, and is that more than noise."""

from __future__ import annotations

from array import array

SAMPLES = 60


class Growth:
    """Keeps at most ``SAMPLES`` samples of one number, spread evenly over a window (a kilobyte).

    Attributes:
        per_hour: growth per hour over the window, once one was seen whole: 0 where it surely neither rises nor falls
            (Mann-Kendall with Theil-Sen's slope, ``salus.trends``); None before.
    """

    __slots__ = ("_at", "_values", "_window", "per_hour")

    def __init__(self, window: float) -> None:
        """Judge over ``window`` seconds."""
        self._window = window
        self._at = array("d")
        self._values = array("d")
        self.per_hour: float | None = None

    def add(self, at: float, value: float) -> None:
        """Take a sample at a monotonic time; one that comes too soon after the last one kept is left out."""
        if self._at and at - self._at[-1] < self._window / SAMPLES:
            return
        self._at.append(at)
        self._values.append(value)
        while len(self._at) > SAMPLES + 1 or self._at[0] < at - 2 * self._window:
            del self._at[0], self._values[0]
        self.per_hour = self._judge()

    def _judge(self) -> float | None:
        from salus.trends import FEWEST_FOR_TREND, trend

        # Looks come a little early or late: a window that lacks a fiftieth was seen whole.
        if len(self._at) < FEWEST_FOR_TREND or self._at[-1] - self._at[0] < 0.98 * self._window:
            return None
        return trend(list(zip(self._at, self._values, strict=True))) * 3600.0
