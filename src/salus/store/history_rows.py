"""Days and hours as statements: what is written of the long past, and how looks become hours.

Looks are put into their hours by SQLite itself, some at a time and each once: the id of the last one stands in a memo
that is written in the same transaction. So nothing of a number is kept in memory, and nothing is lost by a kill.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from salus.model import EventKind, Status
from salus.ports.store import Spent
from salus.store.codec import load_memo, text, to_micros
from salus.store.faults import reading

HOUR = 3_600_000_000
DAY = 24 * HOUR
_MOST_CHANGES = 10_000
LOOKS_AT_ONCE = 250  # what is put into hours in one transaction: a few milliseconds of the writing thread
NUMBERS = 16  # of one check and hour at most; of a look that sees more the first in the alphabet count
NAME_LENGTH = 200
HOURS_KEPT = 31 * 24 + 1
CURSOR = "hours"  # the memo

RANKS = (Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED, Status.UNHEALTHY)
"""Verdicts from the best to the worst; ``hours.worst`` is a place in it."""

DAYS = "day, check_name, healthy, degraded, unhealthy, unknown, looks, until, status"
_TIMES = ("healthy", "degraded", "unhealthy", "unknown", "looks")
_MORE = ", ".join(f"{name} = {name} + excluded.{name}" for name in _TIMES)
PUT_DAY = f"""INSERT INTO days ({DAYS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (day, check_name) DO UPDATE SET {_MORE}, until = max(until, excluded.until),
    status = CASE WHEN excluded.until >= until THEN excluded.status ELSE status END"""  # noqa: S608 - names of ours
PRUNE_DAYS = """DELETE FROM days WHERE (day, check_name) IN (
    SELECT day, check_name FROM days WHERE day < :day ORDER BY day LIMIT :rows)"""
PRUNE_HOURS = """DELETE FROM hours WHERE (hour, check_name, metric) IN (
    SELECT hour, check_name, metric FROM hours WHERE hour < :hour ORDER BY hour LIMIT :rows)"""

RANK = "CASE o.status WHEN 'unhealthy' THEN 3 WHEN 'degraded' THEN 2 WHEN 'unknown' THEN 1 ELSE 0 END"
NUMBER = "json_type(j.value, '$[0]') IN ('integer', 'real')"

# Number by number of the looks in turn, summed up by hour. A number that its hour does not know yet comes in as long as
# there is room for it.
ROLL_UP = f"""
INSERT INTO hours (hour, check_name, metric, unit, looks, low, sum, high, worst)
WITH seen AS (
    SELECT o.at / {HOUR} AS hour, o.check_name, 'duration' AS metric, 'seconds' AS unit, o.duration AS value,
        {RANK} AS worst
    FROM observations o WHERE o.id > :after AND o.id <= :upto AND o.duration IS NOT NULL
    UNION ALL
    SELECT o.at / {HOUR}, o.check_name, j.key, json_extract(j.value, '$[1]'), json_extract(j.value, '$[0]'), {RANK}
    FROM observations o, json_each(o.metrics) j
    WHERE o.id > :after AND o.id <= :upto AND o.metrics IS NOT NULL AND {NUMBER}
        AND j.key <> 'duration' AND length(j.key) <= {NAME_LENGTH}
), summed AS (
    SELECT hour, check_name, metric, coalesce(max(unit), '') AS unit, count(*) AS looks, min(value) AS low,
        total(value) AS sum, max(value) AS high, max(worst) AS worst
    FROM seen GROUP BY hour, check_name, metric
), known AS (
    SELECT s.*, EXISTS (SELECT 1 FROM hours h
        WHERE h.hour = s.hour AND h.check_name = s.check_name AND h.metric = s.metric) AS known
    FROM summed s
), placed AS (
    SELECT k.*, row_number() OVER (PARTITION BY hour, check_name, known ORDER BY metric <> 'duration', metric) AS place
    FROM known k
)
SELECT hour, check_name, metric, unit, looks, low, sum, high, worst FROM placed p
WHERE known OR place + (SELECT count(*) FROM hours h WHERE h.hour = p.hour AND h.check_name = p.check_name) <= {NUMBERS}
ON CONFLICT (hour, check_name, metric) DO UPDATE SET looks = looks + excluded.looks, low = min(low, excluded.low),
    sum = sum + excluded.sum, high = max(high, excluded.high), worst = max(worst, excluded.worst), unit = excluded.unit
"""  # noqa: S608 - names and numbers of ours

_LAST = f"""SELECT {DAYS}, max(day) FROM days WHERE day >= (SELECT max(day) - 1 FROM days)
    GROUP BY check_name"""  # noqa: S608 - with max() SQLite takes the other columns from that row
_CHANGED = f"kind = '{EventKind.STATUS_CHANGED.value}' AND old IS NOT NULL AND new IS NOT NULL"
_STARTED = f"kind = '{EventKind.AGENT_STARTED.value}'"
_STARTS = f"SELECT id, at, NULL, '', '' FROM events WHERE {_STARTED} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
_CHANGES = f"SELECT id, at, check_name, old, new FROM events WHERE {_CHANGED} AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
_CHANGES_OF_ONE = f"""SELECT id, at, check_name, old, new FROM events
    WHERE check_name = ? AND {_CHANGED} AND id > ? ORDER BY id LIMIT ?"""  # noqa: S608 - words of ours
_DONE = "SELECT value FROM memos WHERE key = ?"
_LOOKS = "SELECT (SELECT min(id) FROM observations), (SELECT max(id) FROM observations)"


Work: TypeAlias = "list[tuple[str, list[Any]]]"


@contextmanager
def reading_rows(path: Path) -> Iterator[None]:
    """Say what is wrong with the ledger when rows cannot be read."""
    try:
        yield
    except sqlite3.Error as error:
        raise reading(path, error) from error


# ── what a starting agent asks ────────────────────────────────────────────────────────────────────────────────────────


def last_days(path: Path, db: sqlite3.Connection) -> list[Spent]:
    """Return the newest row of each check."""
    with reading_rows(path):
        return [Spent._make(row[:-1]) for row in db.execute(_LAST)]


def changes(
    path: Path, db: sqlite3.Connection, after: int, checks: Collection[str] | None, limit: int
) -> list[tuple[int, int, str | None, str, str]]:
    """Return changes of status and starts of Salus after an event, the oldest first."""
    limit = max(0, min(limit, _MOST_CHANGES))
    with reading_rows(path):
        # Each kind is found in its order by an index; both at once would be sorted anew for every page.
        found = db.execute(_STARTS, (after, limit)).fetchall()
        if checks is None:
            found += db.execute(_CHANGES, (after, limit))
        for name in checks or ():
            found += db.execute(_CHANGES_OF_ONE, (name, after, limit))
    return sorted(found)[:limit]


def last_sign(path: Path, db: sqlite3.Connection, before: int) -> int | None:
    """Return the instant of the last event or look before an instant."""
    with reading_rows(path):
        found = [
            db.execute(f"SELECT max(at) FROM {table} WHERE at < ?", (before,)).fetchone()[0]  # noqa: S608
            for table in ("events", "observations")
        ]
    return max((at for at in found if at is not None), default=None)


def next_looks(path: Path, db: sqlite3.Connection) -> tuple[int, int, bool]:
    """Return behind which look, and up to which, looks come into their hours next; and whether more wait then."""
    with reading_rows(path):
        row = db.execute(_DONE, (CURSOR,)).fetchone()
        first, last = db.execute(_LOOKS).fetchone()
    if last is None:
        return 0, 0, False
    done = load_memo(row[0]).get("look") if row else 0
    after = done if isinstance(done, int) and done <= last else 0  # an emptied table counts from one again
    after = max(after, first - 1)
    upto = min(last, after + LOOKS_AT_ONCE)
    return after, upto, upto < last


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────────────────


def roll_up(after: int, upto: int, put_memo: str) -> Work:
    """Return the statements that put the looks behind one id, up to another, into their hours.

    Args:
        after: id of the last look that is in its hour.
        upto: id of the last one that comes in.
        put_memo: the statement that writes a memo.
    """
    return [(ROLL_UP, [{"after": after, "upto": upto}]), (put_memo, [(CURSOR, f'{{"look":{upto}}}')])]


def day_row(spent: Spent) -> Spent:
    """Return the row of a day: itself, with a name that can be stored."""
    if spent.check.isascii():
        return spent
    return spent._replace(check=text(spent.check))


def pruning(now: datetime, days_before: datetime | None, rows: int) -> list[tuple[str, dict[str, int]]]:
    """Return the statements that each let some old hours and days go."""
    hour = to_micros(now) // HOUR - HOURS_KEPT
    if days_before is None:
        return [(PRUNE_HOURS, {"hour": hour, "rows": rows})]
    day = to_micros(days_before) // DAY
    return [
        (PRUNE_HOURS, {"hour": max(hour, day * 24), "rows": rows}),
        (PRUNE_DAYS, {"day": day, "rows": rows}),
    ]
