"""Incidents as pages: what goes on stands first, what is over day by day, and each of them as a story."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import Event, EventKind, Outcome, RecoveryRecord, Role, Status, StepRecord, StepResult
from salus.model.history import Incident
from salus.ports import Batch
from salus.surfaces.dashboard.views.incident_story import story
from tests.fake_agent import NOW, check
from tests.fake_api import FakeApi
from tests.fake_incidents import OPEN_INCIDENT, PAST_INCIDENT, FakeIncidents
from tests.visitor import ROOT, Html, Visitor

EVIL = "<script>alert(1)</script>\"'/../ü" + "x" * 120
SECOND = timedelta(seconds=1)
BEGAN = OPEN_INCIDENT.started_at


def event(number: int, kind: EventKind, *, after: float = 0, **facts: str) -> Event:
    return Event(id=number, at=BEGAN + after * SECOND, kind=kind, **facts)  # type: ignore[arg-type] # only texts


def turned(number: int, name: str, new: str, *, after: float = 0, old: str = "healthy", said: str = "500") -> Event:
    facts = {"check": name, "old": old, "new": new, "message": said}
    return event(number, EventKind.STATUS_CHANGED, after=after, **facts)


def healed(name: str = "r1", outcome: Outcome | None = Outcome.RECOVERED, *, after: float = 2) -> RecoveryRecord:
    began = BEGAN + after * SECOND
    step = StepRecord(position=1, action="restart_service", result=StepResult.OK, started_at=began, verified=True)
    return RecoveryRecord(
        id=name,
        rule="restart-web",
        check="web",
        targets=("service:web",),
        decided_at=began,
        started_at=began,
        finished_at=began + 5 * SECOND if outcome else None,
        outcome=outcome,
        duration=5.0 if outcome else None,
        message="restart_service healed it",
        steps=(step,),
    )


async def page(path: str, api: FakeApi | None = None, role: Role = Role.VIEWER) -> Html:
    return await (await Visitor(api or FakeApi()).sign_in(role)).page(path)


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_goes_on_stands_before_what_is_over_with_its_checks_as_they_are_now() -> None:
    api = FakeApi()
    api.view.reports = [check("api", Status.DEGRADED, "slow"), check("web", Status.UNHEALTHY, "500")]
    words = (await page("/incidents", api)).words
    assert words.index(OPEN_INCIDENT.title) < words.index("Day by day") < words.index("disk was degraded")
    assert "web Unhealthy" in words
    assert "api Degraded root" in words
    assert "recovered" in words.partition("Day by day")[2]


async def test_incidents_that_are_over_stand_under_their_day() -> None:
    days = [0, 0, 1, 9]
    some = [
        replace(PAST_INCIDENT, id=f"{9 - place:x}", started_at=NOW - ago * timedelta(days=1) - SECOND)
        for place, ago in enumerate(days)
    ]
    words = (await page("/incidents", FakeApi(incidents=FakeIncidents(some)))).words
    heads = [words.index(head) for head in ("Today, ", "Yesterday, ", f"{(NOW - timedelta(days=9)):%A}, ")]
    assert heads == sorted(heads)
    assert words.count("Today, ") == 1


@pytest.mark.parametrize(
    "query,found",
    [
        ("", {OPEN_INCIDENT.id, PAST_INCIDENT.id}),
        ("?state=open", {OPEN_INCIDENT.id}),
        ("?state=over", {PAST_INCIDENT.id}),
        ("?check=disk", {PAST_INCIDENT.id}),
        ("?check=nothing", set()),
        ("?days=1", {OPEN_INCIDENT.id, PAST_INCIDENT.id}),
        ("?state=%3Cb%3E&days=400&before=no", {OPEN_INCIDENT.id, PAST_INCIDENT.id}),
    ],
)
async def test_what_is_asked_for_is_found(query: str, found: set[str]) -> None:
    shown = await page(f"/incidents{query}")
    assert {one.removeprefix("incident-") for one in shown.ids if one.startswith("incident-")} == found
    assert ("No incident fits" in shown.words) is (not found)


async def test_a_long_list_comes_in_pages_that_lead_to_each_other() -> None:
    many = [replace(PAST_INCIDENT, id=f"{number:x}", recoveries=()) for number in range(70, 0, -1)]
    api = FakeApi(incidents=FakeIncidents([OPEN_INCIDENT, *many]))
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    seen: list[str] = []
    path = "/incidents?state=over"
    for _ in range(3):
        shown = await visitor.page(path)
        seen += [one for one in shown.ids if one.startswith("incident-")]
        older = [facts["href"] or "" for tag, facts in shown.tags if tag == "a" and facts.get("rel") == "next"]
        path = older[0].removeprefix(ROOT) if older else ""
    assert seen == [f"incident-{number:x}" for number in range(70, 0, -1)]
    assert path == ""


async def test_who_has_had_no_incident_is_told_what_will_stand_there() -> None:
    assert "No incident yet" in (await page("/incidents", FakeApi(incidents=FakeIncidents([])))).words


async def test_what_was_done_is_said_in_a_line() -> None:
    api = FakeApi(incidents=FakeIncidents([replace(PAST_INCIDENT, recoveries=("r0", "r1"), ended_at=NOW)]))
    await api.past.open()
    await api.past.write(Batch(recoveries=[healed()]))
    words = (await page("/incidents", api)).words
    assert "recovered restart_service · 2 recoveries" in words


# ── one of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_incident_is_told_with_its_checks_its_services_and_what_was_done() -> None:
    happened = [turned(1, "api", "unhealthy"), turned(2, "web", "unhealthy", after=30)]
    api = FakeApi(incidents=FakeIncidents(happened=happened))
    await api.past.open()
    await api.past.write(Batch(recoveries=[healed()]))
    shown = await page(f"/incidents/{OPEN_INCIDENT.id}", api)
    words = shown.words
    assert "api turned unhealthy, the root of it" in words
    assert words.index("api turned unhealthy") < words.index("Healed web") < words.index("web turned unhealthy")
    assert f"{ROOT}/recoveries/r1" in shown.links
    assert f"{ROOT}/services/web" in shown.links
    assert "2 of 2 checks are not well" in words
    assert sorted(set(shown.ids)) == sorted(shown.ids)


async def test_an_incident_that_is_over_says_how_long_it_lasted() -> None:
    words = (await page(f"/incidents/{PAST_INCIDENT.id}")).words
    assert "It is over: it was well again after 30m" in words
    assert "Everything is well again" in words


async def test_an_incident_that_nobody_knows_is_not_found() -> None:
    answer = await (await Visitor(FakeApi()).sign_in(Role.VIEWER)).get("/incidents/abc")
    assert answer.code == 404


async def test_an_open_page_hears_that_the_incident_is_over() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    path = f"/incidents/{OPEN_INCIDENT.id}"
    await visitor.page(path)
    async with visitor.looking(path) as open_page:
        api.incidents.found = [replace(OPEN_INCIDENT, ended_at=NOW, failing=()), PAST_INCIDENT]
        api.bus.tell(turned(9, "web", "healthy", after=120, old="unhealthy"))
        await open_page.until("It is over")


@pytest.mark.parametrize("path", ["/incidents", f"/incidents/{OPEN_INCIDENT.id}"])
async def test_hostile_names_and_messages_are_words_and_every_link_stays_below_the_root(path: str) -> None:
    bad = replace(
        OPEN_INCIDENT, title=EVIL, checks=(EVIL, "web"), failing=(EVIL,), root=EVIL, services=(EVIL,), recoveries=()
    )
    happened = [
        turned(1, EVIL, "unhealthy", said=EVIL),
        turned(2, "web", "unhealthy", said=EVIL),
        event(3, EventKind.ALERT_FIRING, check=EVIL, message=EVIL),
        event(4, EventKind.RECOVERY_STARTED, recovery=EVIL, check=EVIL, message=EVIL),
    ]
    api = FakeApi(incidents=FakeIncidents([bad, replace(bad, id="1", ended_at=NOW)], happened))
    api.view.reports = [check(EVIL, Status.UNHEALTHY, EVIL)]
    shown = await page(path, api, Role.ADMIN)
    assert "<script>alert" not in shown.text
    assert EVIL in shown.words
    assert [link for link in shown.links if not link.startswith((f"{ROOT}/", "#"))] == []
    assert all("/../" not in link for link in shown.links)


# ── the story ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def titles(
    *events: Event, incident: Incident = OPEN_INCIDENT, recoveries: tuple[RecoveryRecord, ...] = ()
) -> list[str]:
    return [one.title for one in story(replace(incident, detected=None), events, recoveries)]


def test_checks_that_turn_together_are_one_chapter() -> None:
    chapters = story(
        replace(OPEN_INCIDENT, detected=None),
        [turned(1, "a", "unhealthy"), turned(2, "b", "unhealthy", after=2), turned(3, "c", "unhealthy", after=60)],
    )
    assert [one.title for one in chapters] == ["2 checks turned unhealthy", "c turned unhealthy"]
    assert [line.name for line in chapters[0].lines] == ["a", "b"]


def test_very_many_checks_are_counted_and_not_all_named() -> None:
    chapters = story(OPEN_INCIDENT, [turned(number, f"c{number}", "unhealthy") for number in range(1, 81)])
    assert chapters[-1].title == "80 checks turned unhealthy"
    assert (len(chapters[-1].lines), chapters[-1].more) == (50, 30)


def test_a_recovery_is_one_chapter_where_it_began() -> None:
    told = titles(
        turned(1, "web", "unhealthy"),
        event(2, EventKind.RECOVERY_STARTED, after=2, recovery="r1", check="web"),
        event(3, EventKind.ACTION_FINISHED, after=3, recovery="r1", check="web"),
        event(4, EventKind.SERVICE_STARTED, after=4, service="web"),
        turned(5, "web", "healthy", after=6, old="unhealthy"),
        event(6, EventKind.RECOVERY_FINISHED, after=7, recovery="r1", check="web"),
        recoveries=(healed(),),
    )
    assert told == ["web turned unhealthy", "Healed web", "web is well again"]


def test_the_end_stands_where_it_was_and_what_happens_to_salus_later_is_no_chapter() -> None:
    over = replace(OPEN_INCIDENT, ended_at=OPEN_INCIDENT.started_at + timedelta(seconds=60))
    told = titles(
        turned(1, "web", "unhealthy"),
        event(2, EventKind.CONFIG_RELOADED, after=30),
        turned(3, "web", "healthy", after=50, old="unhealthy"),
        event(4, EventKind.ALERT_RESOLVED, after=80, check="web"),
        event(5, EventKind.AGENT_STARTED, after=90),
        event(6, EventKind.MAINTENANCE_STARTED, after=100),
        incident=over,
    )
    assert told[:4] == [
        *("web turned unhealthy", "A new config is in force", "web is well again", "Everything is well again"),
    ]
    assert len(told) == 5


def test_a_recovery_whose_row_is_gone_is_still_told() -> None:
    assert titles(event(2, EventKind.RECOVERY_STARTED, recovery="r7", check="web")) == ["Healing web"]


def test_the_same_refusal_again_and_again_is_said_once_with_its_count() -> None:
    refusals = [
        event(number, EventKind.RECOVERY_REFUSED, after=number, check="web", rule="r", reason="cooling_down")
        for number in range(1, 4)
    ]
    below = event(5, EventKind.RECOVERY_REFUSED, after=5, check="web", rule="r", reason="below_threshold")
    (chapter,) = story(replace(OPEN_INCIDENT, detected=None), [*refusals, below])
    assert (chapter.title, chapter.times) == ("Nothing was done about web: cooling down", 3)


def test_what_was_well_before_anything_was_wrong_is_no_news() -> None:
    assert titles(turned(1, "web", "healthy", old="unknown", after=-30)) == []


def test_the_first_bad_look_stands_before_the_verdict() -> None:
    chapters = story(replace(OPEN_INCIDENT, detected=3.0), [turned(1, "web", "unhealthy")])
    assert [(one.title, one.at) for one in chapters] == [
        ("First bad look", BEGAN - 3 * SECOND),
        ("web turned unhealthy", BEGAN),
    ]


KINDS = st.sampled_from(EventKind)
NAMES = st.sampled_from(["a", "b", "c", "", EVIL])
EVENTS = st.lists(
    st.builds(
        Event,
        id=st.integers(1, 10_000),
        at=st.integers(-60, 600).map(lambda seconds: BEGAN + seconds * SECOND),
        kind=KINDS,
        check=st.none() | NAMES,
        service=st.none() | NAMES,
        recovery=st.none() | NAMES,
        rule=st.none() | NAMES,
        new=st.none() | st.sampled_from([*Status, "odd"]),
        old=st.none() | st.sampled_from([*Status]),
        reason=st.none() | st.sampled_from(["cooling_down", "below_threshold", "odd"]),
        message=st.text(max_size=20),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)


@given(EVENTS, st.booleans(), st.sampled_from([None, *Outcome]))
def test_whatever_happened_is_told_in_order_and_no_chapter_has_the_name_of_another(
    events: list[Event], over: bool, outcome: Outcome | None
) -> None:
    incident = replace(OPEN_INCIDENT, ended_at=BEGAN + 900 * SECOND if over else None)
    chapters = story(incident, events, [healed(outcome=outcome)])
    assert len({one.id for one in chapters}) == len(chapters)
    assert [one.at for one in chapters] == sorted(one.at for one in chapters)
    bad = {one.check or "a check" for one in events if one.kind is EventKind.STATUS_CHANGED and one.new == "unhealthy"}
    assert bad <= {line.name for one in chapters for line in one.lines}
