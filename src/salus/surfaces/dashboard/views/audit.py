"""What was done by whom, and all that happened: the events of the ledger, newest first.

Whoever may only look sees what happened to the things that are watched. Who asked Salus for what, and from where, is
about people: that is for those who may act, and so stand there themselves. The API keeps it the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from salus.model import Event, EventKind, Role
from salus.ports import EventQuery
from salus.surfaces.access import audit
from salus.surfaces.api.past import number
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Page, Region, Rows, Visit
from salus.surfaces.dashboard.source import Source

ON_A_PAGE = 50
_AT_ONCE = 250
_MOST_READ = 2500
_KEPT = 2.0
_STRANGER = "a stranger"

_GROUPS: dict[str, tuple[str, ...]] = {
    "checks": ("status_", "check_", "flapping_"),
    "healing": (
        *("recovery_", "action_", "verified", "rule_", "approval_", "storm_", "circuit_", "rival_", "shared_"),
        *("healing_", "overload_"),
    ),
    "services": ("service_",),
    "alerts": ("alert_", "notification_", "channel_", "silence_"),
    "people": ("paused", "resumed", "maintenance_", "token_", "request_"),
}


def _group(kind: EventKind) -> str:
    return next((name for name, starts in _GROUPS.items() if kind.startswith(starts)), "salus")


KINDS = {name: tuple(kind for kind in EventKind if _group(kind) == name) for name in (*_GROUPS, "salus")}
"""The kinds of events, by what they are about."""

AUDIT = tuple(kind for kind in EventKind if kind in audit.KINDS)
"""What people, and strangers, asked of Salus."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are wanted.

    Attributes:
        kinds: only these.
        check: only those about it.
        who: stands in the name of who asked; empty for everybody.
        what: stands in the message.
        before: only those older than the event of this id.
    """

    kinds: tuple[EventKind, ...]
    check: str = ""
    who: str = ""
    what: str = ""
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of events, and from where the next one goes on; None where there is nothing more."""

    events: Sequence[Event]
    after: int | None
    read: int


class AuditPage:
    """Makes the page of what was done, and that of what happened."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._leaves: Kept[Leaf] = Kept(source.clock, _KEPT)

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises Refused, StoreError."""
        happened = visit.asked("tab", 10) == "events" or not visit.may_act
        asked = _events(visit) if happened else _audit(visit)
        leaf = await self._leaves.get(asked, lambda: self._read(asked))
        row = _event_row if happened else self._audit_row
        facts = {
            "happened": happened,
            "asked": asked,
            "kind": visit.asked("kind", 40),
            "kinds": {
                name: [kind for kind in kinds if visit.may_act or kind not in AUDIT] for name, kinds in KINDS.items()
            },
        }
        end = {
            "found": len(leaf.events),
            "read": leaf.read,
            "narrowed": bool(asked.who or asked.what or asked.check or visit.asked("kind", 40)),
            "first": visit.address_with(after="") if asked.before is not None else "",
            "more": visit.address_with(after=str(leaf.after)) if leaf.after is not None else "",
        }
        parts: list[Region | Rows] = [
            Region(id="events-filters", template="events_filters.html", facts=facts, key=asked),
            Rows(id="events", rows=[row(one) for one in leaf.events], tag="tbody"),
            Region(id="events-end", template="events_end.html", facts=end, key=tuple(end.values()), classes="end"),
        ]
        title = "Events" if happened else "Audit"
        refresh = 2.0 if asked.before is None else 60.0
        return Page(title=title, template="audit.html", parts=parts, facts=facts, nav="audit", refresh=refresh)

    async def _read(self, asked: Asked) -> Leaf:
        """Read a page. What the ledger cannot look for is looked for here, among so many events at most."""
        takes = _takes(asked)
        found: list[Event] = []
        before, read = asked.before, 0
        while read < _MOST_READ:
            wanted = EventQuery(
                kinds=asked.kinds, check=asked.check or None, before=before, limit=_AT_ONCE if takes else ON_A_PAGE
            )
            some = await self._source.past.events(wanted)
            for event in some:
                read, before = read + 1, event.id
                if takes is None or takes(event):
                    found.append(event)
                if len(found) == ON_A_PAGE:
                    return Leaf(found, before, read)
            if len(some) < wanted.limit:
                return Leaf(found, None, read)
        return Leaf(found, before, read)

    def _audit_row(self, event: Event) -> Region:
        """Write one thing that was asked for; where it was refused, why."""
        who, request, code = _who(event), str(event.data.get("request") or ""), str(event.data.get("code") or "")
        detail = event.message.removeprefix(f"{who}: {request}: {code}").strip() if request else event.message
        facts = {
            "event": event,
            "who": who,
            "stranger": who == _STRANGER,
            "role": str(event.data.get("role") or ""),
            "address": str(event.data.get("address") or ""),
            "request": request,
            "about": self._source.api.about(request),
            "code": code,
            "detail": detail,
            "refused": event.kind is EventKind.REQUEST_REFUSED,
        }
        return Region(id=f"e-{event.id}", template="audit_row.html", facts=facts, key=event.id, tag="tr")


def _audit(visit: Visit) -> Asked:
    return Asked(AUDIT, who=visit.asked("who"), what=visit.asked("what"), before=_before(visit))


def _events(visit: Visit) -> Asked:
    """Read what is wanted; what is not understood says nothing."""
    asked = visit.asked("kind", 40)
    kinds = KINDS.get(asked) or tuple(kind for kind in EventKind if kind == asked) or tuple(EventKind)
    if not visit.may_act:
        kinds = tuple(kind for kind in kinds if kind not in AUDIT) or KINDS["checks"]
    return Asked(kinds, check=visit.asked("check"), before=_before(visit))


def _before(visit: Visit) -> int | None:
    after = visit.asked("after", 20)
    return number(after) if after else None


def _takes(asked: Asked) -> Callable[[Event], bool] | None:
    """Return what picks the events that are wanted; None where all are."""
    if not asked.who and not asked.what:
        return None
    who, what = asked.who.lower(), asked.what.lower()
    return lambda event: who in _who(event).lower() and what in event.message.lower()


def _who(event: Event) -> str:
    """Return who asked for it."""
    return str(event.data.get("by") or "") or _STRANGER


def _event_row(event: Event) -> Region:
    facts = {"event": event, "group": _group(event.kind)}
    return Region(id=f"e-{event.id}", template="event_line.html", facts=facts, key=event.id, tag="tr")
