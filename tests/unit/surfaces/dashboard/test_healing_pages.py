"""What holds for every page about checks, recoveries and rules."""

from __future__ import annotations

import itertools

import pytest

from salus.model import Role
from salus.surfaces.http import Receive, Scope, Send
from tests.asgi import ask
from tests.fake_access import Door
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Html

PATHS = ["/checks/web", "/checks/new", "/recoveries", "/recoveries/r0", "/recoveries/running", "/rules", "/rules/web"]


async def page_behind_a_proxy(path: str) -> Html:
    api = FakeApi(door=Door(trusted=("127.0.0.1/32",)))
    await api.fill()

    async def near(scope: Scope, receive: Receive, send: Send) -> None:
        await api.app({**scope, "client": ("127.0.0.1", 1)}, receive, send)

    more = {**await api.door.bearer(Role.ADMIN), "x-forwarded-prefix": "/ops"}
    answer = await ask(near, ROOT + path, accept="text/html", more=more)
    assert answer.code == 200
    return Html(answer.text)


@pytest.mark.parametrize("path", PATHS)
async def test_behind_a_prefix_every_link_begins_with_it(path: str) -> None:
    page = await page_behind_a_proxy(path)
    assert page.links
    assert all(link.startswith((f"/ops{ROOT}/", "#")) for link in page.links)


@pytest.mark.parametrize("path", PATHS)
async def test_pages_are_sound(path: str) -> None:
    page = await page_behind_a_proxy(path)
    assert len(page.ids) == len(set(page.ids))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - before <= 1 for before, later in itertools.pairwise(levels))
    assert not [tag for tag, found in page.tags if "style" in found or any(name.startswith("on") for name in found)]
    labelled = {found.get("aria-labelledby") for _, found in page.tags} - {None}
    assert labelled <= set(page.ids)
    assert "style" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize("query", ["page=%C2%B2", "refresh=%C2%B2", "page=%D9%A3"])
async def test_signs_that_look_like_digits_and_are_no_number_say_nothing(query: str) -> None:
    await page_behind_a_proxy(f"/?{query}")
    await page_behind_a_proxy(f"/rules?{query}")
