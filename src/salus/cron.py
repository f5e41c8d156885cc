"""When a cron expression in a time zone comes round. Pure: the instant is an argument.

The matching is done by ``cronsim`` on plain wall-clock times; what the odd hours of a zone mean is decided here, as
Debian's cron does:

1. An expression with a fixed minute and hour comes once for each wall-clock time it names: where a change of the clock
   skips that time, at the moment of the change; where it repeats the time, the first time.
2. One whose minute or hour begins with ``*`` follows the clock on the wall: what is skipped does not come, what is
   repeated comes twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
# No zone moves its clock further than this at once, but for the few that crossed the date line: those skip a day.
_NEAR = timedelta(hours=4)
_FIELDS = 5
_LONGEST = 100
# Wall-clock times without a zone have room at both ends for every offset and for a search of fifty years.
_EARLIEST, _LATEST = datetime(100, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)


class Cron:
    """A cron expression in a time zone."""

    def __init__(self, expression: str, time_zone: str = "UTC") -> None:
        """Read the expression and find the zone.

        Args:
            expression: five fields, ``minute hour day month weekday``.
            time_zone: IANA name.

        Raises:
            ValueError: the expression is not understood, or it never comes.
            LookupError: there is no such zone.
        """
        fields = expression.split()
        if len(fields) != _FIELDS:
            raise ValueError(f"a cron expression has {_FIELDS} fields, not {len(fields)}")
        if len(expression) > _LONGEST:
            raise ValueError(f"a cron expression has at most {_LONGEST} characters")
        self._expression = expression
        self._zone = zone(time_zone)
        self._fixed = not fields[0].startswith("*") and not fields[1].startswith("*")
        if next(self._walk(datetime(2000, 1, 1)), None) is None:  # noqa: DTZ001  wall-clock time, see above
            raise ValueError(f"{expression!r} never comes")

    def latest(self, at: datetime) -> datetime | None:
        """Return when it last came at or before ``at`` (aware), in UTC; None when it did not in fifty years."""
        at = self._within(at)
        local, before = at.astimezone(self._zone), (at - _NEAR).astimezone(self._zone)
        # After the clock was put back, a time further ahead on the wall has been already.
        back = max(timedelta(), _offset(before) - _offset(local))
        wall = local.replace(tzinfo=None, fold=0)
        found: datetime | None = None
        for match in self._walk(wall.replace(microsecond=0) + back + _SECOND, reverse=True):
            if found is not None and match < wall - back:
                break
            past = [one for one in self._instants(match) if one <= at]
            found = max([*past, *([found] if found else [])], default=None)
            if found is not None and not back:
                break
        return found

    def first(self, at: datetime) -> datetime | None:
        """Return when it first comes at or after ``at`` (aware), in UTC; None when it does not in fifty years."""
        at = self._within(at)
        local = at.astimezone(self._zone)
        before, after = (at - _NEAR).astimezone(self._zone), (at + _NEAR).astimezone(self._zone)
        # Before the clock is put back, a time that is past on the wall may come again; and what a change of the clock
        # has just skipped comes now.
        back = max(timedelta(), _offset(local) - _offset(after), _offset(local) - _offset(before))
        wall = local.replace(tzinfo=None, fold=0)
        found: datetime | None = None
        for match in self._walk(wall.replace(microsecond=0) - back - _SECOND):
            if found is not None and match > wall + back:
                break
            coming = [one for one in self._instants(match) if one >= at]
            found = min([*coming, *([found] if found else [])], default=None)
            if found is not None and not back:
                break
        return found

    @staticmethod
    def _within(at: datetime) -> datetime:
        return min(max(at, _EARLIEST), _LATEST)

    def _walk(self, wall: datetime, *, reverse: bool = False) -> Iterator[datetime]:
        """Yield the wall-clock times after (or before) one."""
        from cronsim import CronSim, CronSimError

        try:
            yield from CronSim(self._expression, wall, reverse)
        except CronSimError as error:
            raise ValueError(f"{self._expression!r} is not a cron expression: {str(error).lower()}") from None

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """Return when a wall-clock time comes: once, twice, or not at all."""
        once = wall.replace(tzinfo=self._zone)
        if _skipped(once):
            if not self._fixed:
                return ()
            while _skipped(once):
                once += _MINUTE
        first = once.astimezone(UTC)
        second = once.replace(fold=1).astimezone(UTC)
        return (first,) if self._fixed or second <= first else (first, second)


def zone(name: str) -> tzinfo:
    """Find a time zone by its IANA name.

    Raises:
        LookupError: there is no such zone.
    """
    if name == "UTC":  # also where no database of time zones is installed
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise LookupError(f"there is no time zone {name!r}") from error


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta()


def _skipped(local: datetime) -> bool:
    """Tell whether a change of the clock skips this time."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None)
