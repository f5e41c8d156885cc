"""Who sees pages, how one signs in, and what forms may do."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from salus.model import Role, Status
from tests.asgi import ask
from tests.fake_access import Door
from tests.fake_agent import check
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Html, Visitor


async def test_a_stranger_is_asked_to_sign_in_and_then_sees_what_they_wanted() -> None:
    api = FakeApi()
    visitor = Visitor(api)
    answer = await visitor.get("/checks/web?hours=24")
    wanted = f"{ROOT}/checks/web?hours=24"
    assert (answer.code, answer.headers["location"]) == (303, f"{ROOT}/sign-in?next={quote(wanted, safe='')}")
    page = await visitor.get(f"/sign-in?next={quote(wanted, safe='')}")
    assert page.code == 200
    assert f'value="{wanted}"' in page.text
    answer = await visitor.post("/sign-in", token=await api.door.token(Role.VIEWER), next=wanted)
    assert (answer.code, answer.headers["location"]) == (303, wanted)
    assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
    assert (await visitor.get("/")).code == 200


async def test_a_wrong_token_gets_nobody_in_and_is_audited() -> None:
    api = FakeApi()
    visitor = Visitor(api)
    answer = await visitor.post("/sign-in", token="salus_wrong")
    assert answer.headers["location"].startswith(f"{ROOT}/sign-in?wrong=1")
    assert "not known here" in (await visitor.page("/sign-in?wrong=1")).words
    assert visitor.cookies == {}
    assert api.door.told.audit() == [("", "POST /api/v1/session", 401)]


async def test_too_many_wrong_tokens_are_told_to_wait() -> None:
    visitor = Visitor(FakeApi())
    where = [(await visitor.post("/sign-in", token=f"salus_{number}")).headers["location"] for number in range(12)]
    assert where[-1].startswith(f"{ROOT}/sign-in?wait=1")


async def test_whoever_signs_out_is_a_stranger_again() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.VIEWER)
    before = dict(visitor.cookies)
    assert (await visitor.post("/sign-out")).headers["location"] == f"{ROOT}/sign-in?out=1"
    assert visitor.cookies == {}
    visitor.cookies = before
    answer = await visitor.get("/")
    assert (answer.code, answer.headers["location"].partition("next=")[0]) == (303, f"{ROOT}/sign-in?ended=1&")
    assert "session has ended" in (await visitor.page("/sign-in?ended=1")).words


async def test_where_details_are_shown_to_everybody_a_stranger_sees_the_overview_and_no_button() -> None:
    page = await Visitor(FakeApi(door=Door(details="always"))).page("/")
    assert "web" in page.words
    assert [form for form in page.forms if "/do/" in form] == []
    assert "Sign in" in page.words


async def test_where_details_are_shown_to_everybody_a_stranger_still_may_do_nothing() -> None:
    api = FakeApi(door=Door(details="always"))
    answer = await Visitor(api).post("/do/checks/web/run")
    assert (answer.code, api.control.asked) == (403, [])


@pytest.mark.parametrize("role,acts", [(Role.VIEWER, False), (Role.OPERATOR, True), (Role.ADMIN, True)])
async def test_only_who_may_act_sees_buttons_that_act(role: Role, *, acts: bool) -> None:
    page = await (await Visitor(FakeApi()).sign_in(role)).page("/")
    assert any("/do/checks/" in form for form in page.forms) is acts


# ── forms ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_form_does_what_the_api_does_and_its_page_says_how_it_went_once() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    answer = await visitor.post("/do/pause", seconds="1h30m", reason="moving", next=f"{ROOT}/?failing=1")
    assert (answer.code, answer.headers["location"]) == (303, f"{ROOT}/?failing=1")
    assert api.control.said["seconds"] == 5400
    assert (api.control.said["by"], api.control.said["reason"]) == ("operator", "moving")
    assert 'class="note note-good"' in (await visitor.get("/")).text
    assert 'class="note note-good"' not in (await visitor.get("/")).text
    assert api.door.told.audit()[-1] == ("operator", "POST /api/v1/pause", 200)


async def test_whoever_acts_sees_what_has_become_of_it_however_quickly_they_come_back() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    assert "looked afresh" not in (await visitor.page("/checks/web")).words
    await visitor.post("/do/checks/web/run", next=f"{ROOT}/checks/web")
    api.view.reports = [check("web", Status.HEALTHY, "looked afresh")]
    assert "looked afresh" in (await visitor.page("/checks/web")).words, "the clock stands still: no time has passed"


async def test_a_script_gets_the_answer_at_once() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.OPERATOR)
    answer = await visitor.send("/do/checks/web/run", {"csrf": visitor.csrf}, accept="application/json")
    assert (answer.code, answer.json["good"]) == (200, True)
    assert answer.json["text"].startswith("looked: ")
    answer = await visitor.send("/do/checks/nobody/run", {"csrf": visitor.csrf}, accept="application/json")
    assert (answer.code, answer.json["good"]) == (404, False)


async def test_what_went_wrong_is_said_with_its_remedy() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.OPERATOR)
    await visitor.post("/do/pause", seconds="soon")
    words = (await visitor.page("/")).words
    assert "'soon' is not a duration (write a duration such as" in words
    assert "write a duration such as" in words


@pytest.mark.parametrize("csrf", ["", "x", "csrf-0123"])
async def test_a_form_without_the_token_of_the_session_does_nothing(csrf: str) -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    answer = await visitor.send("/do/pause", {"csrf": csrf})
    assert (answer.code, api.control.asked) == (403, [])
    other = await Visitor(api).sign_in(Role.ADMIN)
    assert (await visitor.send("/do/pause", {"csrf": other.csrf})).code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example", "host": "salus.example"},
        {"origin": "null", "host": "salus.example"},
    ],
)
async def test_a_form_of_another_site_does_nothing_even_with_the_right_token(headers: dict[str, str]) -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    answer = await visitor.send("/do/pause", {"csrf": visitor.csrf}, **headers)
    assert (answer.code, api.control.asked) == (403, [])
    token = await api.door.token(Role.ADMIN)
    assert (await Visitor(api).send("/sign-in", {"token": token}, **headers)).code == 403


async def test_a_viewer_may_not_act_by_form_either() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    answer = await visitor.send("/do/pause", {"csrf": visitor.csrf}, accept="application/json")
    assert (answer.code, api.control.asked) == (403, [])
    assert api.door.told.audit()[-1] == ("viewer", "POST /api/v1/pause", 403)


async def test_a_field_that_is_not_understood_is_audited_and_said_to_nobody_who_may_not_act() -> None:
    api = FakeApi()
    operator, viewer = await Visitor(api).sign_in(Role.OPERATOR), await Visitor(api).sign_in(Role.VIEWER)
    for visitor, code in ((operator, 422), (viewer, 403)):
        answer = await visitor.send("/do/pause", {"csrf": visitor.csrf, "seconds": "soon"}, accept="application/json")
        assert (answer.code, api.control.asked) == (code, [])
        assert api.door.told.audit()[-1][1:] == ("POST /api/v1/pause", code)


@pytest.mark.parametrize("media", ["application/json", "multipart/form-data", "text/plain", ""])
async def test_only_forms_are_read_as_forms(media: str) -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.OPERATOR)
    assert (await visitor.send("/do/pause", {"csrf": visitor.csrf}, media=media)).code == 415


async def test_a_token_that_is_made_is_shown_once_and_can_be_revoked_by_form() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    await visitor.post("/do/tokens", name="grafana", role="viewer", seconds="30d")
    found = re.search(r'<code class="secret">(salus_[^<]+)</code>', (await visitor.get("/")).text)
    assert found
    assert api.door.book.known(found[1])
    assert found[1] not in (await visitor.get("/")).text
    await visitor.post("/do/tokens/grafana/revoke")
    assert api.door.book.known(found[1]) is None


async def test_light_and_dark_are_remembered_without_a_script() -> None:
    visitor = Visitor(FakeApi())
    answer = await visitor.post("/theme", theme="dark", next=f"{ROOT}/sign-in")
    assert answer.headers["location"] == f"{ROOT}/sign-in"
    assert '<html lang="en" data-theme="dark">' in (await visitor.get("/sign-in")).text
    await visitor.post("/theme", theme='"><script>')
    assert '<html lang="en">' in (await visitor.get("/sign-in")).text


# ── behind a proxy ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_behind_a_trusted_proxy_every_address_begins_with_its_prefix() -> None:
    api = FakeApi(door=Door(trusted=("127.0.0.1/32",)))
    visitor = Visitor(api, **{"x-forwarded-prefix": "/ops/salus", "x-forwarded-proto": "https"})
    plain = await visitor.get("/")
    assert plain.headers["location"].startswith(f"{ROOT}/sign-in")  # nobody trusted has connected
    page = Html((await visitor.get("/sign-in")).text)
    assert all(link.startswith((ROOT, "#")) for link in page.links)


async def test_the_root_without_a_slash_leads_to_the_overview() -> None:
    answer = await Visitor(FakeApi()).get("")
    assert (answer.code, answer.headers["location"]) == (308, f"{ROOT}/")


async def test_whoever_comes_to_the_bare_address_is_led_to_the_dashboard_also_behind_a_prefix() -> None:
    answer = await ask(FakeApi().app, "/")
    assert (answer.code, answer.headers["location"]) == (302, "health-dashboard/")  # relative: any prefix stays
