"""The silences: what people do not want to hear for a while, and what another one would keep quiet."""

from __future__ import annotations

from collections.abc import Sequence

from salus.errors import MatcherError
from salus.matchers import LONGEST, OF_ALERTS, matches, parse_matchers
from salus.model import Alert, Matchers, Silence
from salus.surfaces import wire_alerts as wire
from salus.surfaces.dashboard.page import Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

_LISTED = 12
_AT_ONCE = 500
_MOST = 500
_MOST_CHOICES = 50


class Silences:
    """Makes the list of the silences, and shows what one more would do before it does it."""

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def parts(self, visit: Visit) -> Sequence[Region | Rows]:
        """Make it."""
        silences, active = self._source.desk.silences(), self._source.desk.active()
        rows = [self._row(one, len(await self._about(one.match, active))) for one in silences[:_MOST]]
        end = {"found": len(silences), "shown": len(rows)}
        listed: list[Region | Rows] = [
            Rows(id="silence-list", rows=rows, classes="rows card flush"),
            Region(id="silence-end", template="silences_end.html", facts=end, key=tuple(end.values())),
        ]
        if not visit.may_act:
            return listed
        text = visit.asked("match", LONGEST)
        return [self._form(text, active), await self._preview(text, active), *listed]

    def _form(self, text: str, active: Sequence[Alert]) -> Region:
        names = sorted({one.check for one in active if one.check})[:_MOST_CHOICES]
        levels = sorted({one.level.value for one in active})
        choices = (*(f'check="{name}"' for name in names), *(f'level="{level}"' for level in levels))
        facts = {"match": text, "choices": choices, "most": LONGEST}
        return Region(id="silence-form", template="silence_form.html", facts=facts, key=(text, choices))

    async def _preview(self, text: str, active: Sequence[Alert]) -> Region:
        """Tell which of the alerts there are a silence with these matchers would keep quiet."""
        error, remedy, about = "", "", []
        if text:
            try:
                about = await self._about(parse_matchers(text, OF_ALERTS), active)
            except MatcherError as wrong:
                error, remedy = str(wrong), wrong.remedy or ""
        shown = [wire.alert(one) for one in about[:_LISTED]]
        facts = {"match": text, "error": error, "remedy": remedy, "alerts": shown, "count": len(about)}
        key = (text, error, len(about), tuple((one.id, one.state, one.summary) for one in about[:_LISTED]))
        return Region(id="silence-preview", template="silence_preview.html", facts=facts, key=key)

    async def _about(self, match: Matchers, active: Sequence[Alert]) -> list[Alert]:
        found = []
        for place, one in enumerate(active):
            if matches(match, one.labels):
                found.append(one)
            if place % _AT_ONCE == _AT_ONCE - 1:  # everybody else has a turn in between
                await self._source.clock.sleep(0)
        return found

    def _row(self, one: Silence, count: int) -> Region:
        facts = {"silence": wire.silence(one), "count": count}
        return Region(
            id=f"silence-{one.id}",
            template="silence_row.html",
            facts=facts,
            key=(one.id, one.until, count),
            classes="row silence-row",
        )
