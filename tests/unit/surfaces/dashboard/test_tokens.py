"""Who may come in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from salus.model import Role
from tests.fake_api import FakeApi
from tests.unit.surfaces.dashboard.hostile import acts, is_harmless, told
from tests.visitor import ROOT, Visitor


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_only_an_admin_sees_the_tokens_and_the_way_to_them(role: Role) -> None:
    visitor = await Visitor(FakeApi()).sign_in(role)
    assert (await visitor.get("/tokens")).code == 403
    assert f"{ROOT}/tokens" not in (await visitor.page("/maintenance")).links


async def test_a_token_is_listed_with_its_role_and_its_time_and_never_with_its_secret() -> None:
    api = FakeApi()
    secret = await api.door.token(Role.OPERATOR, 60, name="deploy")
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    page = await visitor.page("/tokens")
    words = page.words
    assert "deploy" in words
    assert "soon in 1m" in told(page)
    assert "not yet" in words
    assert secret.rpartition("_")[2] not in page.text
    assert sum(one.endswith("/revoke") for one in acts(page)) == 2
    api.door.clock.at += timedelta(minutes=2)
    assert "expired 1m ago" in told(await visitor.page("/tokens"))


async def test_a_token_is_made_by_form_shown_once_and_revoked_by_form() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    await visitor.post("/do/tokens", name="grafana", role="viewer", seconds="90d", next=f"{ROOT}/tokens")
    shown = re.search(r'<code class="secret">(salus_[^<]+)</code>', (await visitor.get("/tokens")).text)
    assert shown
    made = api.door.book.known(shown[1])
    assert made
    assert (made.role, made.by) == (Role.VIEWER, "admin")
    api.door.clock.at += timedelta(seconds=10)
    page = await visitor.page("/tokens")
    assert shown[1] not in page.text
    assert "grafana" in page.words
    assert f"/tokens/{made.id}/revoke" in acts(page)
    await visitor.post(f"/do/tokens/{made.id}/revoke")
    assert api.door.book.known(shown[1]) is None


async def test_a_name_that_is_none_is_refused_in_words_and_makes_nothing() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    await visitor.post("/do/tokens", name="<script>", role="admin", next=f"{ROOT}/tokens")
    page = await visitor.page("/tokens")
    assert "note-bad" in page.text
    assert "begins with a letter or digit" in page.words
    assert len(api.door.book.tokens()) == 1
    is_harmless(page)


async def test_many_tokens_are_paged() -> None:
    api = FakeApi()
    for number in range(120):
        await api.door.token(Role.VIEWER, name=f"t{number:03}")
    page = await (await Visitor(api).sign_in(Role.ADMIN)).page("/tokens?page=2")
    assert "Page 2 of 2 · 121 tokens" in page.words
    assert "t000" not in page.words
