"""Whatever is asked, by whomever: the answer is one that the document knows, and never that something broke.

Schemathesis makes the requests from our own OpenAPI document, right ones and wrong ones.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import checks as known
from schemathesis.specs.openapi import checks as openapi

from salus.model import Role
from salus.surfaces.api.openapi import document
from salus.surfaces.http import App, Receive, Scope, Send
from tests.fake_api import FakeApi

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


def test_any_request_of_anybody_gets_an_answer_that_is_documented() -> None:
    api = FakeApi()
    asyncio.run(api.fill())
    callers = {role: asyncio.run(api.door.bearer(role)) for role in Role}
    app = Counting(api.app)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app).exclude(path="/stream")  # it does not end
    asked: dict[tuple[str, str], set[int]] = {}
    operations: list[Any] = list(schema.get_all_operations())
    for operation in operations:
        _ask(operation.ok(), schemathesis.GenerationMode.POSITIVE, callers, asked)
        with suppress(Unsatisfiable):  # where nothing can be said, nothing can be said wrongly
            _ask(operation.ok(), schemathesis.GenerationMode.NEGATIVE, callers, asked)
    assert app.odd == []
    assert set(app.codes) >= {200, 401, 403, 404, 422}
    for (method, who), codes in asked.items():
        if method != "GET" and who in ("nobody", "viewer"):
            assert not any(code < 400 for code in codes), (method, who, codes)
    assert any(code < 400 for code in asked["POST", "operator"])


def _ask(
    operation: Any, mode: Any, callers: dict[Role, dict[str, str]], asked: dict[tuple[str, str], set[int]]
) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def everybody_asks(case: Any) -> None:
        for role, headers in ((None, {}), *callers.items()):
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)
            if not case.path.startswith("/session"):  # signing in and out is everybody's
                asked.setdefault((case.method, role.value if role else "nobody"), set()).add(response.status_code)

    everybody_asks()
