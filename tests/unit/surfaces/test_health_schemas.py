"""Every answer of the health endpoints is as its schema says, whatever is asked and however things are."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from salus.model import Metric, Pause, Status
from salus.surfaces.health import HealthApp
from tests.asgi import Answer, ask
from tests.fake_agent import API, DISK, NEW, NOW, WEB, FakeControl, FakeView, FixedClock, check

SCHEMAS = Path(__file__).resolve().parents[3] / "docs/reference/schemas"
FORMS = {
    "application/json": "health",
    "application/health+json": "health-json",
    "application/problem+json": "problem",
}
ODD = check("odd.name-1_", Status.UNKNOWN, "cannot tell", metrics={"a:b": Metric(1.5, "furlongs")})
PAUSED = check("aside", Status.UNKNOWN)
WORLDS = {
    "nothing": [],
    "all well": [DISK],
    "degraded": [DISK, API],
    "down": [API, DISK, WEB],
    "new": [NEW],
    "odd": [ODD, DISK],
}
PATHS = [
    "/health",
    "/livez",
    "/readyz",
    "/startupz",
    "/health/checks/disk",
    "/health/checks/nobody",
    "/readyz?exclude=disk",
]
PATHS += ["/readyz?exclude=nobody", "/nothing", "/ping/nobody"]


def validator(name: str) -> Draft202012Validator:
    schema: Any = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


VALIDATORS = {media: validator(name) for media, name in FORMS.items()}


def wrong(answer: Answer) -> list[str]:
    return [error.message for error in VALIDATORS[answer.headers["content-type"]].iter_errors(answer.json)]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("details", [True, False])
async def test_every_answer_is_as_its_schema_says(world: str, details: bool) -> None:
    app = HealthApp(FakeView(list(WORLDS[world])), FakeControl(), details=details, clock=FixedClock())
    for path, accept in product(PATHS, ("application/json", "application/health+json", "*/*")):
        answer = await ask(app, path, accept=accept)
        assert not wrong(answer), (path, accept)


async def test_a_paused_check_is_told_as_the_schema_says() -> None:
    pause = Pause(since=NOW, until=None, reason="by hand", by="me")

    view = FakeView([replace(PAUSED, paused=pause), DISK])
    app = HealthApp(view, None, details=True, clock=FixedClock())
    for path in ("/health", "/health/checks/aside"):
        answer = await ask(app, path)
        assert "by hand" in answer.text
        assert not wrong(answer)


def test_the_schemas_refuse_what_is_otherwise() -> None:
    bad: list[Any] = [{}, {"status": "ok"}, {"status": "healthy", "more": 1}]
    for document in bad:
        assert list(VALIDATORS["application/json"].iter_errors(document))
    bad = [{}, {"status": "healthy"}, {"status": "pass", "checks": {"disk": []}}]
    for document in bad:
        assert list(VALIDATORS["application/health+json"].iter_errors(document))
    assert list(VALIDATORS["application/problem+json"].iter_errors({"title": "Not Found"}))
