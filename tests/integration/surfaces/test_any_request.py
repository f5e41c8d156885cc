"""Whatever is asked, by whomever: the answer is one that the document knows, and never that something broke.

Schemathesis makes the requests from our own OpenAPI document, right ones and wrong ones.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import checks as known
from schemathesis.specs.openapi import checks as openapi

from salus.model import Role
from salus.surfaces.access.sessions import COOKIE
from salus.surfaces.api.endpoints import GROUPS
from salus.surfaces.api.openapi import document
from salus.surfaces.api.table import Endpoint
from salus.surfaces.http import App, Receive, Scope, Send
from tests.fake_api import FakeApi
from tests.fake_desk import SECRET
from tests.unit.surfaces.api.test_table import NAMES

CHECKS: list[Any] = [
    known.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
]
EXAMPLES = 3


class Counting:
    """Hands requests on, and counts the answers by code and kind."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.codes: dict[int, int] = {}
        self.odd: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message)
            await send(message)

        await self.app(scope, receive, sent)

    def _note(self, scope: Scope, message: Any) -> None:
        code = message["status"]
        self.codes[code] = self.codes.get(code, 0) + 1
        kind = dict(message["headers"])[b"content-type"]
        if not (code < 400 or (code < 500 and kind == b"application/problem+json")):
            self.odd.append(f"{scope['method']} {scope['path']}: {code} {kind!r}")


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


@pytest.mark.timeout(300)  # thousands of requests
def test_any_request_of_anybody_gets_an_answer_that_is_documented() -> None:
    api = FakeApi()
    asyncio.run(api.fill())
    callers = asyncio.run(_callers(api))
    app = Counting(api.app)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app).exclude(path="/stream")  # it does not end
    asked = Asked()
    operations: list[Any] = list(schema.get_all_operations())
    for operation in operations:
        _ask(operation.ok(), schemathesis.GenerationMode.POSITIVE, callers, asked)
        with suppress(Unsatisfiable):  # where nothing can be said, nothing can be said wrongly
            _ask(operation.ok(), schemathesis.GenerationMode.NEGATIVE, callers, asked)
    assert app.odd == []
    assert set(app.codes) >= {200, 401, 403, 404, 422}
    assert asked.leaked == []
    assert set(asked.codes) == set(ENDPOINTS)
    for one, by_caller in asked.codes.items():
        for who, codes in by_caller.items():
            assert _may(ENDPOINTS[one], who) or codes <= {401, 403, 404, 422, 429}, (one, who, codes)
            # Each was asked at least once for something that is there: who may gets further than who may not.
            assert not _may(ENDPOINTS[one], who) or codes & (set(range(200, 300)) | {400, 409, 422}), (one, who, codes)


THERE = {**NAMES, "token": "spare"}
ENDPOINTS = {f"{one.method} {one.path}": one for group in GROUPS for one in group.endpoints if one.path != "/stream"}


@dataclass
class Asked:
    """What was answered to whom, and what should not have been."""

    codes: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    leaked: list[str] = field(default_factory=list)

    def note(self, case: Any, who: str, code: int, text: str) -> None:
        one = f"{case.method} {case.path}"
        self.codes.setdefault(one, {}).setdefault(who, set()).add(code)
        self.leaked += [f"{one}: {secret}" for secret in ("do-not-tell", SECRET) if secret in text]


async def _callers(api: FakeApi) -> dict[str, dict[str, str]]:
    """Return the headers of everybody who may come: two of them with credentials that are good for nothing."""
    found: dict[str, dict[str, str]] = {"stranger": {}, "wrong": {"Authorization": "Bearer salus_00000000_wrong"}}
    found |= {role.value: await api.door.bearer(role) for role in Role}
    await api.door.book.create("spare", Role.VIEWER, None)
    token = (await api.door.book.create("browser", Role.ADMIN, None))[0]
    cookie, _ = api.door.gate.sessions.begin(token)
    found["forged"] = {"Cookie": f"{COOKIE}={cookie}"}  # what another site can make the browser of an admin send
    return found


def _may(endpoint: Endpoint, who: str) -> bool:
    """Tell whether an endpoint is for somebody: reading by cookie is, writing by it is not."""
    if endpoint.role is None:
        return who != "wrong"
    if who == "forged":
        return not endpoint.writes
    return who in set(Role) and Role(who).may(endpoint.role)


def _ask(operation: Any, mode: Any, callers: dict[str, dict[str, str]], asked: Asked) -> None:
    there = st.booleans() if "{" in operation.path else st.just(False)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), known=there)
    def everybody_asks(case: Any, known: bool) -> None:
        if known or mode is schemathesis.GenerationMode.POSITIVE:
            case.path_parameters = {name: THERE.get(name, "web") for name in case.path_parameters or {}}
        for who, headers in callers.items():
            if (case.path, who) == ("/session", "forged"):  # it would sign out
                continue
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)
            asked.note(case, who, response.status_code, response.text)

    everybody_asks()
