"""The alerts that have not ended, the most urgent first: each with who hears of it, and why not now."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from salus.matchers import in_words
from salus.model import Alert, AlertState, ChannelReport, Level, Matcher, Matching
from salus.ports import Audience
from salus.surfaces import wire_alerts as wire
from salus.surfaces.dashboard.page import Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

ON_A_PAGE = 25
_EXAMINED = 1000  # alerts that are asked whether somebody does not hear of them
_AT_ONCE = 20
_STATES = (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.PENDING)
_LEVELS = tuple(reversed(Level))
_MATCHED_BY = ("alertname", "check", "happening", "subject")


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the alerts is shown.

    Attributes:
        level, state: only these; empty for all.
        check: stands in the name of the check, the component or what is wrong.
        quiet: only those that somebody does not hear of now.
        page: 1 for the first.
    """

    level: str = ""
    state: str = ""
    check: str = ""
    quiet: bool = False
    page: int = 1

    @classmethod
    def of(cls, visit: Visit) -> Filter:
        """Read it from behind the question mark; what is not understood says nothing."""
        level, state, page = visit.asked("level", 20), visit.asked("state", 20), visit.asked("page", 6)
        return cls(
            level=level if level in set(Level) else "",
            state=state if state in _STATES else "",
            check=visit.asked("check"),
            quiet=visit.asked("quiet", 5) in ("1", "true", "on"),
            page=max(1, int(page)) if page.isdecimal() else 1,
        )

    def __bool__(self) -> bool:
        """Tell whether anything is left out."""
        return bool(self.level or self.state or self.check or self.quiet)

    def takes(self, one: Alert) -> bool:
        """Tell whether an alert is shown, whoever hears of it."""
        text = self.check.lower()
        said = (one.check or "", one.labels.get("component", ""), one.summary)
        return (
            self.level in ("", one.level)
            and self.state in ("", one.state)
            and (not text or any(text in word.lower() for word in said))
        )


class ActiveAlerts:
    """Makes the list of the alerts that have not ended."""

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def parts(self, visit: Visit) -> Sequence[Region | Rows]:
        """Make it."""
        wanted = Filter.of(visit)
        active = self._source.desk.active()
        found = [one for one in active if wanted.takes(one)]
        if wanted.quiet:
            found = await self._quiet(found)
        pages = max(1, -(-len(found) // ON_A_PAGE))
        number = min(wanted.page, pages)
        shown = found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
        filters = {"wanted": wanted, "levels": _LEVELS, "states": _STATES}
        end = {
            "found": len(found),
            "any": bool(active),
            "number": number,
            "pages": pages,
            "before": visit.address_with(page=str(number - 1)) if number > 1 else "",
            "after": visit.address_with(page=str(number + 1)) if number < pages else "",
        }
        return [
            Region(id="alert-filters", template="alerts_filters.html", facts=filters, key=wanted),
            Rows(id="alert-list", rows=await self._rows(shown), classes="stack"),
            Region(id="alert-end", template="alerts_end.html", facts=end, key=tuple(end.values())),
        ]

    async def _quiet(self, found: Sequence[Alert]) -> list[Alert]:
        """Return those that a channel which is switched on does not hear of now."""
        off = {one.spec.name for one in self._source.desk.channels() if not one.spec.enabled}
        quiet = []
        for place, one in enumerate(found[:_EXAMINED]):
            heard = self._source.desk.audiences(one) if one.state.open else ()
            if any(way.hush and way.channel not in off for way in heard):
                quiet.append(one)
            await self._breathe(place)
        return quiet

    async def _rows(self, shown: Sequence[Alert]) -> list[Region]:
        channels = {one.spec.name: one for one in self._source.desk.channels()}
        rows = []
        for place, one in enumerate(shown):
            rows.append(_row(one, self._source.desk.audiences(one), channels))
            await self._breathe(place)
        return rows

    async def _breathe(self, place: int) -> None:
        if place % _AT_ONCE == _AT_ONCE - 1:  # everybody else has a turn in between
            await self._source.clock.sleep(0)


def _row(one: Alert, heard: Sequence[Audience], channels: Mapping[str, ChannelReport]) -> Region:
    facts = {"alert": wire.alert(one), "audience": wire.audiences(heard, channels), "match": matching(one)}
    return Region(
        id=f"alert-{one.id}",
        template="alert_row.html",
        facts=facts,
        key=(*key_of(one), key_of_audience(heard, channels)),
        tag="article",
        classes=f"card alert l-{one.level}",
    )


def key_of(one: Alert) -> tuple[Hashable, ...]:
    """Return what is written of an alert; when it was last seen is not, for that changes with every look."""
    who = (one.acknowledged_at, one.acknowledged_by, one.note)
    when = (one.first_seen, one.fired_at, one.resolved_at)
    what = (one.state, one.level, one.summary, one.detail, one.runbook, one.count, one.flapping, one.dismissed)
    return (one.id, *what, *who, *when, one.deeds[-1:], len(one.deeds))


def key_of_audience(heard: Sequence[Audience], channels: Mapping[str, ChannelReport]) -> Hashable:
    """Return what is written of those who hear of an alert."""
    reports = [channels.get(way.channel) for way in heard]
    return tuple(heard), tuple(report and (report.spec.enabled, report.failing_since) for report in reports)


def matching(one: Alert) -> str:
    """Return the matchers of a silence that is about this alert, and about it alone."""
    labels = {name: one.labels[name] for name in _MATCHED_BY if one.labels.get(name)}
    if "check" not in labels and one.labels.get("component"):
        labels["component"] = one.labels["component"]
    return in_words(tuple(Matcher(name, Matching.EQUAL, value) for name, value in labels.items())) if labels else ""
