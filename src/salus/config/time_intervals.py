"""Times as Alertmanager's users write them: ``monday:friday``, ``09:00-17:00``, ``-3:-1`` -> the nouns of the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from salus.config.alert_shapes import ClockShape, TimeIntervalShape, TimeRangeShape
from salus.config.convert import Converter
from salus.config.leaves import Refused, shown
from salus.config.rules import known_zones
from salus.config.sources import Keys, did_you_mean, known_words
from salus.cron import zone
from salus.model import TimeInterval, TimeRange

Pair: TypeAlias = "tuple[int, int]"
Entry: TypeAlias = "int | str | ClockShape"
Read: TypeAlias = "Callable[[Any], list[Pair]]"

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,4}", re.ASCII)
_DAY = 24 * 60
_LAST_DAY = 31
_LAST_YEAR = 9999


def interval(name: str, shape: TimeIntervalShape, convert: Converter, path: Keys) -> TimeInterval:
    """Make an interval of what a config says; what is wrong with it is noted.

    Args:
        name: its name.
        shape: as read.
        convert: keeps the problems.
        path: where it stands.
    """
    try:
        zone(shape.time_zone)
    except LookupError as error:
        convert.note((*path, "time_zone"), str(error), known_zones(shape.time_zone))
    ranges = [_range(one, convert, (*path, "ranges", index)) for index, one in enumerate(shape.ranges)]
    return TimeInterval(name=name, ranges=tuple(ranges), time_zone=shape.time_zone)


def _range(shape: TimeRangeShape, convert: Converter, path: Keys) -> TimeRange:
    given: tuple[tuple[str, Sequence[Entry] | None, Read], ...] = (
        ("times", shape.times, times),
        ("weekdays", shape.weekdays, weekdays),
        ("days_of_month", shape.days_of_month, days_of_month),
        ("months", shape.months, months),
        ("years", shape.years, years),
    )
    if all(entries is None for _, entries, _ in given):
        convert.note(
            path, "nothing is said here, so it would always hold", "say when, such as weekdays: [monday:friday]"
        )
    pairs: dict[str, tuple[Pair, ...]] = {}
    for key, entries, read in given:
        if entries is not None and not entries:
            convert.note((*path, key), "there is nothing in the list", f"name some, or leave {key} out")
        pairs[key.partition("_of_")[0]] = tuple(_pairs(entries or (), read, convert, (*path, key)))
    return TimeRange(**pairs)


def _pairs(entries: Iterable[Entry], read: Read, convert: Converter, path: Keys) -> Iterable[Pair]:
    for index, entry in enumerate(entries):
        try:
            yield from read(entry)
        except Refused as refused:
            convert.note((*path, index), refused.what, refused.remedy)


def times(entry: str | ClockShape) -> list[Pair]:
    """Read ``09:00-17:00``, or the same in Alertmanager's words, as minutes since midnight.

    Raises:
        Refused: it is no such thing.
    """
    if isinstance(entry, ClockShape):
        entry = f"{entry.start_time}-{entry.end_time}"
    first, dash, last = entry.partition("-")
    if not dash:
        raise Refused(f"{shown(entry)} is not a range of times", 'write it like "09:00-17:00"')
    begin, end = _minutes(first), _minutes(last)
    if begin == _DAY:
        raise Refused(
            f"{shown(entry)} begins at the end of the day", "24:00 can only be an end; the day begins at 00:00"
        )
    if begin == end:
        raise Refused(f"{shown(entry)} holds no time: it ends as it begins", 'write it like "09:00-17:00"')
    if begin > end:
        text = f'write both parts: "{_written(begin)}-24:00", "00:00-{_written(end)}"'
        raise Refused(f"{shown(entry)} ends before it begins", text if end else f'write "{_written(begin)}-24:00"')
    return [(begin, end)]


def _minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text.strip())
    hours, minutes = (int(match[1]), int(match[2])) if match else (_DAY, 0)
    if minutes >= 60 or hours * 60 + minutes > _DAY:
        raise Refused(f"{shown(text.strip())} is not a time of day", "write it like 09:00, from 00:00 to 24:00")
    return hours * 60 + minutes


def _written(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def weekdays(entry: int | str) -> list[Pair]:
    """Read ``saturday`` or ``monday:friday``, Monday being 0; ``friday:monday`` goes over the end of the week.

    Raises:
        Refused: it is no such thing.
    """
    begin, end = _ends(entry, lambda text: _named(text, WEEKDAYS, "day of the week"))
    return _round(begin, end, 0, len(WEEKDAYS) - 1)


def months(entry: int | str) -> list[Pair]:
    """Read ``12``, ``december`` or ``january:march``, January being 1; ``november:february`` goes over New Year.

    Raises:
        Refused: it is no such thing.
    """
    begin, end = _ends(entry, _month)
    return _round(begin, end, 1, len(MONTHS))


def _month(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        return _named(text, MONTHS, "month") + 1
    if not 1 <= int(text) <= len(MONTHS):
        raise Refused(f"there is no month {text}", "write 1 to 12, or a name")
    return int(text)


def days_of_month(entry: int | str) -> list[Pair]:
    """Read ``1``, ``1:5`` or ``-3:-1``; negative days count from the end of the month.

    Raises:
        Refused: it is no such thing.
    """
    begin, end = _ends(entry, _day)
    if begin < 0 < end:
        what = f"{shown(entry)} begins at the end of the month and ends at its beginning"
        raise Refused(what, f'write both parts: "{begin}:-1", "1:{end}"')
    if begin > end and (begin < 0) == (end < 0):
        raise Refused(f"{shown(entry)} ends before it begins", f'write "{end}:{begin}"')
    return [(begin, end)]


def _day(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Refused(
            f"{shown(text)} is not a day of the month", "write 1 to 31, or -1 to -31 from the end of the month"
        )
    if not 1 <= abs(int(text)) <= _LAST_DAY:
        raise Refused(f"no month has a day {text}", "write 1 to 31, or -1 to -31 from the end of the month")
    return int(text)


def years(entry: int | str) -> list[Pair]:
    """Read ``2026`` or ``2026:2027``.

    Raises:
        Refused: it is no such thing.
    """
    begin, end = _ends(entry, _year)
    if begin > end:
        raise Refused(f"{shown(entry)} ends before it begins", f'write "{end}:{begin}"')
    return [(begin, end)]


def _year(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= _LAST_YEAR:
        raise Refused(f"{shown(text)} is not a year", "write it like 2026")
    return int(text)


def _ends(entry: int | str, read: Callable[[str], int]) -> Pair:
    first, colon, last = str(entry).partition(":")
    begin = read(first.strip())
    return begin, read(last.strip()) if colon else begin


def _named(text: str, names: Sequence[str], noun: str) -> int:
    if text.lower() not in names:
        raise Refused(f"there is no {noun} {shown(text)}", did_you_mean(text, names) or known_words(names))
    return names.index(text.lower())


def _round(begin: int, end: int, first: int, last: int) -> list[Pair]:
    """Return a range, in two parts where it goes over the end of a week or a year."""
    return [(begin, end)] if begin <= end else [(begin, last), (first, end)]
