"""What holds for every endpoint of the table."""

from __future__ import annotations

import re

import jsonschema
import msgspec
import pytest

from salus.model import Json, Role
from salus.surfaces.api.answers import shape
from salus.surfaces.api.door import ROOT
from salus.surfaces.api.endpoints import GROUPS
from salus.surfaces.api.examples import example
from salus.surfaces.api.openapi import MEANINGS, document
from salus.surfaces.api.queries import PageQuery
from salus.surfaces.api.table import Endpoint
from salus.surfaces.bodies import parse
from tests.asgi import ask
from tests.fake_api import FakeApi
from tests.fake_incidents import OPEN_INCIDENT

ENDPOINTS = [endpoint for group in GROUPS for endpoint in group.endpoints]
IDS = [f"{one.method} {one.path}" for one in ENDPOINTS]
OPEN = {"GET /session", "POST /session", "DELETE /session"}
SHOWN = {"GET /status", "GET /checks", "GET /checks/{check}", "GET /checks/{check}/history", "GET /badges/{check}.svg"}
SHOWN |= {"GET /checks/{check}/series", "GET /checks/{check}/days", "GET /availability"}
SHOWN |= {"GET /incidents", "GET /charts/{check}.svg"}

# A name that the fakes know, where it is not ``web``.
NAMES = {"alert": "aa11bb22cc33dd44", "silence": "s1", "channel": "log", "notification": "dd11000000000000"}
NAMES |= {"recovery": "r1", "token": "viewer", "incident": OPEN_INCIDENT.id}
NAMES |= {"recovery": "r1", "token": "viewer", "announcement": "a1"}
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=IDS)
every_write = pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.writes])


def target(endpoint: Endpoint) -> str:
    return ROOT + re.sub(r"\{(\w+)\}", lambda found: NAMES.get(found[1], "web"), endpoint.path)


def body(endpoint: Endpoint) -> bytes:
    if endpoint.body is None:
        return b""
    if endpoint.path == "/maintenance":
        return b'{"services": ["web"], "seconds": 60, "name": "web"}'
    return endpoint.body.example.encode()


def test_every_endpoint_stands_in_the_table_once() -> None:
    assert len(set(IDS)) == len(IDS)


@every_endpoint
def test_who_may_ask_is_said_and_writes_need_an_operator(endpoint: Endpoint) -> None:
    name = f"{endpoint.method} {endpoint.path}"
    assert (endpoint.role is None) == (name in OPEN)
    assert endpoint.shown == (name in SHOWN)
    if endpoint.writes and endpoint.role:
        assert endpoint.role.may(Role.OPERATOR)
    if endpoint.path.startswith(("/tokens", "/config", "/reload")):
        assert endpoint.role is Role.ADMIN


@every_endpoint
def test_every_status_has_a_meaning_and_every_list_is_paged(endpoint: Endpoint) -> None:
    assert set(endpoint.statuses) - {endpoint.success} <= set(MEANINGS)
    if endpoint.answer.endswith("[]"):
        assert endpoint.query is not None
        assert issubclass(endpoint.query, PageQuery) or "limit" in endpoint.query.__struct_fields__


@every_endpoint
def test_every_answer_and_every_body_has_an_example_of_its_shape(endpoint: Endpoint) -> None:
    if endpoint.answer:
        name = endpoint.answer.removesuffix("[]")
        msgspec.convert(example(name), shape(name))
        whole = document()
        schema = {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}
        jsonschema.validate(example(name), schema, cls=jsonschema.Draft202012Validator)
    if endpoint.body:
        parse(endpoint.body.example.encode(), endpoint.body)


@every_endpoint
async def test_every_real_answer_has_the_shape_that_is_documented(endpoint: Endpoint) -> None:
    if not endpoint.answer:
        return
    api = FakeApi()
    await api.fill()
    await api.door.token(Role.VIEWER)
    more = {**await api.door.bearer(Role.ADMIN), "Content-Type": "application/json"}
    sent = body(endpoint)
    if endpoint.path == "/session" and endpoint.method == "POST":
        sent = f'{{"token": "{await api.door.token(Role.VIEWER)}"}}'.encode()
    answer = await ask(api.app, target(endpoint), method=endpoint.method, body=sent, more=more)
    assert answer.code == endpoint.success, answer.text
    told: Json = answer.json
    if endpoint.answer.endswith("[]"):
        assert isinstance(told, dict)
        assert list(told) == ["items", "next", "total"]
        items = told["items"]
        assert isinstance(items, list)
        assert items
        msgspec.convert(items, list[shape(endpoint.answer.removesuffix("[]"))])  # type: ignore[misc] # made at run time
    else:
        msgspec.convert(told, shape(endpoint.answer))


