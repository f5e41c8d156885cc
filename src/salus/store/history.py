"""What is read of the long past: pure SQL on a given connection. Loaded when somebody asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from salus.model.history import Point
from salus.ports.store import Spent
from salus.store.codec import from_micros, to_micros
from salus.store.history_rows import DAYS, HOUR, NUMBER, RANK, RANKS, reading_rows

_EVER = datetime(9000, 1, 1, tzinfo=UTC)
_NEWEST_LOOKS = 50  # of a check: which numbers it sees is told from them

_OF_ALL = f"SELECT {DAYS} FROM days WHERE day >= ? ORDER BY check_name, day"  # noqa: S608
# Day after day, each found by its key: the rows of one check lie far apart.
_SPAN = (
    "WITH RECURSIVE span (n) AS (SELECT :first WHERE :first <= :last UNION ALL SELECT n + 1 FROM span WHERE n < :last)"
)
_OF_ONE = f"""{_SPAN} SELECT {DAYS} FROM span CROSS JOIN days ON day = n WHERE check_name = :check"""  # noqa: S608
_ENDS = "SELECT (SELECT min(day) FROM days), (SELECT max(day) FROM days)"
_HOUR_ENDS = "SELECT (SELECT min(hour) FROM hours), (SELECT max(hour) FROM hours)"
_WHOLE = """SELECT day, '', sum(healthy), sum(degraded), sum(unhealthy), sum(unknown), sum(looks), max(until), ''
    FROM days WHERE day >= ? GROUP BY day ORDER BY day"""
_LAST = f"o.at * {len(RANKS)} + {RANK}"  # the greatest of them is that of the last look, and holds its verdict
_BUCKET = "(({at}) - :since) * :points / (:until - :since)"
_DURATIONS = f"""SELECT {_BUCKET.format(at="o.at")}, min(o.at), count(*), min(o.duration), avg(o.duration),
    max(o.duration), max({RANK}), 'seconds', max({_LAST}) FROM observations o
    WHERE o.check_name = :check AND o.at >= :since AND o.at < :until AND o.duration IS NOT NULL GROUP BY 1"""  # noqa: S608
_VALUE = "json_extract(j.value, '$[0]')"
_NUMBERS = f"""SELECT {_BUCKET.format(at="o.at")}, min(o.at), count(*), min({_VALUE}), avg({_VALUE}), max({_VALUE}),
    max({RANK}), max(json_extract(j.value, '$[1]')), max({_LAST}) FROM observations o, json_each(o.metrics) j
    WHERE o.check_name = :check AND o.at >= :since AND o.at < :until AND o.metrics IS NOT NULL
    AND j.key = :metric AND {NUMBER} GROUP BY 1"""  # noqa: S608 - names of ours
_HOURS = f"""{_SPAN} SELECT max(0, {_BUCKET.format(at=f"h.hour * {HOUR}")}), min(h.hour) * {HOUR}, sum(h.looks),
    min(h.low), sum(h.sum) / sum(h.looks), max(h.high), max(h.worst), max(h.unit), NULL
    FROM span CROSS JOIN hours h ON h.hour = n WHERE h.check_name = :check AND h.metric = :metric GROUP BY 1"""  # noqa: S608
_NAMES_OF_LOOKS = f"""SELECT DISTINCT j.key FROM (SELECT metrics FROM observations WHERE check_name = :check
    AND at >= :since AND metrics IS NOT NULL ORDER BY at DESC LIMIT {_NEWEST_LOOKS}) o, json_each(o.metrics) j
    WHERE {NUMBER}"""  # noqa: S608 - names of ours
_NAMES_OF_HOURS = f"""{_SPAN} SELECT DISTINCT h.metric FROM span CROSS JOIN hours h ON h.hour = n
    WHERE h.check_name = :check"""  # noqa: S608 - names of ours
# ── days ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def days(path: Path, db: sqlite3.Connection, checks: Collection[str] | None, since: int) -> list[Spent]:
    """Return the rows of checks from a day on, by check, the oldest first."""
    with reading_rows(path):
        if checks is None:
            return [Spent._make(row) for row in db.execute(_OF_ALL, (since,))]
        first, last = db.execute(_ENDS).fetchone()
        if first is None or last < since:
            return []
        span = {"first": max(first, since), "last": last}
        return [Spent._make(row) for name in sorted(checks) for row in db.execute(_OF_ONE, {**span, "check": name})]


def whole_days(path: Path, db: sqlite3.Connection, since: int) -> list[Spent]:
    """Return what all checks spent together, by day."""
    with reading_rows(path):
        return [Spent._make(row) for row in db.execute(_WHOLE, (since,))]


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Wanted(NamedTuple):
    """Which number over which time, in how many points at most; from the hours, or from the looks."""

    check: str
    metric: str
    since: datetime
    until: datetime
    points: int
    hours: bool


def numbers(path: Path, db: sqlite3.Connection, wanted: Wanted) -> tuple[str, list[Point]]:
    """Return the unit and the points of a number."""
    begin, end = to_micros(wanted.since), to_micros(wanted.until)
    if end <= begin or wanted.points < 1:
        return "", []
    values: dict[str, Any] = {"check": wanted.check, "metric": wanted.metric, "points": wanted.points}
    values |= {"since": begin, "until": end}
    sql = _HOURS if wanted.hours else _DURATIONS if wanted.metric == "duration" else _NUMBERS
    with reading_rows(path):
        if wanted.hours:
            values |= _span(db, begin // HOUR, (end - 1) // HOUR)
        found = db.execute(sql, values).fetchall()
    unit = next((row[7] for row in reversed(found) if row[7]), "")
    return unit, [
        Point(
            at=from_micros(at),
            looks=looks,
            low=low,
            mean=mean,
            high=high,
            status=RANKS[worst],
            left=None if last is None else RANKS[last % len(RANKS)],
        )
        for _, at, looks, low, mean, high, worst, _, last in found
    ]


def _span(db: sqlite3.Connection, first: int, last: int) -> dict[str, int]:
    """Return the hours between two that there may be rows of."""
    oldest, newest = db.execute(_HOUR_ENDS).fetchone()
    return {"first": max(first, oldest or 0), "last": min(last, newest or 0)}


def metrics(path: Path, db: sqlite3.Connection, check: str, since: datetime) -> list[str]:
    """Return the names of the numbers that looks at a check saw, in order."""
    begin = to_micros(since)
    with reading_rows(path):
        names = {name for (name,) in db.execute(_NAMES_OF_LOOKS, {"check": check, "since": begin})}
        span = _span(db, begin // HOUR, to_micros(_EVER) // HOUR)
        names |= {name for (name,) in db.execute(_NAMES_OF_HOURS, {**span, "check": check})}
    return sorted(names)
