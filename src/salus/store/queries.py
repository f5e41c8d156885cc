"""What is read from a ledger: pure SQL on a given connection, rows in, nouns out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from salus.model import Alert, Delivery, DeliveryState, Event, Observation, RecoveryRecord
from salus.ports import AlertQuery, EventQuery, RecoveryQuery, Snapshot
from salus.store import alert_rows, rows
from salus.store.codec import from_micros, load_check_state, load_memo, load_rule_state, to_micros
from salus.store.faults import reading, unreadable
from salus.store.rows import Row

T = TypeVar("T")

BUDGET_WINDOW = timedelta(hours=1)  # starts of recoveries count this long
# Recoveries stay at least this long, however little the config wants to keep: budgets are counted from them, also after
# a clock that went some hours ahead was put right.
KEEP_STARTS = timedelta(days=1)
ALERT_WINDOW = timedelta(days=1)  # alerts that fired count this long: whether they flap is told from them
RATE_WINDOW = timedelta(hours=1)  # notifications count this long against the rate of their channel
_UNFINISHED = "FROM recoveries WHERE outcome IS NULL ORDER BY started_at, id"
# Three ranges of three indexes: as one condition SQLite would go through the whole table.
_NEEDED = """FROM alerts WHERE id IN (
    SELECT id FROM alerts WHERE resolved_at IS NULL
    UNION SELECT id FROM alerts WHERE unheard = 1
    UNION SELECT id FROM alerts WHERE fired_at > ?) ORDER BY first_seen, id"""
_RECENT = "FROM deliveries WHERE created_at > ? ORDER BY created_at, number"
_PAGE_MAX = 10_000  # whatever is asked for: a page is bounded
_SCAN_PAGE, _NO_LIMIT = 500, -1
_ROW_FAULTS = (ValueError, TypeError, OverflowError, msgspec.MsgspecError)


def decode(path: Path, table: str, found: Sequence[Row], make: Callable[[Row], T]) -> list[T]:
    """Turn rows into nouns.

    Raises:
        StoreUnreadableError: a row says what no Salus has written.
    """
    made: list[T] = []
    for row in found:
        try:
            made.append(make(row))
        except _ROW_FAULTS as error:
            what = f"holds a row that cannot be understood: {table} {row[0]!r}: {error}"
            raise unreadable(path, what) from error
    return made


def _fetch(path: Path, db: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    try:
        return db.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        raise reading(path, error) from error


def _scan(
    path: Path, db: sqlite3.Connection, sql: str, values: Sequence[Any], *, table: str, make: Callable[[Row], T]
) -> Iterator[T]:
    """Go through rows as of one moment, a page in memory at a time."""
    try:
        cursor = db.execute(sql, [*values, _NO_LIMIT])
        while page := cursor.fetchmany(_SCAN_PAGE):
            yield from decode(path, table, page, make)
    except sqlite3.Error as error:
        raise reading(path, error) from error


def _limit(wanted: int) -> int:
    return max(0, min(wanted, _PAGE_MAX))


def load(path: Path, db: sqlite3.Connection, now: datetime) -> Snapshot:
    """Read what a starting Salus needs, as of one moment."""
    _fetch(path, db, "BEGIN")
    try:
        return _load(path, db, now)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _load(path: Path, db: sqlite3.Connection, now: datetime) -> Snapshot:
    since = to_micros(now - BUDGET_WINDOW)
    checks = _fetch(path, db, "SELECT check_name, state FROM check_states ORDER BY check_name")
    rules = _fetch(path, db, "SELECT rule_name, state FROM rule_states ORDER BY rule_name")
    services = _fetch(path, db, "SELECT service_name, wanted, launch FROM services ORDER BY service_name")
    memos = _fetch(path, db, "SELECT key, value FROM memos ORDER BY key")
    unfinished = _fetch(path, db, f"SELECT {rows.RECOVERY} {_UNFINISHED}")
    # Starts that lie in the future (the clock went back since) count too: a budget is rather spent than forgotten.
    starts = _fetch(
        path, db, "SELECT id, started_at FROM recoveries WHERE started_at > ? ORDER BY started_at", (since,)
    )
    last = _fetch(path, db, "SELECT coalesce(max(id), 0) FROM events")
    alerts = _fetch(path, db, f"SELECT {alert_rows.ALERT} {_NEEDED}", (to_micros(now - ALERT_WINDOW),))
    recent = _fetch(path, db, f"SELECT id, channel, created_at {_RECENT}", (to_micros(now - RATE_WINDOW),))
    last_delivery = _fetch(path, db, "SELECT coalesce(max(number), 0) FROM deliveries")
    return Snapshot(
        check_states=dict(decode(path, "check_states", checks, lambda row: (row[0], load_check_state(row[1])))),
        rule_states=dict(decode(path, "rule_states", rules, lambda row: (row[0], load_rule_state(row[1])))),
        services={found.service: found for found in decode(path, "services", services, rows.service)},
        unfinished=decode(path, "recoveries", unfinished, rows.recovery),
        recent_starts=decode(path, "recoveries", starts, lambda row: from_micros(row[1])),
        memos=dict(decode(path, "memos", memos, lambda row: (row[0], load_memo(row[1])))),
        alerts=decode(path, "alerts", alerts, alert_rows.alert),
        last_delivery=last_delivery[0][0],
        recent_deliveries=decode(path, "deliveries", recent, lambda row: (row[1], from_micros(row[2]))),
        last_event_id=last[0][0],
    )


def events(path: Path, db: sqlite3.Connection, query: EventQuery) -> list[Event]:
    """Return events, newest first unless the query says otherwise."""
    where, values = _which_events(query)
    order = "id" if query.oldest_first else "id DESC"
    found = _fetch(path, db, _select(rows.EVENT, "events", where, order), [*values, _limit(query.limit)])
    return decode(path, "events", found, rows.event)


def scan_events(path: Path, db: sqlite3.Connection, query: EventQuery) -> Iterator[Event]:
    """Go through all events that a query means, whatever its limit, oldest first."""
    where, values = _which_events(query)
    sql = _select(rows.EVENT, "events", where, "id")
    return _scan(path, db, sql, values, table="events", make=rows.event)


def _which_events(query: EventQuery) -> tuple[list[str], list[Any]]:
    terms: list[tuple[str, Any]] = [
        ("check_name = ?", query.check),
        ("rule_name = ?", query.rule),
        ("service_name = ?", query.service),
        ("recovery_id = ?", query.recovery),
        ("at >= ?", query.since and to_micros(query.since)),
        ("at <= ?", query.until and to_micros(query.until)),
        ("id < ?", query.before),
        ("id > ?", query.after),
    ]
    where, values = _where(terms)
    if query.kinds:
        # Whoever goes on from page to page, oldest first, goes through the table once (the plus keeps SQLite from the
        # index of kinds): by that index every page would sort all that is still to come.
        plus = "+" if query.oldest_first else ""
        where.append(f"{plus}kind IN ({', '.join('?' * len(query.kinds))})")
        values += [kind.value for kind in query.kinds]
    return where, values


def recoveries(path: Path, db: sqlite3.Connection, query: RecoveryQuery) -> list[RecoveryRecord]:
    """Return recoveries, newest first."""
    where, values = _which_recoveries(query)
    sql = _select(rows.RECOVERY, "recoveries", where, "started_at DESC, id DESC")
    return decode(path, "recoveries", _fetch(path, db, sql, [*values, _limit(query.limit)]), rows.recovery)


def scan_recoveries(path: Path, db: sqlite3.Connection, query: RecoveryQuery) -> Iterator[RecoveryRecord]:
    """Go through all recoveries that a query means, whatever its limit, oldest first, without what was captured."""
    where, values = _which_recoveries(query)
    sql = _select(rows.RECOVERY_IN_SHORT, "recoveries", where, "started_at, id")
    return _scan(path, db, sql, values, table="recoveries", make=rows.recovery)


def _which_recoveries(query: RecoveryQuery) -> tuple[list[str], list[Any]]:
    terms: list[tuple[str, Any]] = [
        ("id = ?", query.id),
        ("check_name = ?", query.check),
        ("rule_name = ?", query.rule),
        ("outcome = ?", query.outcome and query.outcome.value),
        ("started_at >= ?", query.since and to_micros(query.since)),
        ("started_at < ?", query.before and to_micros(query.before)),
    ]
    return _where(terms)


def observations(path: Path, db: sqlite3.Connection, check: str, since: datetime, limit: int) -> list[Observation]:
    """Return recorded looks at one check, newest first."""
    sql = _select(rows.OBSERVATION, "observations", ["check_name = ?", "at >= ?"], "at DESC, id DESC")
    found = _fetch(path, db, sql, (check, to_micros(since), _limit(limit)))
    return decode(path, "observations", found, rows.observation)


def alerts(path: Path, db: sqlite3.Connection, query: AlertQuery) -> list[Alert]:
    """Return alerts, newest first."""
    terms: list[tuple[str, Any]] = [
        ("check_name = ?", query.check),
        ("rule_name = ?", query.rule),
        ("first_seen >= ?", query.since and to_micros(query.since)),
        ("first_seen < ?", query.before and to_micros(query.before)),
    ]
    where, values = _where(terms)
    if query.active:
        where.append("resolved_at IS NULL")
    if query.id is not None:
        # What begins with a text lies between it and the same followed by the last character there is.
        where.append("(id BETWEEN ? AND ? OR fingerprint BETWEEN ? AND ?)")
        values += [query.id, f"{query.id}\U0010ffff"] * 2
    sql = _select(alert_rows.ALERT, "alerts", where, "first_seen DESC, id DESC")
    return decode(path, "alerts", _fetch(path, db, sql, [*values, _limit(query.limit)]), alert_rows.alert)


def waiting(path: Path, db: sqlite3.Connection, channel: str, limit: int) -> list[Delivery]:
    """Return the deliveries of a channel that are not done, the oldest first."""
    sql = _select(alert_rows.DELIVERY, "deliveries", ["channel = ?", "state = 'waiting'"], "number")
    return decode(path, "deliveries", _fetch(path, db, sql, (channel, _limit(limit))), alert_rows.delivery)


def deliveries(
    path: Path, db: sqlite3.Connection, channel: str | None, state: DeliveryState | None, limit: int
) -> list[Delivery]:
    """Return deliveries, newest first."""
    where, values = _where([("channel = ?", channel), ("state = ?", state and state.value)])
    sql = _select(alert_rows.DELIVERY, "deliveries", where, "number DESC")
    return decode(path, "deliveries", _fetch(path, db, sql, [*values, _limit(limit)]), alert_rows.delivery)


def depth(path: Path, db: sqlite3.Connection) -> dict[str, int]:
    """Return how many deliveries wait, by channel."""
    sql = "SELECT channel, count(*) FROM deliveries WHERE state = 'waiting' GROUP BY channel ORDER BY channel"
    return dict(_fetch(path, db, sql))


def _where(terms: Sequence[tuple[str, Any]]) -> tuple[list[str], list[Any]]:
    wanted = [(term, value) for term, value in terms if value is not None]
    return [term for term, _ in wanted], [value for _, value in wanted]


def _select(columns: str, table: str, where: Sequence[str], order: str) -> str:
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {columns} FROM {table}{condition} ORDER BY {order} LIMIT ?"  # noqa: S608  # names of ours