@every_write
@pytest.mark.parametrize("who", ["nobody", "viewer", "expired", "revoked", "query", "operator"])
async def test_every_write_without_its_role_is_refused_and_audited(endpoint: Endpoint, who: str) -> None:
    if endpoint.role is None or (who == "operator" and endpoint.role is Role.OPERATOR):
        return
    api = FakeApi()
    path, more = target(endpoint), {"Content-Type": "application/json"}
    token = ""
    if who in ("viewer", "operator"):
        token = await api.door.token(Role(who))
    elif who in ("expired", "revoked"):
        token = await (api.door.expired() if who == "expired" else api.door.revoked())
    elif who == "query":
        path += f"?token={await api.door.token(Role.ADMIN)}"
    if token:
        more["Authorization"] = f"Bearer {token}"
    answer = await ask(api.app, path, method=endpoint.method, body=body(endpoint), more=more)
    assert answer.code == (403 if who in ("viewer", "operator") else 401)
    assert answer.code in endpoint.statuses
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.code == 401) == ("www-authenticate" in answer.headers)
    assert (api.control.asked, api.desk.asked) == ([], [])
    name = who if who in ("viewer", "operator") else ""
    assert api.door.told.audit() == [(name, f"{endpoint.method} {target(endpoint)}", answer.code)]
    assert token not in str(api.door.told.events) or not token


@every_write
async def test_every_write_that_is_done_is_audited_with_who_did_it(endpoint: Endpoint) -> None:
    api = FakeApi()
    role = endpoint.role or Role.ADMIN
    more = {**await api.door.bearer(role), "Content-Type": "application/json"}
    await api.door.token(Role.VIEWER)
    sent = body(endpoint)
    if endpoint.path == "/session" and endpoint.method == "POST":
        sent = f'{{"token": "{await api.door.token(role)}"}}'.encode()
    answer = await ask(api.app, target(endpoint), method=endpoint.method, body=sent, more=more)
    assert answer.code == endpoint.success, answer.text
    assert api.door.told.audit() == [(role.value, f"{endpoint.method} {target(endpoint)}", endpoint.success)]
    said = [*api.control.said.values(), *api.desk.said.values()]
    if any("by" in made for made in (api.control.said, api.desk.said)):
        assert role.value in said


@every_endpoint
async def test_another_method_is_refused_and_told_which_there_are(endpoint: Endpoint) -> None:
    api = FakeApi()
    answer = await ask(api.app, target(endpoint), method="PATCH", more=await api.door.bearer(Role.ADMIN))
    assert answer.code == 405
    assert endpoint.method in answer.headers["allow"]
    assert ("HEAD" in answer.headers["allow"]) == ("GET" in answer.headers["allow"])


@every_endpoint
async def test_what_no_query_may_say_is_refused(endpoint: Endpoint) -> None:
    api = FakeApi()
    more = {**await api.door.bearer(Role.ADMIN), "Content-Type": "application/json"}
    path = f"{target(endpoint)}?nonsense=1"
    answer = await ask(api.app, path, method=endpoint.method, body=body(endpoint), more=more)
    assert answer.code == 422
    assert (api.control.asked, api.desk.asked) == ([], [])


def test_the_document_is_complete() -> None:
    whole = document()
    paths = whole["paths"]
    assert isinstance(paths, dict)
    for endpoint in ENDPOINTS:
        methods = paths[endpoint.path]
        assert isinstance(methods, dict)
        operation = methods[endpoint.method.lower()]
        assert isinstance(operation, dict)
        responses = operation["responses"]
        assert isinstance(responses, dict)
        assert sorted(responses) == [str(code) for code in endpoint.statuses]
