"""Stage: rate. How many notifications a channel may still be sent; what is more waits, or shares one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from salus.model import ChannelSpec

_LONG_AGO = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)


class Rate:
    """The notifications of one channel within its period: never more than its limit in any stretch of that length."""

    def __init__(self, made: Iterable[datetime] = ()) -> None:
        """Begin with those that were made already, oldest first."""
        self._made = deque(made)

    def left(self, spec: ChannelSpec, now: datetime) -> int:
        """Return how many more may be made now."""
        begin = now - timedelta(seconds=spec.rate_period)
        while self._made and self._made[0] <= begin:
            self._made.popleft()
        return max(0, spec.rate_limit - len(self._made))

    @property
    def newest(self) -> datetime:
        """Return when the last one was made; long ago when none was."""
        return self._made[-1] if self._made else _LONG_AGO

    def again(self, spec: ChannelSpec) -> datetime | None:
        """Return from when on one more may be made, where none may be made now."""
        over = len(self._made) - spec.rate_limit
        return self._made[over] + timedelta(seconds=spec.rate_period) if over >= 0 and self._made else None

    def spend(self, now: datetime) -> None:
        """Count one."""
        self._made.append(now)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._made = deque(at + by for at in self._made)
