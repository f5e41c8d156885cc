"""Every page of an agent of which every word attacks: what stands there is text, and each sees and does their part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from salus.model import Role
from salus.surfaces.api.door import ROOT as API
from salus.surfaces.dashboard import routes
from tests.fake_api import FakeApi
from tests.fake_desk import SECRET
from tests.unit.surfaces.dashboard.besieged import AUDITED, QUERIES, ROLES, besieged, one_of_each, pages, plainest
from tests.unit.surfaces.dashboard.hostile import acts, is_harmless
from tests.visitor import ROOT, Html, Visitor

SHOWN = {"", "checks/", "dependencies", "incidents", "statistics"}
"""What may be open to everybody where ``show_details`` is ``always``: the API shows all that is on it to everybody."""
FOR_ADMINS = {"tokens"}
SECRETS = ("do-not-tell", SECRET)
OF_PEOPLE = ("by-olaf", "because-of-olaf", "window-of-olaf")
"""What strangers are never told: who paused healing, why, and what is being worked on."""


async def visitor_of(api: FakeApi, role: Role | None) -> Visitor:
    return await Visitor(api).sign_in(role) if role else Visitor(api)


def views() -> Iterator[tuple[str, Any]]:
    yield from routes._PAGES.items()
    for first, make in routes._NAMED.items():
        yield f"{first}/", make


# ── what stands there ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whatever_things_are_called_every_page_about_them_is_harmless() -> None:
    visitor = await Visitor(await besieged()).sign_in(Role.ADMIN)
    for _, path in pages():
        page = await visitor.page(path)
        is_harmless(page)
        assert not [one for one in SECRETS if one in page.text]
        assert len(page.text) < 2_000_000


@pytest.mark.parametrize("query", QUERIES)
async def test_whatever_is_asked_of_a_page_it_is_harmless(query: str) -> None:
    visitor = await Visitor(await besieged()).sign_in(Role.ADMIN)
    for path in one_of_each().values():
        answer = await visitor.get(path + query)
        assert answer.code in (200, 404, 422), path
        is_harmless(Html(answer.text))


async def test_what_is_sent_to_an_open_page_is_as_harmless_as_the_page() -> None:
    visitor = await Visitor(await besieged()).sign_in(Role.ADMIN)
    for path in one_of_each().values():
        async with visitor.looking(path) as looking:
            await looking.until("patch")
        assert visitor.csrf not in looking.text
        assert not [one for one in SECRETS if one in looking.text]
        for _, patch in looking.patches:
            for name, html in patch["set"].items():
                part = Html(html)
                assert part.ids[0] == name
                assert not [attrs for _, attrs in part.tags if any(one.startswith("on") for one in attrs)]
                assert not [tag for tag, _ in part.tags if tag in ("script", "img", "iframe", "style")]


# ── who sees it ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_page_is_open_to_more_people_than_it_was_meant_for() -> None:
    assert {first for first, view in views() if view.shown} <= SHOWN
    assert {first for first, view in views() if view.role is Role.ADMIN} == FOR_ADMINS


@pytest.mark.parametrize("details", ["always", "when_authorized"])
@pytest.mark.parametrize("role", ROLES)
async def test_everybody_gets_the_pages_that_are_for_them_and_no_other(role: Role | None, details: str) -> None:
    visitor = await visitor_of(await besieged(details=details), role)
    by_first = dict(views())
    for first, path in one_of_each().items():
        view = by_first[first]
        shown = view.shown and details == "always"
        needed = view.role
        expected = 200 if shown or (role and role.may(needed)) else 403 if role else 303
        answer = await visitor.get(path)
        assert (path, answer.code) == (path, expected)
        if answer.code != 200:
            assert not [one for one in OF_PEOPLE if one in answer.text]
        live = await visitor.get(f"/live?view={path}", accept="text/html") if expected != 200 else answer
        assert live.code == (200 if expected == 200 else 403 if role else 401)


async def test_strangers_are_told_that_healing_is_paused_and_not_by_whom_nor_why() -> None:
    api = await besieged(details="always")
    stranger, viewer = Visitor(api), await Visitor(api).sign_in(Role.VIEWER)
    text = (await viewer.get("/")).text
    assert [one for one in OF_PEOPLE if one in text] == list(OF_PEOPLE)
    paths = one_of_each()
    for first in SHOWN & {first for first, view in views() if view.shown}:
        text = (await stranger.get(paths[first])).text
        assert not [one for one in OF_PEOPLE if one in text]
        assert "Automatic recovery is paused" in text
    async with stranger.looking("/") as looking:
        await looking.until("patch")
    assert not [one for one in OF_PEOPLE if one in looking.text]


@pytest.mark.parametrize("role", Role)
async def test_no_page_and_no_answer_tells_a_viewer_who_asked_for_what(role: Role) -> None:
    visitor = await Visitor(await besieged()).sign_in(role)
    queries = ("", "?tab=events", "?tab=events&kind=people", "?tab=events&kind=request_done", "?who=olaf")
    paths = [path + query for path in one_of_each().values() for query in queries]
    told = [path for path in (*paths, "/api/data", "/api/recovery") if AUDITED in (await visitor.get(path)).text]
    assert bool(told) == role.may(Role.OPERATOR), told
    assert ("/api/data" in told) == role.may(Role.OPERATOR)


async def test_who_is_not_let_in_learns_neither_the_host_nor_the_version() -> None:
    api = await besieged()
    stranger = Visitor(api)
    for path in ("/sign-in", "/sign-in?wrong=1", "/nowhere", "/static/nowhere"):
        text = (await stranger.get(path)).text
        assert "olaf" not in text
        assert f"Salus {api.view.info.version}" not in text
    assert "olaf" in (await Visitor(await besieged(details="always")).get("/sign-in")).text


# ── who does it ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def buttons(visitor: Visitor) -> dict[str, str]:
    """Return what the buttons of all pages do: one path of each sort, the plainest."""
    found: dict[str, str] = {}
    for path in plainest().values():
        for query in ("", "?tab=silences&match=check%3D%22web%22", "?tab=channels"):
            answer = await visitor.get(path + query)
            for act in map(unquote, acts(Html(answer.text)) if answer.code == 200 else ()):
                if act.count("/") > 3:  # a name with a slash in it, which no address of the API has
                    continue
                endpoint, _, _ = visitor.api.answers._router.find("POST", API + act)
                if endpoint.path not in found or len(act) < len(found[endpoint.path]):
                    found[endpoint.path] = act
    return found


@pytest.mark.parametrize("role", ROLES)
async def test_only_buttons_that_one_may_press_are_shown(role: Role | None) -> None:
    visitor = await visitor_of(await besieged(details="always"), role)
    found = await buttons(visitor)
    assert bool(found) == (role in (Role.OPERATOR, Role.ADMIN))
    for act in found.values():
        needed = visitor.api.answers._router.find("POST", API + act)[0].role
        assert needed is not None
        assert role
        assert role.may(needed)


@pytest.mark.parametrize("role", ROLES)
async def test_a_button_that_is_not_for_somebody_does_nothing_when_they_press_it_all_the_same(
    role: Role | None,
) -> None:
    found = await buttons(await Visitor(await besieged()).sign_in(Role.ADMIN))
    assert len(found) > 20
    api = await besieged(details="always")
    visitor = await visitor_of(api, role)
    for path, act in found.items():
        needed = api.answers._router.find("POST", API + act)[0].role
        if role and needed and role.may(needed):
            continue
        before = list(api.door.told.audit())
        answer = await visitor.send(f"/do{act}", {"csrf": visitor.csrf}, accept="application/json")
        assert (path, answer.code) == (path, 403)
        if role:
            assert api.door.told.audit()[len(before) :] == [(role.value, f"POST {API}{act}", 403)]
    assert (api.control.asked, api.desk.asked) == ([], [])


@pytest.mark.parametrize("where", ["/theme", "/sign-in", "/sign-out", "/do/pause", "/do/tokens", "/nowhere", "/"])
@pytest.mark.parametrize(
    "forged",
    [
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://evil.example", "x-forwarded-host": "evil.example"},
    ],
)
async def test_no_form_at_all_is_taken_from_another_site(where: str, forged: dict[str, str]) -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    token = await api.door.token(Role.VIEWER)
    fields = {"csrf": visitor.csrf, "theme": "dark", "token": token, "name": "evil", "role": "admin"}
    answer = await visitor.send(where, fields, host="salus.example", **forged)
    assert (answer.code, "set-cookie" in answer.headers) == (403, False)
    assert api.control.asked == []
    assert (await visitor.get("/")).code == 200
    assert ROOT in (await visitor.get("/")).text
