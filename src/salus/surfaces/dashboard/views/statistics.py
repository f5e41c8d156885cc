"""How available everything was, and how well healing works: over a day, a week, 30 and 90 days."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from salus.model import CheckReport, Role
from salus.model.history import Day, Times
from salus.ports.history import IncidentQuery
from salus.surfaces.charts import days as draw_days
from salus.surfaces.charts.daily import total
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.kept import Found, Kept
from salus.surfaces.dashboard.words import iso
from salus.surfaces.explain import WORDS

WINDOWS = {"1": "24 h", "7": "7 d", "30": "30 d", "90": "90 d"}
SORTS = {"worst": "Worst first", "name": "By name"}
ON_A_PAGE = 50
MOST_INCIDENTS = 500
MOST_ROWS = 200
_REFRESH = 30.0
MANY = 500
"""Of more checks the worst are those of the last day: going through the days of all of them would take seconds."""
_AT_ONCE = 10
_DAY = timedelta(days=1)
_DAYS_DRAWN = 30  # ninety of each of fifty checks would weigh half a megabyte; the page of a check has them
_DAYS_READ = 90


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is shown.

    Attributes:
        days: how far back, one of ``WINDOWS``.
        sort: ``worst`` or ``name``.
        text: stands in the name of a check.
        page: 1 for the first.
    """

    days: str = "30"
    sort: str = "worst"
    text: str = ""
    page: int = 1

    @classmethod
    def of(cls, visit: Visit) -> Wanted:
        """Read it from behind the question mark; what is not understood says nothing."""
        days, sort, page = visit.asked("days", 3), visit.asked("sort", 6), visit.asked("page", 6)
        return cls(
            days=days if days in WINDOWS else "30",
            sort=sort if sort in SORTS else "worst",
            text=visit.asked("q"),
            page=max(1, int(page)) if page.isascii() and page.isdigit() else 1,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """How available one check was: the share of each window, and its days drawn."""

    shares: tuple[float | None, ...] = (None, None, None, None)
    drawing: str = ""


@dataclass(frozen=True, slots=True)
class Healing:
    """How healing went, as the API sums it up, and how many incidents there were.

    Attributes:
        at: when it was read; tells one reading from another.
        told: what the API answers.
        incidents: how many there were, at most one more than ``MOST_INCIDENTS``.
    """

    at: datetime | None = None
    told: Mapping[str, Any] | None = None
    incidents: int = 0


class StatisticsPage:
    """Makes the page; what the ledger tells is read at most twice a minute, whoever looks."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._healing: Kept[Healing] = Kept(source.clock, _REFRESH, Healing())
        self._lines: Kept[Mapping[str, Line]] = Kept(source.clock, _REFRESH, {})
        self._orders: Kept[Sequence[str]] = Kept(source.clock, _REFRESH, ())
        self._reading = asyncio.Lock()

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        wanted = Wanted.of(visit)
        # One reading at a time: what one visitor waits for, the next one finds kept.
        async with self._reading:
            healing = await self._healing.get(wanted.days, "", lambda: self._read_healing(wanted, visit))
            ordered = await self._ordered(wanted)
            text = wanted.text.lower()
            names = [name for name in ordered.value if text in name.lower()] if text else ordered.value
            pages = max(1, -(-len(names) // ON_A_PAGE))
            number = min(wanted.page, pages)
            shown = tuple(names[(number - 1) * ON_A_PAGE : number * ON_A_PAGE])
            lines = await self._lines.get(shown, "", lambda: self._read_lines(shown))
        trouble = healing.trouble or ordered.trouble or lines.trouble
        parts: list[Region | Rows] = [
            _tabs(wanted, visit, trouble),
            *_told(healing.value, wanted),
            _filters(wanted, visit, WINDOWS[wanted.days if len(ordered.value) <= MANY else "1"]),
            Rows(id="available", rows=[self._row(name, lines.value, wanted) for name in shown], tag="tbody"),
            _end(wanted, number, pages, len(names), visit),
        ]
        return Page(title="Statistics", template="statistics.html", parts=parts, nav="statistics", refresh=_REFRESH)

    # ── what the ledger tells ─────────────────────────────────────────────────────────────────────────────────────────

    async def _read_healing(self, wanted: Wanted, visit: Visit) -> Healing:
        now = self._source.clock.now()
        since = now - int(wanted.days) * _DAY
        told = await self._source.read(visit.caller, "/stats", {"since": iso(since)})
        query = IncidentQuery(since=since, limit=MOST_INCIDENTS + 1)
        incidents = await self._source.parts.incidents.incidents(query)
        return Healing(now, cast("Mapping[str, Any]", told), len(incidents))

    async def _ordered(self, wanted: Wanted) -> Found[Sequence[str]]:
        """Return the names of all checks in order: to know the worst, all are gone through."""
        view = self._source.view
        names = view.names()
        if wanted.sort == "name":
            return Found(names)
        days = wanted.days if len(names) <= MANY else "1"
        return await self._orders.get(days, tuple(names), lambda: self._worst_first(names, int(days)))

    async def _worst_first(self, names: Sequence[str], days: int) -> Sequence[str]:
        history, now = self._source.parts.history, self._source.clock.now()
        shares: dict[str, float | None] = {}
        if days == 1:
            found = await history.lately(since=now - _DAY)
            shares = {name: one.availability for name, one in found.items()}
        else:
            since = (now - (days - 1) * _DAY).date()
            for start in range(0, len(names), _AT_ONCE):
                some = await history.days(names[start : start + _AT_ONCE], since=since)
                shares |= {name: total(one) for name, one in some.items()}
        return await asyncio.to_thread(_sorted, names, shares)

    async def _read_lines(self, names: Sequence[str]) -> Mapping[str, Line]:
        history, now = self._source.parts.history, self._source.clock.now()
        since = (now - (_DAYS_READ - 1) * _DAY).date()
        found: dict[str, Sequence[Day]] = {}
        for start in range(0, len(names), _AT_ONCE):
            found |= await history.days(names[start : start + _AT_ONCE], since=since)
        lately = await history.lately(names, since=now - _DAY) if names else {}
        return await asyncio.to_thread(_lines, names, found, lately, now)

    def _row(self, name: str, lines: Mapping[str, Line], wanted: Wanted) -> Region:
        report: CheckReport | None = self._source.view.check(name)
        status, line = report.state.status if report else None, lines.get(name, Line())
        shares = tuple(zip(WINDOWS, WINDOWS.values(), line.shares, strict=True))
        facts = {"name": name, "status": status, "line": line, "wanted": wanted, "shares": shares}
        key = (status, line, wanted.days, wanted.text)
        return Region(id=f"of-{name}", template="statistics_row.html", facts=facts, key=key, tag="tr")


def _sorted(names: Sequence[str], shares: Mapping[str, float | None]) -> Sequence[str]:
    """Put the least available first; of what nothing is known comes last."""

    def rank(name: str) -> tuple[bool, float, str]:
        share = shares.get(name)
        return share is None, share or 0.0, name

    return sorted(names, key=rank)


def _lines(
    names: Sequence[str], found: Mapping[str, Sequence[Day]], lately: Mapping[str, Times], now: datetime
) -> Mapping[str, Line]:
    today = now.date()
    told: dict[str, Line] = {}
    for name in names:
        days = found.get(name, ())
        shares: list[float | None] = [lately.get(name, Times()).availability]
        shares += [total([day for day in days if (today - day.date).days < length]) for length in (7, 30, 90)]
        told[name] = Line(tuple(shares), draw_days(days, today, _DAYS_DRAWN))
    return told


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tabs(wanted: Wanted, visit: Visit, trouble: str) -> Region:
    tabs = tuple((days, word, visit.address_with(days=days, page="")) for days, word in WINDOWS.items())
    facts = {"tabs": tabs, "wanted": wanted, "trouble": trouble}
    return Region(id="tabs", template="statistics_tabs.html", facts=facts, key=(wanted, trouble))


def _told(healing: Healing, wanted: Wanted) -> list[Region]:
    """Show what is summed up: the whole, the rules, the actions, and why nothing was done."""
    told = healing.told or {}
    whole = told.get("total") or {}
    rules, actions = list(told.get("rules") or ()), list(told.get("actions") or ())
    common = {
        "whole": whole,
        "complete": told.get("complete", True),
        "window": WINDOWS[wanted.days],
        "incidents": healing.incidents,
        "most_incidents": MOST_INCIDENTS,
    }
    acted = [one for one in rules if one["attempts"] or one["called_off"] or one["running"] or one["would_have_acted"]]
    acted.sort(key=lambda one: (one["success_rate"] is None, one["success_rate"] or 0.0, one["rule"]))
    actions.sort(key=lambda one: (-one["runs"], one["action"]))
    key = (healing.at, wanted.days)
    return [
        Region(id="whole", template="statistics_whole.html", facts=common, key=key),
        Region(
            id="rules",
            template="statistics_rules.html",
            facts={"rules": acted[:MOST_ROWS], "more": len(acted) - MOST_ROWS},
            key=key,
        ),
        Region(id="actions", template="statistics_actions.html", facts={"actions": actions[:MOST_ROWS]}, key=key),
        Region(id="refusals", template="statistics_refusals.html", facts={"reasons": _reasons(whole)}, key=key),
    ]


def _reasons(whole: Mapping[str, Any]) -> list[tuple[str, str, int, float]]:
    """Return why nothing was done: the reason, what it means, how often, and the share of it among all of them."""
    refusals: Mapping[str, int] = whole.get("refusals") or {}
    count = sum(refusals.values()) or 1
    known = {reason.value: words for reason, words in WORDS.items()}
    told = [(reason.replace("_", " "), known.get(reason, ""), times) for reason, times in refusals.items()]
    return [(reason, words if words != reason else "", times, times / count) for reason, words, times in told]


def _filters(wanted: Wanted, visit: Visit, window: str) -> Region:
    sorts = tuple((sort, word, visit.address_with(sort=sort, page="")) for sort, word in SORTS.items())
    facts = {"wanted": wanted, "sorts": sorts, "window": window}
    return Region(id="filters", template="statistics_filters.html", facts=facts, key=(wanted, sorts, window))


def _end(wanted: Wanted, number: int, pages: int, found: int, visit: Visit) -> Region:
    facts = {
        "number": number,
        "pages": pages,
        "found": found,
        "text": wanted.text,
        "before": visit.address_with(page=str(number - 1)) if number > 1 else "",
        "after": visit.address_with(page=str(number + 1)) if number < pages else "",
        "clear": visit.address_with(q="", page=""),
    }
    return Region(
        id="available-end", template="statistics_end.html", facts=facts, key=tuple(facts.values()), classes="end"
    )
