"""Alerts, silences and channels, in pages; what is asked of them is answered as at the control socket."""

from __future__ import annotations

from salus.errors import NotFoundError
from salus.model import Alert, Json
from salus.ports import AlertDesk, AlertQuery, Clock, Past
from salus.surfaces import wire, wire_alerts
from salus.surfaces.alerts import MOST_DEAD, AlertRequests
from salus.surfaces.api.past import instant
from salus.surfaces.api.queries import AlertsQuery, page, position, read
from salus.surfaces.asked import Asked
from salus.surfaces.policy import PolicyRequests


class TellingRequests(AlertRequests):
    """Shows alerts as pages, those that have ended too."""

    def __init__(self, desk: AlertDesk, past: Past, clock: Clock) -> None:
        """Serve a desk and the past."""
        super().__init__(desk, clock)
        self._past = past

    async def alerts(self, asked: Asked) -> Json:
        """Tell the alerts that have not ended, the most urgent first; or those that have, newest first."""
        query = read(asked.query, AlertsQuery)
        if query.ended == "true":
            return await self._ended(query)
        found = [one for one in self._desk.active() if _fits(one, query)]
        if query.quiet == "true":
            found = await self.kept_quiet(found)
        start = 1 + position(found, query.after, lambda one: one.id) if query.after else 0
        shown = found[start : start + query.limit]
        items: list[Json] = await self.with_audiences(shown)
        more = start + len(shown) < len(found)
        return {"items": items, "next": shown[-1].id if more else None, "total": len(found)}

    async def _ended(self, query: AlertsQuery) -> Json:
        wanted = AlertQuery(
            check=query.check or None, before=instant(query.after) if query.after else None, limit=query.limit
        )
        found = await self._past.alerts(wanted)
        items: list[Json] = [
            {**wire_alerts.alert(one), "audience": []}
            for one in found
            if one.resolved_at is not None and query.level in (None, one.level)
        ]
        more = len(found) == query.limit
        return {"items": items, "next": wire.instant(found[-1].first_seen) if more else None, "total": None}

    async def one(self, asked: Asked) -> Json:
        """Tell all about one alert, also one that has ended."""
        try:
            return await self.alert(asked)
        except NotFoundError:
            found = await self._past.alerts(AlertQuery(id=asked.name, limit=2))
            if len(found) != 1:
                raise
            return {**wire_alerts.story(found[0], self._clock.now()), "audience": []}

    async def silences(self, asked: Asked) -> Json:
        """Tell the silences that have not ended, the first to end first."""
        return page(_list(await self.list_silences(Asked())), asked.query, "id")

    async def channels(self, asked: Asked) -> Json:
        """Tell how the channels are doing, by name."""
        return page(_list(await self.list_channels(Asked())), asked.query, "name")

    async def dead(self, asked: Asked) -> Json:
        """Tell the notifications that were given up, newest first."""
        return page(_list(await self.list_dead(Asked(query={"limit": str(MOST_DEAD)}))), asked.query, "id")


class HoldingRequests(PolicyRequests):
    """Shows maintenance windows as pages."""

    async def windows(self, asked: Asked) -> Json:
        """Tell the windows that are open, and those to come."""
        return page(_list(await self.list_maintenance(Asked())), asked.query, "name")


def _fits(one: Alert, query: AlertsQuery) -> bool:
    if query.check not in ("", one.check):
        return False
    return query.level in (None, one.level) and query.state in (None, one.state)


def _list(told: Json) -> list[Json]:
    return told if isinstance(told, list) else []
