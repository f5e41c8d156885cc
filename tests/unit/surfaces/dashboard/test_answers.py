"""What programs ask for below the root of the dashboard."""

from __future__ import annotations

import json

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Role
from tests.asgi import ask
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Visitor

PATHS = ["/api/data", "/api/recovery"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", Role)
async def test_whoever_may_look_is_answered_by_token_and_by_session(path: str, role: Role) -> None:
    api = FakeApi()
    token = await api.door.token(role)
    answer = await ask(api.app, ROOT + path, more={"authorization": f"Bearer {token}"})
    assert (answer.code, answer.headers["content-type"]) == (200, "application/json")
    assert "timestamp" in json.loads(answer.text)
    assert (await (await Visitor(api).sign_in(role)).get(path)).code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer salus_wrong"}])
async def test_a_stranger_gets_a_problem_and_nothing_else(path: str, headers: dict[str, str]) -> None:
    answer = await ask(FakeApi().app, ROOT + path, more=headers)
    assert (answer.code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert set(json.loads(answer.text)) == {"type", "title", "status", "detail", "remedy"}


async def test_what_is_not_there_is_not_found() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.VIEWER)
    answer = await visitor.get("/api/<b>")
    assert (answer.code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", PATHS)
async def test_a_ledger_that_cannot_be_read_is_a_problem_of_the_server(path: str) -> None:
    api = FakeApi()

    async def broken(query: object) -> list[object]:
        raise StoreUnreadableError("the disk is gone")

    api.past.events = broken  # type: ignore[assignment, method-assign] # a ledger that breaks
    api.past.recoveries = broken  # type: ignore[assignment, method-assign]
    answer = await (await Visitor(api).sign_in(Role.VIEWER)).get(path)
    assert answer.code == 503
