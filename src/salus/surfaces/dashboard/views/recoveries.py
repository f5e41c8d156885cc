"""What was healed, or not: what runs now first, then the newest; and each of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

from salus.errors import NotFoundError
from salus.model import Event, Outcome, RecoveryRecord, Role, RuleReport
from salus.ports import EventQuery, RecoveryQuery
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.evidence import evidence
from salus.surfaces.dashboard.views.healing import PHASES, card, chips, rungs_of
from salus.surfaces.dashboard.views.kept import Found, Kept
from salus.surfaces.dashboard.views.recovery_story import Moment, story

ON_A_PAGE = 30
MOST_EVENTS = 200
_MOST_CHOICES = 200
_FRESH = 10.0
_LIVE = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recoveries are shown.

    Attributes:
        check, rule: only those of it; empty for all.
        outcome: only those that ended so.
        before: only those that started before it.
    """

    check: str = ""
    rule: str = ""
    outcome: Outcome | None = None
    before: datetime | None = None

    @classmethod
    def of(cls, visit: Visit) -> Wanted:
        """Read it from behind the question mark; what is not understood says nothing."""
        outcome = visit.asked("outcome")
        return cls(
            check=visit.asked("check"),
            rule=visit.asked("rule"),
            outcome=Outcome(outcome) if outcome in set(Outcome) else None,
            before=_instant(visit.asked("before", 40)),
        )

    @property
    def query(self) -> RecoveryQuery:
        """Return what is asked of the ledger: one more than is shown, to know whether there is more."""
        return RecoveryQuery(
            check=self.check or None,
            rule=self.rule or None,
            outcome=self.outcome,
            before=self.before,
            limit=ON_A_PAGE + 1,
        )

    def takes(self, record: RecoveryRecord) -> bool:
        """Tell whether one that runs is shown."""
        about = self.check in ("", record.check) and self.rule in ("", record.rule)
        return about and self.outcome is None and self.before is None


class RecoveriesPage:
    """Makes the list."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._read: Kept[Sequence[RecoveryRecord]] = Kept(source.clock, _FRESH, ())

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        wanted, view = Wanted.of(visit), self._source.view
        rules = view.rules()
        running = [one for one in view.recoveries() if wanted.takes(one)]
        stamp = tuple(one.id for one in view.recoveries())
        found = await self._read.get(wanted, stamp, lambda: self._source.past.recoveries(wanted.query))
        past = [one for one in found.value if one.outcome is not None]
        parts: list[Region | Rows] = [
            Rows(id="healing", rows=[card(one, rules) for one in running], classes="stack"),
            _filters(wanted, rules),
            Rows(id="recoveries", rows=[row(one) for one in past[:ON_A_PAGE]], tag="tbody"),
            _end(wanted, found, len(past), bool(running), visit),
        ]
        return Page(title="Recoveries", template="recoveries.html", parts=parts, nav="recoveries", refresh=_LIVE)


def row(record: RecoveryRecord) -> Region:
    """Show a recovery that ended, in a line."""
    facts = {"recovery": record, "chips": chips(record)}
    return Region(id=f"recovery-{record.id}", template="recovery_row.html", facts=facts, key=record, tag="tr")


def _filters(wanted: Wanted, rules: Sequence[RuleReport]) -> Region:
    choices = {
        "checks": sorted({one.rule.check for one in rules} | ({wanted.check} - {""}))[:_MOST_CHOICES],
        "rules": sorted({one.rule.name for one in rules} | ({wanted.rule} - {""}))[:_MOST_CHOICES],
    }
    facts = {"wanted": wanted, "outcomes": list(Outcome), **choices}
    key = (wanted, tuple(choices["checks"]), tuple(choices["rules"]))
    return Region(id="filters", template="recoveries_filters.html", facts=facts, key=key)


def _end(
    wanted: Wanted,
    found: Found[Sequence[RecoveryRecord]],
    count: int,
    running: bool,
    visit: Visit,
) -> Region:
    more = len(found.value) > ON_A_PAGE
    last = found.value[ON_A_PAGE - 1].started_at if more else None
    facts = {
        "trouble": found.trouble,
        "count": count,
        "running": running,
        "filtered": replace(wanted, before=None) != Wanted(),
        "first": visit.address_with(before="") if wanted.before else "",
        "next": visit.address_with(before=last.isoformat()) if last else "",
        "clear": visit.path,
    }
    key = tuple(facts.values())
    return Region(id="recoveries-end", template="recoveries_end.html", facts=facts, key=key, classes="end")


class RecoveryPage:
    """Makes the page of one recovery; it walks on while the recovery does."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._ended: Kept[Sequence[RecoveryRecord]] = Kept(source.clock, 60.0, ())
        self._events: Kept[Sequence[Event]] = Kept(source.clock, 2.0, ())
        self._old_events: Kept[Sequence[Event]] = Kept(source.clock, 60.0, ())

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError."""
        record = await self._record(visit.name)
        rungs = rungs_of(self._source.view.rules(record.check), record)
        moments = story(record, rungs, await self._happened(record))
        rows = [_moment(one) for one in moments]
        running = record.outcome is None
        parts: list[Region | Rows] = [
            Region(id="head", template="recovery_head.html", facts={"recovery": record, "phases": PHASES}, key=record),
            Region(
                id="facts",
                template="recovery_facts.html",
                facts={"recovery": record, "rungs": rungs},
                key=(record, tuple(rungs)),
            ),
            Rows(id="story", rows=rows, tag="ol", classes="timeline"),
            Region(
                id="evidence",
                template="recovery_evidence.html",
                facts={"recovery": record, "evidence": evidence(record.evidence)},
                key=record,
            ),
        ]
        title = f"{'Healing' if running else 'Recovery of'} {record.check}"
        refresh = _LIVE if running else _FRESH
        return Page(title=title, template="recovery.html", parts=parts, nav="recoveries", refresh=refresh)

    async def _record(self, name: str) -> RecoveryRecord:
        for one in self._source.view.recoveries():
            if one.id == name:
                return one
        query = RecoveryQuery(id=name, limit=1)
        found = await self._ended.get(name, "", lambda: self._source.past.recoveries(query))
        if found.trouble:
            found = Found(await self._source.past.recoveries(query))  # says what is wrong
        if not found.value:
            raise NotFoundError(f"there is no recovery {name[:200]!r}", remedy="the list of recoveries shows them")
        return found.value[0]

    async def _happened(self, record: RecoveryRecord) -> Sequence[Event]:
        query = EventQuery(recovery=record.id, limit=MOST_EVENTS)
        kept = self._events if record.outcome is None else self._old_events
        stamp = (len(record.steps), record.current, record.outcome)
        return (await kept.get(record.id, stamp, lambda: self._source.past.events(query))).value


def _moment(one: Moment) -> Region:
    facts = {"moment": one, "evidence": evidence(one.evidence)}
    classes = f"s-{one.tone}" if one.tone else "s-plain"
    return Region(id=one.id, template="recovery_moment.html", facts=facts, key=one, tag="li", classes=classes)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace(" ", "+")).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None
