"""The channels: how what is told reaches people, and what was given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from salus.model import ChannelReport, Delivery, EventKind
from salus.ports import EventQuery
from salus.surfaces import wire_alerts as wire
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

_DEAD = 50
_SENT = 300
_KEPT = 10.0


class Channels:
    """Makes the list of the channels, and of the letters that nobody got."""

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._dead: Kept[Sequence[Delivery]] = Kept(source.clock, _KEPT, most=1)
        self._sent: Kept[Mapping[str, datetime]] = Kept(source.clock, _KEPT, most=1)

    async def parts(self, visit: Visit) -> Sequence[Region | Rows]:
        """Make it. Raises StoreError."""
        reports = self._source.desk.channels()
        # What is kept is read again as soon as anything was sent, given up or tried again.
        stamp = tuple((one.spec.name, one.sent, one.dead, one.waiting) for one in reports)
        last = await self._sent.get(stamp, self._last_sent)
        dead = await self._dead.get(stamp, lambda: self._source.desk.dead_letters(_DEAD))
        return [
            Rows(
                id="channels",
                rows=[_row(one, last.get(one.spec.name)) for one in reports],
                classes="rows card flush",
            ),
            Region(
                id="dead-head",
                template="dead_head.html",
                facts={"count": len(dead), "most": _DEAD},
                key=len(dead),
                classes="stack dead-head",
            ),
            Rows(id="dead-list", rows=[_letter(one) for one in dead], classes="rows card flush"),
        ]

    async def _last_sent(self) -> Mapping[str, datetime]:
        """Return when each channel last got something through, as far as the newest of such events tell."""
        found: dict[str, datetime] = {}
        for event in await self._source.past.events(EventQuery(kinds=(EventKind.NOTIFICATION_SENT,), limit=_SENT)):
            found.setdefault(event.reason or "", event.at)
        return found


def _row(report: ChannelReport, last: datetime | None) -> Region:
    facts = {"channel": wire.channel(report), "last": last}
    numbers = (report.waiting, report.sent, report.failed, report.dead)
    key = (report.spec.enabled, *numbers, report.failing_since, report.error, report.held_until, last)
    return Region(
        id=f"channel-{report.spec.name}",
        template="channel_row.html",
        facts=facts,
        key=key,
        classes="row channel-row",
    )


def _letter(one: Delivery) -> Region:
    return Region(
        id=f"dead-{one.id}",
        template="dead_row.html",
        facts={"letter": wire.delivery(one)},
        key=(one.attempts, one.error, one.ended_at),
        classes="row dead-row",
    )
