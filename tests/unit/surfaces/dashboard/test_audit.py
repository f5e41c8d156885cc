"""Who did what, and all that happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from salus.model import Event, EventKind, Role
from salus.ports import Batch
from salus.surfaces.dashboard.views.audit import AUDIT, KINDS
from tests.fake_agent import NOW
from tests.fake_api import FakeApi
from tests.unit.surfaces.dashboard.hostile import HOSTILE, is_harmless, older, told
from tests.visitor import ROOT, Visitor

FIRST = int(NOW.timestamp() * 1_000_000)


def asked(number: int, who: str = "anna", request: str = "POST /api/v1/pause", code: int = 200, why: str = "") -> Event:
    refused = code in (401, 403, 429)
    return Event(
        id=FIRST + number,
        at=NOW + timedelta(seconds=number),
        kind=EventKind.REQUEST_REFUSED if refused else EventKind.REQUEST_DONE,
        message=f"{who or 'a stranger'}: {request}: {code}{' ' if why else ''}{why}",
        reason=str(code),
        data={"by": who, "request": request, "code": code, "role": "operator", "address": "192.0.2.7"},
    )


def happened(number: int, kind: EventKind = EventKind.STATUS_CHANGED, **more: Any) -> Event:
    return Event(id=FIRST + number, at=NOW + timedelta(seconds=number), kind=kind, **more)


async def ledger(events: Sequence[Event]) -> FakeApi:
    api = FakeApi()
    await api.past.open()
    await api.past.write(Batch(events=events))
    return api


def rows(page: object) -> list[int]:
    return [int(one[2:]) - FIRST for one in page.ids if one.startswith("e-")]  # type: ignore[attr-defined]


async def test_the_audit_tells_who_asked_for_what_and_how_it_ended_newest_first() -> None:
    api = await ledger([asked(1), asked(2, "", "POST /api/v1/session", 401, "the token is wrong"), happened(3)])
    page = await (await Visitor(api).sign_in(Role.OPERATOR)).page("/audit")
    assert rows(page) == [2, 1]
    assert (
        "a stranger operator from 192.0.2.7 Sign in POST /api/v1/session the token is wrong 401 refused" in page.words
    )
    assert "anna operator from 192.0.2.7 Stop all automatic recovery POST /api/v1/pause 200" in page.words
    assert "2026-03-01 12:00:02 UTC" in told(page)


async def test_tokens_that_are_made_and_revoked_belong_to_the_audit() -> None:
    made = happened(1, EventKind.TOKEN_CREATED, message="viewer token 'grafana' (1f2e) by anna, without an end")
    page = await (await Visitor(await ledger([replace(made, data={"by": "anna"})])).sign_in(Role.OPERATOR)).page(
        "/audit"
    )
    assert "anna viewer token 'grafana' (1f2e) by anna, without an end token created" in page.words


@pytest.mark.parametrize(
    "asked_for, words",
    [
        ("POST /api/v1/services/web/stop", "Stop a service: web"),
        ("DELETE /api/v1/session", "Sign out"),
        ("POST /api/v1/nowhere", ""),
        ("DELETE /api/v1/services/web/stop", ""),
        ("POST", ""),
        ("", ""),
    ],
)
def test_what_was_asked_for_is_told_in_words(asked_for: str, words: str) -> None:
    assert FakeApi().answers.about(asked_for) == words


@pytest.mark.parametrize(
    "query, wanted",
    [("who=ANNA", [3, 1]), ("what=session", [2]), ("who=olaf&what=pause", []), ("who=stranger", [2])],
)
async def test_the_audit_can_be_searched_by_who_and_what(query: str, wanted: list[int]) -> None:
    api = await ledger([asked(1), asked(2, "", "POST /api/v1/session"), asked(3)])
    page = await (await Visitor(api).sign_in(Role.OPERATOR)).page(f"/audit?{query}")
    assert rows(page) == wanted
    assert ("Nothing here fits" in page.words) is not bool(wanted)


async def test_a_search_reads_so_much_at_a_time_and_goes_on_from_there() -> None:
    api = await ledger([asked(0, "olaf"), *(asked(number) for number in range(1, 3000))])
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    page = await visitor.page("/audit?who=olaf")
    assert rows(page) == []
    assert "Looked through the 2500 newest from here" in page.words
    assert rows(await visitor.page(older(page))) == [0]


async def test_events_are_paged_by_cursor_and_the_first_page_is_found_again() -> None:
    api = await ledger([happened(number, message="x") for number in range(120)])
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    page = await visitor.page("/audit?tab=events")
    seen = rows(page)
    while path := older(page):
        page = await visitor.page(path)
        seen += rows(page)
    assert seen == list(range(119, -1, -1))
    assert f"{ROOT}/audit?tab=events" in page.links


async def test_an_event_leads_to_what_it_is_about() -> None:
    event = happened(
        1, EventKind.RECOVERY_FINISHED, check="web", rule="restart", service="shop", recovery="01A", message="recovered"
    )
    page = await (await Visitor(await ledger([event])).sign_in(Role.VIEWER)).page("/audit?tab=events")
    wanted = {"checks/web", "rules/restart", "services/shop", "recoveries/01A"}
    assert {f"{ROOT}/{one}" for one in wanted} <= set(page.links)
    assert "recovery finished" in page.words


@pytest.mark.parametrize(
    "kind, wanted",
    [("healing", [2]), ("checks", [1]), ("recovery_refused", [2]), ("nonsense", [3, 2, 1]), ("services", [])],
)
async def test_events_can_be_narrowed_down_to_a_kind_or_to_all_of_a_sort(kind: str, wanted: list[int]) -> None:
    api = await ledger([happened(1), happened(2, EventKind.RECOVERY_REFUSED), asked(3)])
    page = await (await Visitor(api).sign_in(Role.OPERATOR)).page(f"/audit?tab=events&kind={kind}")
    assert rows(page) == wanted


@pytest.mark.parametrize("query", ["", "?tab=events", "?tab=events&kind=people", "?tab=events&kind=request_done"])
async def test_a_viewer_sees_what_happened_and_never_who_asked_for_what(query: str) -> None:
    api = await ledger([happened(1, message="web is down"), asked(2), happened(3, EventKind.TOKEN_CREATED)])
    page = await (await Visitor(api).sign_in(Role.VIEWER)).page(f"/audit{query}")
    assert not {2, 3} & set(rows(page))
    assert "192.0.2.7" not in page.words
    assert "anna" not in page.words
    assert "Who did what" not in page.words


def test_every_kind_of_event_belongs_to_one_sort() -> None:
    assert sorted(kind for kinds in KINDS.values() for kind in kinds) == sorted(EventKind)
    assert set(AUDIT) <= set(KINDS["people"])
    assert EventKind.AGENT_STARTED in KINDS["salus"]


async def test_the_first_page_is_live_and_reads_the_ledger_once_in_a_while() -> None:
    api = await ledger([happened(1)])
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    assert rows(await visitor.page("/audit?tab=events")) == [1]
    await api.past.write(Batch(events=[happened(2)]))
    api.door.clock.at += timedelta(seconds=5)
    assert rows(await visitor.page("/audit?tab=events")) == [2, 1]


async def test_hostile_names_and_messages_are_only_text() -> None:
    events = [
        event
        for place, name in enumerate(HOSTILE)
        for event in (
            asked(2 * place, name, f"POST {name}", 403, name),
            happened(
                2 * place + 1, check=name, rule=name, service=name, recovery=name, message=name, old=name, new=name
            ),
        )
    ]
    visitor = await Visitor(await ledger(events)).sign_in(Role.ADMIN)
    for path in ("/audit", "/audit?tab=events", "/audit?who=%3Cscript%3E", "/audit?tab=events&check=%22%3E%3Cimg%3E"):
        is_harmless(await visitor.page(path))
