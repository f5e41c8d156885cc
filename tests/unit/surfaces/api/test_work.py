"""What people ask of recoveries over the API."""

from __future__ import annotations

import json

import pytest

from salus.errors import ConflictError
from salus.model import Role
from tests.asgi import Answer, ask
from tests.fake_api import FakeApi

API = "/api/v1"


async def post(api: FakeApi, path: str, body: object = None) -> Answer:
    more = {**await api.door.bearer(Role.OPERATOR), "Content-Type": "application/json"}
    sent = b"" if body is None else json.dumps(body).encode()
    return await ask(api.app, API + path, method="POST", body=sent, more=more)


async def test_a_recovery_begins_and_is_answered_at_once_as_it_runs() -> None:
    api = FakeApi()
    answer = await post(api, "/recoveries", {"rule": "web"})
    assert (answer.code, api.control.asked) == (202, [("begin", "web")])
    assert (answer.json["outcome"], answer.json["current"]["phase"]) == (None, "acting")
    assert (await post(api, "/recoveries", {"rule": "nope"})).code == 404
    api.control.error = ConflictError("service:web is taken")
    assert (await post(api, "/recoveries", {"rule": "web"})).code == 409


@pytest.mark.parametrize("body", [None, {}, {"rule": 1}, {"rule": "x" * 201}, {"rules": "web"}])
async def test_a_rule_must_be_named(body: object) -> None:
    api = FakeApi()
    assert (await post(api, "/recoveries", body)).code == 422
    assert api.control.asked == []


async def test_a_recovery_that_runs_is_called_off_by_whoever_asked() -> None:
    api = FakeApi()
    answer = await post(api, "/recoveries/web/cancel")
    assert (answer.code, answer.json["message"]) == (200, "called off by operator")


async def test_one_that_has_ended_cannot_be_called_off_and_one_that_never_was_is_not_there() -> None:
    api = FakeApi()
    await api.fill()
    ended = await post(api, "/recoveries/r3/cancel")
    assert (ended.code, ended.json["detail"]) == (409, "recovery 'r3' has ended: recovered")
    assert (await post(api, "/recoveries/nope/cancel")).code == 404
