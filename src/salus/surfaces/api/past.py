"""What was: looks, recoveries, events and numbers from the ledger, in pages."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec

from salus.errors import NotFoundError
from salus.model import Event, EventKind, Json, RecoveryRecord
from salus.ports import Clock, EventQuery, Past, RecoveryQuery, View
from salus.surfaces import wire
from salus.surfaces.access.audit import readable
from salus.surfaces.api.queries import EventsQuery, HistoryQuery, RecoveriesQuery, StatsQuery, read
from salus.surfaces.asked import Asked
from salus.surfaces.http import Refused

MOST_COUNTED = 10_000
_AT_ONCE = 500
_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)


class PastRequests:
    """Reads the ledger."""

    def __init__(self, view: View, past: Past, clock: Clock) -> None:
        """Serve the past; ``view`` knows which checks there are, and what runs now."""
        self._view = view
        self._past = past
        self._clock = clock

    async def history(self, asked: Asked) -> Json:
        """Tell the looks at a check that were kept, newest first."""
        query = read(asked.query, HistoryQuery)
        if self._view.check(asked.name) is None:
            raise NotFoundError(f"there is no check {asked.name[:200]!r}", remedy="GET /api/v1/checks lists them")
        since = query.since or self._clock.now() - _DAY
        found = await self._past.observations(asked.name, since=since, limit=query.limit)
        items: list[Json] = [wire.observation(look) for look in found]
        return {"items": items, "next": None, "total": None}

    # ── recoveries ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def recoveries(self, asked: Asked) -> Json:
        """Tell the recoveries, newest first."""
        query = read(asked.query, RecoveriesQuery)
        if query.running == "true":
            found = [one for one in self._view.recoveries() if _about(one, query)][: query.limit]
            return {"items": [wire.recovery(one) for one in found], "next": None, "total": len(found)}
        wanted = RecoveryQuery(
            check=query.check or None,
            rule=query.rule or None,
            outcome=query.outcome,
            since=query.since,
            before=instant(query.after) if query.after else None,
            limit=query.limit,
        )
        past = await self._past.recoveries(wanted)
        items: list[Json] = [wire.recovery(one) for one in past]
        more = len(past) == query.limit
        return {"items": items, "next": wire.instant(past[-1].started_at) if more else None, "total": None}

    async def recovery(self, asked: Asked) -> Json:
        """Tell all about one recovery: its steps as they are taken, and the evidence."""
        for one in self._view.recoveries():
            if one.id == asked.name:
                return wire.recovery(one)
        if found := await self._past.recoveries(RecoveryQuery(id=asked.name, limit=1)):
            return wire.recovery(found[0])
        raise NotFoundError(f"there is no recovery {asked.name[:200]!r}", remedy="GET /api/v1/recoveries lists them")

    # ── events and numbers ────────────────────────────────────────────────────────────────────────────────────────────

    async def events(self, asked: Asked) -> Json:
        """Tell the events, newest first; who asked Salus for what is told to those who may act."""
        query = read(asked.query, EventsQuery)
        wanted = EventQuery(
            check=query.check or None,
            rule=query.rule or None,
            service=query.service or None,
            recovery=query.recovery or None,
            kinds=readable(asked.caller, query.kind),
            since=query.since,
            until=query.until,
            before=number(query.after) if query.after else None,
            limit=query.limit,
        )
        found = await self._past.events(wanted)
        items: list[Json] = [wire.event(one) for one in found]
        more = len(found) == query.limit
        return {"items": items, "next": str(found[-1].id) if more else None, "total": None}

    async def stats(self, asked: Asked) -> Json:
        """Sum up attempts, success, times and refusals of each rule and of each action."""
        from salus.stats import statistics

        query = read(asked.query, StatsQuery)
        now = self._clock.now()
        since = min(query.since or now - _MONTH, now)
        recoveries = await self._all_recoveries(query, since)
        refusals = await self._all_refusals(query, since)
        complete = len(recoveries) < MOST_COUNTED and len(refusals) < MOST_COUNTED
        recoveries.reverse()
        refusals.reverse()
        counted = await asyncio.to_thread(statistics, recoveries, refusals, since=since, until=now)
        told: dict[str, Json] = msgspec.to_builtins(counted)
        return {**told, "complete": complete}

    async def _all_recoveries(self, query: StatsQuery, since: datetime) -> list[RecoveryRecord]:
        found: list[RecoveryRecord] = []
        before: datetime | None = None
        while len(found) < MOST_COUNTED:
            some = await self._past.recoveries(
                RecoveryQuery(
                    check=query.check or None, rule=query.rule or None, since=since, before=before, limit=_AT_ONCE
                )
            )
            found += some
            if len(some) < _AT_ONCE:
                break
            before = some[-1].started_at
        return found

    async def _all_refusals(self, query: StatsQuery, since: datetime) -> list[Event]:
        found: list[Event] = []
        before: int | None = None
        while len(found) < MOST_COUNTED:
            some = await self._past.events(
                EventQuery(
                    check=query.check or None,
                    rule=query.rule or None,
                    kinds=(EventKind.RECOVERY_REFUSED,),
                    since=since,
                    before=before,
                    limit=_AT_ONCE,
                )
            )
            found += some
            if len(some) < _AT_ONCE:
                break
            before = some[-1].id
        return found


def instant(text: str) -> datetime:
    """Read a cursor that is an instant.

    Raises:
        Refused: 422, it is none.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(422, "that is no cursor of this list", "give what the page before said as next") from None


def number(text: str) -> int:
    """Read a cursor that is the id of an event.

    Raises:
        Refused: 422, it is none.
    """
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise Refused(422, "that is no cursor of this list", "give what the page before said as next")


def _about(one: RecoveryRecord, query: RecoveriesQuery) -> bool:
    return query.check in ("", one.check) and query.rule in ("", one.rule) and query.outcome is None
