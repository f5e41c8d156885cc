"""Trouble that belongs together, in pages, and the story of each."""

from __future__ import annotations

from collections.abc import Iterable

from salus.incidents.cases import read_id
from salus.model import Json, RecoveryRecord, Role
from salus.model.history import Incident
from salus.ports import Past, RecoveryQuery, View
from salus.ports.history import IncidentQuery, Incidents
from salus.surfaces import wire_incidents
from salus.surfaces.api.queries import IncidentsQuery, read
from salus.surfaces.asked import Asked
from salus.surfaces.http import Refused

MOST_EVENTS = 500
MOST_RECOVERIES = 20


class IncidentRequests:
    """Shows incidents."""

    def __init__(self, incidents: Incidents, past: Past, view: View) -> None:
        """Serve incidents; the ledger and the view know what was done about them."""
        self._incidents = incidents
        self._past = past
        self._view = view

    async def incidents(self, asked: Asked) -> Json:
        """Tell the incidents, newest first; what was done about them only to whoever may see recoveries."""
        query = read(asked.query, IncidentsQuery)
        if query.after and read_id(query.after) is None:
            raise Refused(422, "that is no cursor of this list", "give what the page before said as next")
        wanted = IncidentQuery(
            check=query.check or None,
            open={"true": True, "false": False}.get(query.open or ""),
            since=query.since,
            before=query.after or None,
            limit=query.limit,
        )
        found = await self._incidents.incidents(wanted)
        may = asked.caller.may(Role.VIEWER)
        items: list[Json] = [wire_incidents.incident(one) | ({} if may else _HIDDEN) for one in found]
        more = len(found) == query.limit
        return {"items": items, "next": found[-1].id if more else None, "total": None}

    async def incident(self, asked: Asked) -> Json:
        """Tell all about one incident: what happened in it, and every recovery with its steps."""
        one = await self._incidents.incident(asked.name)
        events = await self._incidents.timeline(one, MOST_EVENTS)
        return wire_incidents.story(one, events, await self._attempts(one))

    async def _attempts(self, one: Incident) -> Iterable[RecoveryRecord]:
        running = {record.id: record for record in self._view.recoveries()}
        found: list[RecoveryRecord] = []
        for name in one.recoveries[-MOST_RECOVERIES:]:
            if name in running:
                found.append(running[name])
            else:
                found += await self._past.recoveries(RecoveryQuery(id=name, limit=1))
        return found


_HIDDEN: dict[str, Json] = {"recoveries": [], "outcome": None}
