"""A stretch of the past, as a replay needs it: what every look said, as of one moment of the file, and who watched.

A ledger of a month holds millions of looks, nearly all of which say what the look before said. So rows are gone through
once, compared as they are, and only those that say something else become nouns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from salus.model import Event, EventKind, Observation, RecoveryRecord
from salus.ports import EventQuery, RecoveryQuery
from salus.store import queries, rows
from salus.store.codec import from_micros, to_micros
from salus.store.faults import reading

QUIET = 150.0
"""Seconds between two looks that are kept, from which on it is asked whether anybody looked in between."""

_QUIET_MICROS = int(QUIET * 1_000_000)
_IDS = 500
_MOST_SAID = 10_000
_SCAN = """
    SELECT check_name, at, status, cause, incarnation, CASE WHEN check_name IN ({names}) THEN metrics END, id
    FROM observations WHERE at >= ? AND at <= ? ORDER BY at
"""
_LAST = f"SELECT {rows.OBSERVATION} FROM observations WHERE check_name = ? AND at < ? ORDER BY at DESC LIMIT 1"  # noqa: S608

AGENT = (EventKind.AGENT_STARTED, EventKind.AGENT_STOPPED)
PEOPLE = (
    EventKind.PAUSED,
    EventKind.RESUMED,
    EventKind.MAINTENANCE_STARTED,
    EventKind.MAINTENANCE_ENDED,
    EventKind.RULE_ENABLED,
    EventKind.RULE_DISABLED,
    EventKind.RULE_MODE_CHANGED,
)
SERVICES = (
    EventKind.SERVICE_STARTED,
    EventKind.SERVICE_ADOPTED,
    EventKind.SERVICE_EXITED,
    EventKind.SERVICE_STOPPED,
    EventKind.SERVICE_FAILED,
)


class Life(NamedTuple):
    """A time in which a Salus watched: from its start, to its stop or to its last sign of life."""

    began: datetime
    ended: datetime


class Silence(NamedTuple):
    """Two looks that are kept and far apart, and say the same."""

    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Looks at one check that follow each other and say the same.

    Attributes:
        look: the first of them.
        last: when the last of them began.
        silences: where they, or the next stretch, came late.
    """

    look: Observation
    last: datetime
    silences: tuple[Silence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a ledger holds of a stretch of time.

    Attributes:
        since: its beginning, not before the first row.
        until: its end, not after the last row.
        lives: when a Salus watched, oldest first; also before ``since``.
        agent: a Salus said when it began to watch; a ledger of simulated time does not say.
        stretches: by check, oldest first. The first may have begun before ``since``.
        events: of the kinds that were asked for, oldest first.
        before: what was last told of each check and service before ``since``, and all that people had said.
        recoveries: those that started in it, oldest first, without what they captured.
    """

    since: datetime
    until: datetime
    lives: Sequence[Life] = ()
    agent: bool = False
    stretches: Mapping[str, Sequence[Stretch]] = field(default_factory=dict)
    events: Sequence[Event] = ()
    before: Sequence[Event] = ()
    recoveries: Sequence[RecoveryRecord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastQuery:
    """Which stretch of the past.

    Attributes:
        since, until: its bounds; None for as far as there is anything.
        checks: names whose last look before ``since`` is wanted.
        services: likewise.
        measured: checks of which a look is also wanted when only its metrics differ.
        kinds: events that are wanted.
    """

    since: datetime | None = None
    until: datetime | None = None
    checks: Collection[str] = ()
    services: Collection[str] = ()
    measured: Collection[str] = ()
    kinds: Sequence[EventKind] = ()


def read(path: Path, db: sqlite3.Connection, query: PastQuery) -> Past | None:
    """Read it, as of one moment; None when there is nothing in that time.

    Raises:
        StoreUnreadableError: rows cannot be read or understood.
    """
    try:
        db.execute("BEGIN")
        return _Reading(path, db).past(query)
    except sqlite3.Error as error:
        raise reading(path, error) from error
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def bounds(path: Path, db: sqlite3.Connection) -> tuple[datetime, datetime] | None:
    """Return the instants of the first and of the last row; None when there is none.

    Raises:
        StoreUnreadableError: it cannot be read.
    """
    try:
        return _Reading(path, db).bounds()
    except sqlite3.Error as error:
        raise reading(path, error) from error


@dataclass(slots=True)
class _Open:
    """A stretch that goes on: what its looks say, the row of the first, the instants of the first and the last."""

    said: tuple[str, str | None, str | None, str | None]
    row: int
    last: int
    silences: list[Silence] = field(default_factory=list)


class _Reading:
    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._db = db

    def bounds(self) -> tuple[datetime, datetime] | None:
        ends = [self._ends(table) for table in ("observations", "events")]
        found = [(first, last) for first, last in ends if first is not None and last is not None]
        if not found:
            return None
        return from_micros(min(first for first, _ in found)), from_micros(max(last for _, last in found))

    def _ends(self, table: str) -> tuple[int | None, int | None]:
        # One at a time: SQLite answers min() and max() from the index only where it is asked for one of them.
        (first,) = self._db.execute(f"SELECT min(at) FROM {table}").fetchone()  # noqa: S608 - names of ours
        (last,) = self._db.execute(f"SELECT max(at) FROM {table}").fetchone()  # noqa: S608 - names of ours
        return first, last

    def past(self, query: PastQuery) -> Past | None:
        found = self.bounds()
        if found is None:
            return None
        first, last = found
        since, until = max(query.since or first, first), min(query.until or last, last)
        if since >= until:
            return None
        agent = list(queries.scan_events(self._path, self._db, EventQuery(kinds=AGENT)))
        lives = tuple(self._lives(agent, first, last))
        births = [life.began for life in lives if since < life.began <= until]
        stretches = self._stretches([since, *births, until], query.measured)
        if since > first:
            self._prepend(stretches, {*query.checks, *stretches}, since)
        within = EventQuery(since=since, until=until, kinds=query.kinds)
        recoveries = queries.scan_recoveries(self._path, self._db, RecoveryQuery(since=since))
        return Past(
            since=since,
            until=until,
            lives=lives,
            agent=bool(agent),
            stretches=stretches,
            events=list(queries.scan_events(self._path, self._db, within)),
            before=self._before(query, since) if since > first else (),
            recoveries=[record for record in recoveries if record.started_at <= until],
        )

    # ── looks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stretches(self, ends: Sequence[datetime], measured: Collection[str]) -> dict[str, list[Stretch]]:
        """Find the stretches between each two ends: none goes on where a Salus began to watch."""
        names = sorted(measured)
        done = [found for began, ended in pairwise(ends) for found in self._changes(began, ended, names)]
        looks = self._looks([stretch.row for _, stretch in done])
        found: dict[str, list[Stretch]] = {}
        for check, stretch in sorted(done, key=lambda pair: looks[pair[1].row].at):
            made = Stretch(look=looks[stretch.row], last=from_micros(stretch.last), silences=tuple(stretch.silences))
            found.setdefault(check, []).append(made)
        return dict(sorted(found.items()))

    def _changes(self, since: datetime, until: datetime, measured: Sequence[str]) -> Iterator[tuple[str, _Open]]:
        """Go through the rows of looks, and hand out each stretch at its end. Written for millions of rows."""
        sql = _SCAN.format(names=_marks(measured))
        values = (*measured, to_micros(since), to_micros(until))
        current: dict[str, _Open] = {}
        for row in self._db.execute(sql, values):
            before, at = current.get(row[0]), row[1]
            if before is not None:
                if at - before.last > _QUIET_MICROS:
                    before.silences.append(Silence(from_micros(before.last), from_micros(at)))
                if before.said == row[2:6]:
                    before.last = at
                    continue
                yield row[0], before
            current[row[0]] = _Open(row[2:6], row[6], at)
        yield from current.items()

    def _looks(self, ids: Sequence[int]) -> dict[int, Observation]:
        found: dict[int, Observation] = {}
        for begin in range(0, len(ids), _IDS):
            some = ids[begin : begin + _IDS]
            sql = f"SELECT {rows.OBSERVATION}, id FROM observations WHERE id IN ({_marks(some)})"  # noqa: S608 - marks
            for row in self._db.execute(sql, some):
                found[row[-1]] = self._look(row)
        return found

    def _prepend(self, stretches: dict[str, list[Stretch]], checks: Collection[str], since: datetime) -> None:
        """Put the last look before ``since`` at the head of each check."""
        for check in sorted(checks):
            for row in self._db.execute(_LAST, (check, to_micros(since))):
                look = self._look(row)
                stretches.setdefault(check, []).insert(0, Stretch(look=look, last=look.at))

    def _look(self, row: rows.Row) -> Observation:
        return queries.decode(self._path, "observations", [row], rows.observation)[0]

    # ── what was told before ──────────────────────────────────────────────────────────────────────────────────────────

    def _before(self, query: PastQuery, since: datetime) -> list[Event]:
        until = since - timedelta(microseconds=1)
        changed = [EventKind.STATUS_CHANGED]
        asked = [EventQuery(check=name, kinds=changed, until=until, limit=1) for name in sorted(query.checks)]
        asked += [EventQuery(service=name, kinds=SERVICES, until=until, limit=1) for name in sorted(query.services)]
        asked.append(EventQuery(kinds=PEOPLE, until=until, limit=_MOST_SAID))
        found = [event for one in asked for event in queries.events(self._path, self._db, one)]
        return sorted(found, key=lambda event: event.id)

    # ── who watched ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _lives(self, agent: Sequence[Event], first: datetime, last: datetime) -> Iterator[Life]:
        """Yield when a Salus watched. One that was killed watched until its last row."""
        began: datetime | None = first
        for event in agent:
            if event.kind is EventKind.AGENT_STOPPED:
                if began is not None and event.at > began:
                    yield Life(began, event.at)
                began = None
                continue
            if began is not None:
                ended = self._last_sign_before(event.at)
                if ended is not None and ended > began:
                    yield Life(began, ended)
            began = event.at
        if began is not None and last > began:
            yield Life(began, last)

    def _last_sign_before(self, at: datetime) -> datetime | None:
        signs = [
            self._db.execute(f"SELECT max(at) FROM {table} WHERE at < ?", (to_micros(at),)).fetchone()[0]  # noqa: S608
            for table in ("observations", "events")
        ]
        return max((from_micros(sign) for sign in signs if sign is not None), default=None)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
