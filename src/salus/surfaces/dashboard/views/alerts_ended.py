"""The alerts that have ended, newest first, as the ledger has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from salus.model import Alert, Level
from salus.ports import AlertQuery
from salus.surfaces import wire_alerts as wire
from salus.surfaces.api.past import instant
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.wire import instant as moment

ON_A_PAGE = 50
_KEPT = 5.0


class EndedAlerts:
    """Makes the list of the alerts that have ended."""

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._found: Kept[Sequence[Alert]] = Kept(source.clock, _KEPT)

    async def parts(self, visit: Visit) -> Sequence[Region | Rows]:
        """Make it. Raises Refused, StoreError."""
        level, check, after = visit.asked("level", 20), visit.asked("check"), visit.asked("after", 40)
        level = level if level in set(Level) else ""
        before = instant(after) if after else None
        found = await self._found.get((check, before), lambda: self._read(check, before))
        ended = [one for one in found if one.resolved_at is not None and level in ("", one.level)]
        more = visit.address_with(after=moment(found[-1].first_seen) or "") if len(found) == ON_A_PAGE else ""
        facts = {"level": level, "check": check, "levels": tuple(reversed(Level))}
        end = {
            "found": len(ended),
            "narrowed": bool(level or check),
            "first": visit.address_with(after="") if after else "",
            "more": more,
        }
        return [
            Region(id="ended-filters", template="ended_filters.html", facts=facts, key=(level, check)),
            Rows(id="ended-list", rows=[_row(one) for one in ended], classes="rows card flush"),
            Region(id="ended-end", template="ended_end.html", facts=end, key=tuple(end.values())),
        ]

    async def _read(self, check: str, before: datetime | None) -> Sequence[Alert]:
        return await self._source.past.alerts(AlertQuery(check=check or None, before=before, limit=ON_A_PAGE))


def _row(one: Alert) -> Region:
    ended = one.resolved_at or one.last_seen
    facts = {"alert": wire.alert(one), "lasted": max(0.0, (ended - one.first_seen).total_seconds())}
    return Region(
        id=f"ended-{one.id}",
        template="ended_row.html",
        facts=facts,
        key=(one.id, one.resolved_at, one.resolution),
        classes="row ended-row",
    )
