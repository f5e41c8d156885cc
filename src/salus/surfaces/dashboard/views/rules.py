"""The rules: what heals, when, how often at most, and why it does or does not act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from salus.errors import NotFoundError
from salus.model import Answer, CheckReport, Mode, RecoveryRecord, Role, RuleReport
from salus.ports import RecoveryQuery
from salus.rules.memory import cooldown, half_open_due
from salus.surfaces.dashboard.kept import Reads
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.recoveries import row
from salus.surfaces.dashboard.views.why import (
    Why,
    cooldown_in_words,
    key_of,
    mode_in_words,
    state_in_words,
    trigger_in_words,
    why,
)

ON_A_PAGE = 50
_LAST = 10
_AT_ONCE = 200
_STATES = ("off", "asks a person", "gave up", "heals what comes back", "in an incident", "observes", "ready")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rules are shown: those with a text in their name or that of their check, in one mode, in one state."""

    text: str = ""
    mode: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def of(cls, visit: Visit) -> Wanted:
        """Read it from behind the question mark; what is not understood says nothing."""
        mode, state, page = visit.asked("mode"), visit.asked("state"), visit.asked("page", 6)
        return cls(
            text=visit.asked("q"),
            mode=mode if mode in set(Mode) else "",
            state=state if state in _STATES else "",
            page=max(1, int(page)) if page.isdecimal() else 1,
        )

    def takes(self, report: RuleReport, state: str) -> bool:
        """Tell whether a rule is shown."""
        text = self.text.lower()
        named = not text or text in report.rule.name.lower() or text in report.rule.check.lower()
        return named and self.mode in ("", report.mode) and self.state in ("", state)


class RulesPage:
    """Makes the list."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source

    async def page(self, visit: Visit) -> Page:
        """Make it."""
        wanted, view = Wanted.of(visit), self._source.view
        disabled = set(view.policy().disabled)
        reports = view.rules()
        found: list[tuple[RuleReport, str, str]] = []
        for count, one in enumerate(reports, 1):
            state, tone = state_in_words(one, visit.now, off=one.rule.name in disabled)
            if wanted.takes(one, state):
                found.append((one, state, tone))
            if not count % _AT_ONCE:
                await self._source.clock.sleep(0)
        pages = max(1, -(-len(found) // ON_A_PAGE))
        at = min(wanted.page, pages)
        shown = found[(at - 1) * ON_A_PAGE : at * ON_A_PAGE]
        rows = [self._row(report, state, tone, wanted.text) for report, state, tone in shown]
        facts = {
            "any": bool(reports),
            "found": len(found),
            "at": at,
            "pages": pages,
            "before": visit.address_with(page=str(at - 1)) if at > 1 else "",
            "after": visit.address_with(page=str(at + 1)) if at < pages else "",
            "clear": visit.path,
        }
        filters = {"wanted": wanted, "modes": list(Mode), "states": _STATES}
        parts: list[Region | Rows] = [
            Region(id="filters", template="rules_filters.html", facts=filters, key=wanted),
            Rows(id="rules", rows=rows, tag="tbody"),
            Region(id="rules-end", template="rules_end.html", facts=facts, key=tuple(facts.values()), classes="end"),
        ]
        return Page(title="Rules", template="rules.html", parts=parts, nav="rules", refresh=2.0)

    def _row(self, report: RuleReport, state: str, tone: str, text: str) -> Region:
        check = self._source.view.check(report.rule.check)
        status = check.state.status if check else None
        facts = {"report": report, "state": state, "tone": tone, "status": status, "wanted": text}
        key = (report, state, status, text)
        return Region(id=f"rule-{report.rule.name}", template="rule_row.html", facts=facts, key=key, tag="tr")


class RulePage:
    """Makes the page of one rule."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._recoveries: Reads[Sequence[RecoveryRecord]] = Reads(source.clock, 30.0, ())

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError."""
        view = self._source.view
        report = next((one for one in view.rules() if one.rule.name == visit.name), None)
        check = view.check(report.rule.check) if report else None
        if report is None or check is None:
            raise NotFoundError(f"there is no rule {visit.name[:200]!r}", remedy="the list of rules shows them")
        explained = next((one for one in view.explain(report.rule.check) if one.rule.name == visit.name), None)
        whys = [why(explained, check)] if explained else []
        parts = [
            self._head(report, check, visit.now),
            _asking(report, visit.now),
            Region(id="why", template="whys.html", facts={"whys": whys, "whose": "rule"}, key=key_of(whys)),
            _course(report, check),
            self._facts(report, visit.now),
            *await self._past(report, whys),
        ]
        return Page(title=f"Rule {report.rule.name}", template="rule.html", parts=parts, nav="rules", refresh=2.0)

    def _head(self, report: RuleReport, check: CheckReport, now: datetime) -> Region:
        off = report.rule.name in self._source.view.policy().disabled
        state, tone = state_in_words(report, now, off=off)
        facts = {
            "report": report,
            "check": check,
            "off": off,
            "state": state,
            "tone": tone,
            "mode_words": mode_in_words(report.mode),
            "modes": list(Mode),
        }
        key = (report, check.state.status, off, state)
        return Region(id="head", template="rule_head.html", facts=facts, key=key)

    def _facts(self, report: RuleReport, now: datetime) -> Region:
        rule, state = report.rule, report.state
        ended = state.last_finished
        cools = ended + timedelta(seconds=cooldown(rule, state)) if ended else None
        facts = {
            "report": report,
            "cools": cools if cools and cools > now else None,
            "half_open": half_open_due(rule, state),
            "cooldown": cooldown_in_words(rule),
        }
        return Region(id="facts", template="rule_facts.html", facts=facts, key=(report, facts["cools"]))

    async def _past(self, report: RuleReport, whys: Sequence[Why]) -> list[Region | Rows]:
        name, state = report.rule.name, report.state
        stamp = (state.last_started, state.last_finished, state.last_outcome, [one.running for one in whys])
        query = RecoveryQuery(rule=name, limit=_LAST + 1)
        found = await self._recoveries.get(name, tuple(map(str, stamp)), lambda: self._source.past.recoveries(query))
        ended = [one for one in found.value if one.outcome is not None]
        more = len(ended) > _LAST
        facts = {"trouble": found.trouble, "count": len(ended), "more": more, "address": f"/recoveries?rule={name}"}
        return [
            Rows(id="recoveries", rows=[row(one) for one in ended[:_LAST]], tag="tbody"),
            Region(
                id="recoveries-end",
                template="last_recoveries_end.html",
                facts={**facts, "rule": name, "check": ""},
                key=tuple(facts.values()),
                classes="end",
            ),
        ]


def _asking(report: RuleReport, now: datetime) -> Region:
    """Show what the rule asks of a person, or what was answered, while that holds."""
    asked = report.state.approval
    if asked and asked.expires_at <= now:
        asked = None
    facts = {"approval": asked, "waiting": bool(asked and asked.answer is Answer.WAITING), "rule": report.rule}
    return Region(id="asking", template="rule_asking.html", facts=facts, key=asked)


def _course(report: RuleReport, check: CheckReport) -> Region:
    rule, state = report.rule, report.state
    last = len(rule.ladders) - 1
    facts = {
        "rule": rule,
        "trigger": trigger_in_words(rule),
        "next": min(state.attempts + state.escalations, last),
        "service": check.spec.service,
    }
    return Region(id="course", template="rule_course.html", facts=facts, key=(rule, facts["next"], check.spec.service))
