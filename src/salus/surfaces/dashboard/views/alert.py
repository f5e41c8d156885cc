"""One alert: what is wrong, what was tried and how it ended, who was told when, and who is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from salus.alerts.lookup import named
from salus.errors import NotFoundError
from salus.model import Alert, Deed, Role
from salus.ports import AlertQuery
from salus.surfaces import wire_alerts as wire
from salus.surfaces.dashboard.kept import Kept
from salus.surfaces.dashboard.page import Page, Region, Visit
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.views.alerts_active import key_of, key_of_audience, matching

_KEPT = 10.0
_TITLE = 80
_GOOD = frozenset({"ok", "recovered"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the story of an alert.

    Attributes:
        at: when.
        picture: name of an icon.
        tone: ``s-good``, ``s-warn``, ``s-bad``, ``s-now`` or nothing.
        title: what happened, in a few words.
        text: more of it.
        recovery: id of the recovery it belongs to.
    """

    at: datetime
    picture: str
    tone: str
    title: str
    text: str = ""
    recovery: str = ""


class AlertPage:
    """Makes the page of one alert."""

    shown: ClassVar[bool] = False
    role: ClassVar[Role] = Role.VIEWER

    def __init__(self, source: Source) -> None:
        """Show ``source``."""
        self._source = source
        self._ended: Kept[Alert] = Kept(source.clock, _KEPT)

    async def page(self, visit: Visit) -> Page:
        """Make it. Raises NotFoundError, ConflictError (several are called so), StoreError."""
        one = await self._find(visit.name)
        told = wire.alert(one)
        parts = [self._head(one, visit), self._facts(one), _story(one), self._hearers(one)]
        return Page(title=str(told["summary"])[:_TITLE], template="alert.html", parts=parts, nav="alerts", refresh=2.0)

    async def _find(self, name: str) -> Alert:
        """Return an alert that has not ended, or that has."""
        try:
            return named(self._source.desk.active(), name)
        except NotFoundError:
            return await self._ended.get(name, lambda: self._look_up(name))

    async def _look_up(self, name: str) -> Alert:
        found = await self._source.past.alerts(AlertQuery(id=name, limit=2))
        if len(found) != 1:
            raise NotFoundError(f"there is no alert {name[:200]!r}", remedy="the list of the alerts has all")
        return found[0]

    def _head(self, one: Alert, visit: Visit) -> Region:
        facts = {"alert": wire.alert(one), "match": matching(one)}
        return Region(
            id="alert-head", template="alert_head.html", facts=facts, key=key_of(one), classes="page-head alert-head"
        )

    def _facts(self, one: Alert) -> Region:
        told = wire.alert(one)
        facts = {"alert": told, "runbook": safe_link(one.runbook), "labels": sorted(one.labels.items())}
        return Region(id="alert-facts", template="alert_facts.html", facts=facts, key=key_of(one))

    def _hearers(self, one: Alert) -> Region:
        channels = {report.spec.name: report for report in self._source.desk.channels()}
        heard = self._source.desk.audiences(one) if one.resolved_at is None else ()
        facts = {"audience": wire.audiences(heard, channels), "ended": one.resolved_at is not None}
        key = (one.resolved_at, key_of_audience(heard, channels))
        return Region(id="alert-hearers", template="alert_hearers.html", facts=facts, key=key)


def _story(one: Alert) -> Region:
    entries = tuple(story(one))
    return Region(id="alert-story", template="alert_story.html", facts={"entries": entries}, key=entries)


def story(one: Alert) -> Sequence[Entry]:
    """Tell the story of an alert, the oldest first."""
    words = wire.alert(one)
    found = [Entry(one.first_seen, "degraded", "s-warn", "It began", str(words["detail"] or words["summary"]))]
    if one.fired_at and not one.moment:
        found.append(Entry(one.fired_at, "bell", "s-bad", "It began to fire"))
    found += [_deed(deed) for deed in one.deeds]
    for channel, known in sorted(one.told.items()):
        if known.key:
            often = f"{known.count} times so far" if known.count > 1 else ""
            found.append(Entry(known.at, "bell", "", f"{channel} was told that it is {known.state}", often))
    if one.acknowledged_at:
        title = f"{one.acknowledged_by or 'Somebody'} took it upon themselves"
        found.append(Entry(one.acknowledged_at, "user", "s-now", title, one.note))
    if one.resolved_at:
        found.append(Entry(one.resolved_at, "healthy", "s-good", "It ended", one.resolution))
    return sorted(found, key=lambda entry: entry.at)


def _deed(deed: Deed) -> Entry:
    """Tell one thing that Salus did, or why it did nothing."""
    text = str(wire.deed(deed)["message"])
    result = deed.result.replace("_", " ")
    if deed.held_back:
        return Entry(deed.at, "pause", "s-warn", "Nothing was done", text or result)
    good = deed.result in _GOOD
    if not deed.action:
        picture, tone = ("healthy", "s-good") if good else ("unhealthy", "s-bad")
        return Entry(deed.at, picture, tone, f"Recovery, attempt {deed.attempt}: {result}", text, deed.recovery)
    seen = {True: "; the check was well afterwards", False: "; the check was still bad afterwards", None: ""}
    tone = "s-good" if good and deed.verified is not False else "s-bad"
    title = f"{deed.action}: {'done' if deed.result == 'ok' else result}{seen[deed.verified]}"
    return Entry(deed.at, "wrench", tone, title, text, deed.recovery)


def safe_link(address: str) -> str:
    """Return an address if it leads to a page on the web, else nothing: it came from outside."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    plain = address.isprintable() and not any(sign.isspace() for sign in address)
    return address if plain and parts.scheme in ("http", "https") and parts.hostname else ""
