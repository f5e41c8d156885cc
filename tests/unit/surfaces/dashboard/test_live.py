"""Open pages: what changes is sent to all who look, once, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from salus.model import Role, Status
from salus.surfaces.dashboard import live
from tests.fake_agent import check
from tests.fake_api import EVENT, FakeApi
from tests.visitor import Html, Visitor


def turn(api: FakeApi, name: str, status: Status, message: str = "turned") -> None:
    """Let a check turn, and tell."""
    others = [one for one in api.view.reports if one.spec.name != name]
    api.view.reports = sorted([*others, check(name, status, message)], key=lambda one: one.spec.name)
    api.view.version += 1
    api.bus.tell(replace(EVENT, check=name))


async def mark_of(visitor: Visitor, path: str) -> str:
    page = await visitor.page(path)
    return next(attrs["data-mark"] or "" for tag, attrs in page.tags if tag == "body")


async def test_a_change_reaches_an_open_page_without_asking_and_only_what_has_changed_is_sent() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    mark = await mark_of(visitor, "/")
    async with visitor.looking("/", mark) as page:
        turn(api, "disk", Status.UNHEALTHY, "full of <b>")
        await page.until("full of")
        _, changed = page.patches[0]
        assert "check-disk" in changed["set"]
        assert "check-web" not in changed["set"]
        assert "full of &lt;b&gt;" in changed["set"]["check-disk"]
        assert changed["rows"] == {}
    assert page.code == 200


async def test_what_is_sent_to_many_carries_nobodys_token() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    async with visitor.looking("/") as page:
        await page.until("/do/checks/web/run")
    assert visitor.csrf not in page.text
    assert 'name="csrf" value=""' in page.text.replace('\\"', '"')


async def test_whoever_lost_the_connection_gets_what_they_missed_and_no_more() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/") as page:
        await page.until("patch")
        seen = page.patches[-1][0]
        async with visitor.looking("/") as other:  # somebody else keeps the page alive meanwhile
            page.gone.set()
            turn(api, "disk", Status.UNHEALTHY, "while you were away")
            await other.until("while you were away")
            async with visitor.looking("/", seen) as back:
                await back.until("while you were away")
                assert "check-web" not in back.patches[0][1]["set"]


async def test_a_page_that_was_written_by_another_salus_is_sent_as_a_whole() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/", "0123456789ab-77") as page:
        await page.until("patch")
        _, changed = page.patches[0]
    assert {"hero", "nav", "pulse", "check-web"} <= set(changed["set"])
    assert changed["title"].endswith("Salus")


async def test_checks_that_come_and_go_are_put_in_their_place() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/", await mark_of(visitor, "/")) as page:
        turn(api, "beta", Status.HEALTHY, "new here")
        await page.until("new here")
        assert page.patches[0][1]["rows"]["checks"][:3] == ["check-api", "check-beta", "check-disk"]
        api.view.reports = api.view.reports[1:]
        api.view.version += 1
        api.bus.tell(EVENT)
        await page.until('"checks":["check-beta"')


async def test_a_page_whose_check_has_gone_is_loaded_again() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/checks/web") as page:
        await page.until("patch")
        api.view.reports = [one for one in api.view.reports if one.spec.name != "web"]
        api.view.version += 1
        api.bus.tell(EVENT)
        await page.until("event: reload")


async def test_whoever_may_no_longer_look_is_let_go() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/") as page:
        await page.until("patch")
        await api.door.book.revoke("viewer")
        turn(api, "disk", Status.UNHEALTHY, "not for you")
        api.bus.tell(EVENT)
    assert "not for you" not in page.text.partition("event: patch")[2].partition("event: patch")[2]
    assert (await visitor.get("/")).code == 303


async def test_a_stranger_hears_nothing() -> None:
    answer = await Visitor(FakeApi()).get("/live?view=/")
    assert answer.code == 401


async def test_too_many_open_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_READERS", 1)
    visitor = await Visitor(FakeApi()).sign_in(Role.VIEWER)
    async with visitor.looking("/"):
        assert (await visitor.get("/live?view=/")).code == 429


async def test_a_stopping_server_waits_for_no_open_page() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/") as page:
        await page.until("patch")
        api.app.close()
        async with asyncio.timeout(5):
            while not page.text.endswith("\n\n"):
                await asyncio.sleep(0)


async def test_many_who_see_the_same_cost_one() -> None:
    api = FakeApi()
    first, second = await Visitor(api).sign_in(Role.VIEWER), await Visitor(api).sign_in(Role.VIEWER)
    async with first.looking("/") as one, second.looking("/") as other:
        await one.until("patch")
        await other.until("patch")
        before = api.view.asked
        turn(api, "disk", Status.UNHEALTHY, "once")
        await one.until("once")
        await other.until("once")
    assert api.view.asked - before == 1
    assert one.patches[-1] == other.patches[-1]


async def test_a_page_reads_the_same_whether_it_was_loaded_or_followed() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    async with visitor.looking("/") as page:
        await page.until("patch")
        known = dict(page.patches[0][1]["set"])
        for number, (name, status) in enumerate(
            [("disk", Status.UNHEALTHY), ("web", Status.HEALTHY), ("disk", Status.DEGRADED), ("api", Status.UNKNOWN)]
        ):
            turn(api, name, status, f"turn {number}")
            await page.until(f"turn {number}")
        for _, changed in page.patches[1:]:
            known.update(changed["set"])
    loaded = Html((await visitor.get("/")).text)
    for name in ("check-disk", "check-web", "check-api", "hero"):
        followed = Html(known[name])
        assert name in loaded.ids
        assert all(word in loaded.words for word in followed.words.split())
