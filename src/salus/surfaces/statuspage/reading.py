"""Reads what the page shows: the truth of this moment, days and incidents of the past, and what people announced."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from salus.config import Settings
from salus.errors import StoreError
from salus.model import CheckReport, Event, Maintenance, Status
from salus.model.history import Day, Incident
from salus.model.statuspage import Announcement, ComponentSpec, StatusPageSettings
from salus.ports import Clock, View
from salus.ports.history import History, IncidentQuery, Incidents
from salus.ports.statuspage import Announcements
from salus.surfaces.statuspage import days, telling, words
from salus.surfaces.statuspage.public import ANNOUNCED, Component, Condition, Group, Page, Trouble, Window
from salus.surfaces.statuspage.telling import Chosen, Speaker, public_id

DAYS_FOR = 60.0
STORY_FOR = 15.0
MOST_INCIDENTS = 500
AHEAD = timedelta(days=30)
_A_PAGE = 100
_STORIES_KEPT = 500
_STORIES_AT_ONCE = 20
_CHECKS_AT_ONCE = 200
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the page speaks for.

    Attributes:
        view: the truth.
        settings: the config in force.
        history: the days of the past.
        incidents: the trouble of the past.
        announcements: what people told.
    """

    view: View
    settings: Callable[[], Settings]
    history: History
    incidents: Incidents
    announcements: Announcements


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read, before it is put into public words."""

    page: StatusPageSettings
    chosen: Chosen
    now: datetime
    reports: Mapping[str, CheckReport]
    windows: Sequence[Maintenance]
    days: Mapping[str, Sequence[Day]] | None
    incidents: Sequence[tuple[Incident, Sequence[Event]]] | None
    announcements: Sequence[Announcement]


@dataclass(frozen=True, slots=True)
class _Story:
    """What happened in an incident: the events, whether it is over, and until when they are not read again."""

    events: Sequence[Event]
    over: bool
    until: float


class Reader:
    """Reads, and remembers what does not change: the days for a minute, the story of an incident that is over."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        """Read from ``parts``."""
        self._parts = parts
        self._clock = clock
        self._settings: Settings | None = None
        self._chosen = Chosen({}, {})
        self._days: Mapping[str, Sequence[Day]] | None = None
        self._days_until = 0.0
        self._stories: OrderedDict[str, _Story] = OrderedDict()

    async def page(self) -> Page | None:
        """Return everything that the page shows now; None where there is no page."""
        settings = self._parts.settings()
        page = settings.status_page
        if page is None:
            return None
        if settings is not self._settings:
            self._settings, self._chosen, self._days_until = settings, chosen(settings, page), 0.0
            self._stories.clear()  # they were read for what the public could know before
        now = self._clock.now()
        facts = Facts(
            page=page,
            chosen=self._chosen,
            now=now,
            reports=await self._reports(),
            windows=self._parts.view.policy().maintenance,
            days=await self._read_days(page, now),
            incidents=await self._incidents(page, now),
            announcements=() if page.incidents == "none" else self._parts.announcements.announcements(),
        )
        return await asyncio.to_thread(written, facts)

    async def _reports(self) -> dict[str, CheckReport]:
        found: dict[str, CheckReport] = {}
        for place, name in enumerate(self._chosen.speakers):
            report = self._parts.view.check(name)
            if report is not None:
                found[name] = report
            if place % _CHECKS_AT_ONCE == _CHECKS_AT_ONCE - 1:  # everybody else has a turn in between
                await self._clock.sleep(0)
        return found

    async def _read_days(self, page: StatusPageSettings, now: datetime) -> Mapping[str, Sequence[Day]] | None:
        """Return the days; None where they cannot be read."""
        if self._clock.monotonic() < self._days_until:
            return self._days
        since = now.date() - timedelta(days=page.history_days - 1)
        try:
            self._days = await self._parts.history.days(list(self._chosen.speakers), since=since)
        except StoreError as error:
            _LOG.warning("the status page cannot read the days of the past: %s", error)
            self._days = None
        self._days_until = self._clock.monotonic() + DAYS_FOR
        return self._days

    async def _incidents(
        self, page: StatusPageSettings, now: datetime
    ) -> Sequence[tuple[Incident, Sequence[Event]]] | None:
        """Return incidents with their events, newest first; None where they cannot be read."""
        if page.incidents != "auto" or not self._chosen.speakers:
            return ()
        since = now - timedelta(days=page.history_days)
        try:
            found = [one for one in await self._listed(since) if self._chosen.about(one.checks)]
            stories = await self._read_stories(found)
        except StoreError as error:
            _LOG.warning("the status page cannot read the incidents: %s", error)
            return None
        return [(one, stories.get(one.id, ())) for one in found]

    async def _listed(self, since: datetime) -> list[Incident]:
        found: list[Incident] = []
        before = None
        while len(found) < MOST_INCIDENTS:
            query = IncidentQuery(since=since, before=before, limit=_A_PAGE)
            more = await self._parts.incidents.incidents(query)
            found += more
            if len(more) < _A_PAGE:
                break
            before = more[-1].id
        return found

    async def _read_stories(self, incidents: Sequence[Incident]) -> dict[str, Sequence[Event]]:
        """Read what happened in each to checks that the public may know, the newest first, so many at a time.

        Of an incident that is over it is read once, of one that lasts every few seconds.
        """
        now = self._clock.monotonic()
        left = _STORIES_AT_ONCE
        for one in incidents:
            kept = self._stories.get(one.id)
            stale = kept is None or kept.over is not (one.ended_at is not None) or now >= kept.until
            if stale and left:
                left -= 1
                meant = tuple(name for name in one.checks if name in self._chosen.speakers)
                events = await self._parts.incidents.timeline(replace(one, checks=meant, services=()))
                over = one.ended_at is not None
                self._stories[one.id] = _Story(events, over, inf if over else now + STORY_FOR)
                if len(self._stories) > _STORIES_KEPT:
                    self._stories.popitem(last=False)
        return {one.id: self._stories[one.id].events for one in incidents if one.id in self._stories}


def chosen(settings: Settings, page: StatusPageSettings) -> Chosen:
    """Return which checks speak for what."""
    labels = {one.label: _speakers(settings, one) for one in page.components}
    about: dict[str, list[str]] = {}
    for label, checks in labels.items():
        for name in checks:
            about.setdefault(name, []).append(label)
    return Chosen(
        labels, {name: Speaker(tuple(found), settings.checks[name].critical) for name, found in about.items()}
    )


def _speakers(settings: Settings, component: ComponentSpec) -> tuple[str, ...]:
    named = dict.fromkeys(name for name in component.checks if name in settings.checks)
    wanted = set(component.tags)
    tagged = (name for name, spec in settings.checks.items() if wanted.intersection(spec.tags)) if wanted else ()
    return tuple(named | dict.fromkeys(tagged))


def written(facts: Facts) -> Page:
    """Put what was read into public words."""
    page = facts.page
    windows = _windows(facts)
    every = (telling.announced(one, facts.chosen) for one in facts.announcements)
    told = [one for one in every if one is not None]
    oldest = facts.now - timedelta(days=page.history_days)
    troubles: list[Trouble] = [one for one in told if one.ended_at is None or one.ended_at >= oldest]
    for incident, events in facts.incidents or ():
        one = telling.trouble(incident, events, facts.chosen)
        troubles += [one] if one is not None else []
    return Page(
        id=public_id("page", page.title),
        title=page.title,
        description=page.description,
        link=page.link,
        url=page.url,
        at=facts.now,
        groups=tuple(_group(facts, index, windows, told) for index in range(len(page.groups))),
        troubles=tuple(sorted(troubles, key=lambda one: (one.started_at, one.id), reverse=True)),
        windows=tuple(sorted(windows, key=lambda one: (one.since, one.id))),
        history_days=page.history_days,
        tells=page.incidents != "none",
        gaps=tuple(_gaps(facts)),
    )


def _gaps(facts: Facts) -> list[str]:
    gaps = []
    if facts.days is None:
        gaps.append("The past days cannot be shown just now.")
    if facts.incidents is None:
        gaps.append("Past incidents cannot be shown just now.")
    return gaps


def _group(facts: Facts, index: int, windows: Sequence[Window], told: Sequence[Trouble]) -> Group:
    group = facts.page.groups[index]
    components = tuple(_component(facts, one, windows, told) for one in group.components)
    return Group(
        id=public_id("group", f"{index}:{group.name}"),
        name=group.name,
        description=group.description,
        components=components,
    )


def _component(facts: Facts, spec: ComponentSpec, windows: Sequence[Window], told: Sequence[Trouble]) -> Component:
    checks = facts.chosen.labels[spec.label]
    reports = [facts.reports[name] for name in checks if name in facts.reports]
    past = None if facts.days is None else days.together(facts.days.get(name, ()) for name in checks)
    condition = _condition(facts, spec.label, windows, told)
    changes = [one.state.since for one in reports if one.state.since is not None]
    return Component(
        id=public_id("component", spec.label),
        label=spec.label,
        description=spec.description,
        condition=condition,
        message=_message(reports) if facts.page.show_messages else "",
        since=max(changes, default=None),
        first=days.first(past or ()),
        days=past,
    )


def _condition(facts: Facts, label: str, windows: Sequence[Window], told: Sequence[Trouble]) -> Condition:
    """Return how a component is: as its checks say, or worse where people say so; not in maintenance."""
    said = [ANNOUNCED[one.impact] for one in told if one.ended_at is None and label in one.components]
    if Condition.MAINTENANCE in said or any(one.open and label in one.components for one in windows):
        own = Condition.MAINTENANCE
    else:
        own = facts.chosen.judge(label, {name: _status(one) for name, one in facts.reports.items()})
    return max([own, *said], key=lambda one: one.rank)


def _status(report: CheckReport) -> Status:
    """Return how a check is; of one that a person has set aside nobody knows it."""
    return Status.UNKNOWN if report.paused else report.state.status


def _message(reports: Sequence[CheckReport]) -> str:
    bad = (one.state.last for one in reports if _status(one) is not Status.HEALTHY)
    return next((words.clean(last.message) for last in bad if last is not None and last.message), "")


def _windows(facts: Facts) -> list[Window]:
    """Return the windows that touch what the public knows; those that look the same to them are one."""
    found: dict[str, Window] = {}
    for window in facts.windows:
        touched = [
            name
            for name, one in facts.reports.items()
            if window.members.takes(name, one.spec.tags, (one.spec.service,) if one.spec.service else ())
        ]
        labels = facts.chosen.about(touched)
        if not labels or window.until <= facts.now or window.since > facts.now + AHEAD:
            continue
        text = words.clean(window.reason) if facts.page.show_messages else ""
        # Not from its name, which could be guessed and tried.
        name = public_id("window", repr((labels, window.since, window.until, text)))
        found[name] = Window(
            id=name,
            components=labels,
            since=window.since,
            until=window.until,
            open=window.since <= facts.now,
            text=text,
        )
    return list(found.values())
