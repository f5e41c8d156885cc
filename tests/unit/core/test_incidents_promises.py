"""What holds for incidents whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from salus.incidents.fold import GAP, Incidents
from salus.incidents.graph import check_key
from salus.model import Event, EventKind, Status
from salus.model.history import Incident
from tests.unit.core.incidents import CHECKS, NOW, Story, graph

NAMES = [spec.name for spec in CHECKS]
TARGETS = ["service:web", "service:db", "service:mail", *map(check_key, NAMES)]
SCOPES = ["all", "kind:http", "kind:tcp", "tag:shop"]
CALM = timedelta(hours=1)

Act = Callable[[Story], object]

checks = st.sampled_from(NAMES)
recoveries = st.sampled_from(["r1", "r2", "r3"])
acts = st.one_of(
    st.builds(lambda check: lambda story: story.bad(check), checks),
    st.builds(lambda check: lambda story: story.well(check), checks),
    st.builds(lambda check, status: lambda story: story.turns(check, status), checks, st.sampled_from(Status)),
    st.builds(lambda seconds: lambda story: story.wait(seconds), st.sampled_from([1, 20, 120, 299, 300, 301, 900])),
    st.builds(
        lambda name, check, targets: lambda story: story.heals(name, check, *targets),
        recoveries,
        checks,
        st.lists(st.sampled_from(TARGETS), max_size=2, unique=True),
    ),
    st.builds(lambda name, check: lambda story: story.healed(name, check), recoveries, checks),
    st.builds(lambda scope: lambda story: story.tell(EventKind.STORM_STARTED, reason=scope), st.sampled_from(SCOPES)),
    st.builds(lambda scope: lambda story: story.tell(EventKind.STORM_ENDED, reason=scope), st.sampled_from(SCOPES)),
    st.builds(lambda check: lambda story: story.tell(EventKind.CHECK_PAUSED, check=check), checks),
    st.builds(lambda check: lambda story: story.tell(EventKind.CONFIG_RELOADED, data={"removed": [check]}), checks),
    st.just(lambda story: story.tell(EventKind.AGENT_STARTED)),
)
courses: st.SearchStrategy[list[Act]] = st.lists(acts, max_size=60)


@dataclass
class Spells:
    """The bad spells that the events tell of, counted in the plainest way."""

    open: dict[str, datetime] = field(default_factory=dict)
    ended: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if event.kind is EventKind.CONFIG_RELOADED:
            removed = event.data["removed"]
            assert isinstance(removed, list)
            self._end(str(removed[0]), event.at)
        elif event.kind is EventKind.CHECK_PAUSED or event.new == "healthy":
            self._end(event.check or "", event.at)
        elif event.kind is EventKind.STATUS_CHANGED and event.new in ("degraded", "unhealthy"):
            self.open.setdefault(event.check or "", event.at)

    def _end(self, check: str, at: datetime) -> None:
        if check in self.open:
            self.ended.append((check, self.open.pop(check), at))


def told(course: list[Act], incidents: Incidents | None = None) -> Story:
    story = Story(incidents or Incidents(graph()))
    for act in course:
        act(story)
    return story


def spells_of(story: Story) -> Spells:
    found = Spells()
    for event in story.events:
        found.take(event)
    return found


def covers(one: Incident, check: str, began: datetime, ended: datetime | None) -> bool:
    lasts = one.ended_at is None or (ended is not None and one.ended_at >= ended)
    return check in one.checks and one.started_at <= began and lasts


@given(courses)
@settings(max_examples=300, deadline=None)
def test_every_bad_spell_belongs_to_exactly_one_incident_which_ends_with_its_last(course: list[Act]) -> None:
    story = told(course)
    spells = spells_of(story)
    every = [*spells.ended, *((check, began, None) for check, began in spells.open.items())]
    for check, began, ended in every:
        holders = [one for one in story.all if covers(one, check, began, ended)]
        assert len(holders) == 1
    assert {name for one in story.all for name in one.failing} == set(spells.open)
    for one in story.all:
        assert (one.ended_at is None) == bool(one.failing)
        assert one.ended_at is None or one.ended_at >= one.started_at
        assert {check for check, began, _ in every if check in one.checks and began >= one.started_at} == set(
            one.checks
        )


@given(courses)
@settings(max_examples=300, deadline=None)
def test_no_two_incidents_that_are_open_share_a_check_and_ids_stay_while_they_grow(course: list[Act]) -> None:
    story = Story()
    seen: dict[str, frozenset[str]] = {}
    for act in course:
        act(story)
        open_ones = [name for one in story.all if one.ended_at is None for name in one.checks]
        assert len(open_ones) == len(set(open_ones))
        for name, had in seen.items():
            found = story.incidents.find(name)
            assert found is not None
            assert int(found.id, 16) <= int(name, 16)
            assert had <= set(found.checks)
        seen |= {one.id: frozenset(one.checks) for one in story.all}
        assert [one.id for one in story.all] == sorted((one.id for one in story.all), reverse=True)


@given(courses)
@settings(max_examples=200, deadline=None)
def test_asking_in_between_changes_nothing(course: list[Act]) -> None:
    asked = Story()
    for act in course:
        act(asked)
        _ = asked.all, asked.incidents.failing()
    again = Incidents(graph())
    for event in asked.events:
        again.take(event)
    assert [case.incident() for case in again.newest_first()] == asked.all


@given(courses)
@settings(max_examples=200, deadline=None)
def test_the_root_is_one_of_the_checks_and_hangs_on_none_of_the_others(course: list[Act]) -> None:
    wiring = graph()
    for one in told(course).all:
        assert one.root in one.checks
        assert not {check_key(name) for name in one.checks} & wiring.above(one.root)


@given(courses)
@settings(max_examples=200, deadline=None)
def test_what_is_kept_is_bounded_and_nothing_is_left_of_what_is_over(course: list[Act]) -> None:
    story = told(course, Incidents(graph(), most=2))
    live = [one for one in story.all if one.ended_at is None or story.at - one.ended_at <= GAP]
    assert len(story.all) <= 2 + len(NAMES)
    assert {name for one in live for name in one.failing} == set(spells_of(story).open)
    story.well(*NAMES).tell(EventKind.AGENT_STARTED).wait(CALM.total_seconds()).tell(EventKind.AGENT_STARTED)
    assert len(story.all) <= 2
    assert story.incidents.failing() == []
    assert story.at > NOW
