"""PagerDuty. Its own service cannot be reached from a test: here is a strict stand-in with the published schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from salus.channels.pagerduty import PagerDuty, event
from salus.clock import SystemClock
from salus.errors import DeliveryError
from salus.model import AlertState, Level, Occasion
from salus.ports import Letter, Outlet
from salus.secret import Secret
from tests import letters
from tests.integration.channels.receiver import Posted, Receiver, receiving

KEY = Secret("0123456789abcdef0123456789abcdef")
TEXT = {"type": "string", "minLength": 1}
EVENT = {  # "Send an alert event" of the Events API v2, with nothing beyond it
    "type": "object",
    "additionalProperties": False,
    "required": ["routing_key", "event_action"],
    "properties": {
        "routing_key": {"type": "string", "pattern": "^[0-9A-Za-z]{32}$"},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": TEXT,
        "client_url": {"type": "string", "pattern": "^https?://"},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["href"],
                "properties": {"href": {"type": "string", "pattern": "^https?://"}, "text": TEXT},
            },
        },
        "payload": {
            "type": "object",
            "additionalProperties": False,
            "required": ["summary", "source", "severity"],
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "source": TEXT,
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "timestamp": {
                    "type": "string",
                    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
                },
                "component": TEXT,
                "group": TEXT,
                "class": TEXT,
                "custom_details": {"type": "object"},
            },
        },
    },
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}
SCHEMA = Draft202012Validator(EVENT, format_checker=FormatChecker())
LARGEST = 512 * 1024


def answer(posted: Posted) -> tuple[str, str]:
    """Answer as PagerDuty does."""
    if posted.line != "POST /v2/enqueue HTTP/1.1":
        return "404 Not Found", ""
    errors = sorted(error.message for error in SCHEMA.iter_errors(posted.body))
    if errors:
        return "400 Bad Request", json.dumps(
            {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        )
    key = posted.body.get("dedup_key")
    return "202 Accepted", json.dumps({"status": "success", "message": "Event processed", "dedup_key": key})


@pytest.fixture
async def pagerduty() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        started.answer = answer
        yield started


async def send(options: PagerDuty, letter: Letter) -> str:
    assert options.problems() == []
    channel = options.build(Outlet(clock=SystemClock(), state_dir=Path("state"), state_id="tests"))
    try:
        return await channel.send(letter)
    finally:
        await channel.aclose()


def to(receiver: Receiver, **options: Any) -> PagerDuty:
    return PagerDuty(url=Secret(receiver.url), routing_key=KEY, **options)


async def test_firing_acknowledged_and_resolved_are_one_incident(pagerduty: Receiver) -> None:
    for letter in (letters.firing(), letters.acknowledged(), letters.healed()):
        assert (await send(to(pagerduty), letter)).endswith("202 Accepted")
    events = [posted.body for posted in pagerduty.requests]
    assert [each["event_action"] for each in events] == ["trigger", "acknowledge", "resolve"]
    assert {each["dedup_key"] for each in events} == {letters.firing().notification.key}
    assert {each["routing_key"] for each in events} == {KEY.reveal()}


async def test_an_incident_says_what_where_how_bad_and_since_when(pagerduty: Receiver) -> None:
    await send(to(pagerduty), letters.firing())
    made = pagerduty.requests[0].body
    story = made["payload"].pop("custom_details")
    assert made["payload"] == {
        "summary": "[production] Critical: web-http is unhealthy: expected status 2xx, got 503 Service Unavailable",
        "source": "web-1",
        "severity": "critical",
        "timestamp": "2026-11-23T03:02:38Z",
        "component": "web",
        "group": "web",
        "class": "web-down",
    }
    assert story["labels"]["check"] == "web-http"
    assert any("503" in line for line in story["story"])
    assert [link["href"] for link in made["links"]] == [
        "https://runbooks.example.org/web",
        "https://salus.example.org/health-dashboard/alerts/7f9c2ba4",
    ]
    assert (made["client"], made["client_url"]) == (
        "Salus on web-1",
        "https://salus.example.org/health-dashboard/alerts",
    )


async def test_what_has_no_duration_calls_somebody_unless_it_is_mere_news(pagerduty: Receiver) -> None:
    brake = replace(letters.WEB, state=AlertState.RESOLVED, resolved_at=letters.after(60), moment=True)
    await send(to(pagerduty), letters.letter(Occasion.RESOLVED, brake))
    assert pagerduty.requests[0].body["event_action"] == "trigger"
    assert pagerduty.requests[0].body["payload"]["severity"] == "critical"
    said = await send(to(pagerduty), letters.letter(Occasion.RESOLVED, replace(brake, level=Level.INFO)))
    assert said == "it opens no incident: it has no duration, and is of level info"
    assert len(pagerduty.requests) == 1


@pytest.mark.parametrize("sort", sorted(set(letters.LETTERS) - {"event"}))  # that one is mere news
async def test_every_sort_of_letter_is_taken(pagerduty: Receiver, sort: str) -> None:
    await send(to(pagerduty), letters.LETTERS[sort]())
    assert len(json.dumps(pagerduty.requests[0].body)) < LARGEST


async def test_an_invalid_event_is_for_good_and_says_why(pagerduty: Receiver) -> None:
    pagerduty.answer = lambda _: ("400 Bad Request", f'{{"errors": ["no such routing_key {KEY.reveal()}"]}}')
    with pytest.raises(DeliveryError, match="no such routing_key") as caught:
        await send(to(pagerduty), letters.firing())
    assert caught.value.permanent
    assert KEY.reveal() not in str(caught.value)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable"])
async def test_too_many_requests_and_their_own_trouble_are_passing(pagerduty: Receiver, status: str) -> None:
    pagerduty.answer = lambda _: (status, "")
    with pytest.raises(DeliveryError) as caught:
        await send(to(pagerduty), letters.firing())
    assert not caught.value.permanent


def test_the_key_is_checked_and_never_shown() -> None:
    assert PagerDuty(routing_key=KEY).problems() == []
    assert [field for field, _ in PagerDuty(routing_key=Secret("short")).problems()] == ["routing_key"]
    assert KEY.reveal() not in repr(PagerDuty(routing_key=KEY))
    assert PagerDuty(routing_key=KEY).place == "events.pagerduty.com:443"


hostile = st.text(st.characters(), max_size=300)  # surrogates and control characters among them


@given(text=hostile, key=st.text(min_size=1, max_size=600), label=hostile)
def test_whatever_a_check_says_the_event_is_valid(text: str, key: str, label: str) -> None:
    alert = replace(
        letters.WEB,
        summary=text * 5,
        detail=text,
        runbook=text,
        labels={label: text, "component": text, "alertname": label},
    )
    told = replace(
        letters.firing().notification, alerts=(alert,), key=key, host=text, group={label: text}, environment=label
    )
    made = json.loads(json.dumps(event(Letter(notification=told), KEY)).encode())
    assert not list(SCHEMA.iter_errors(made))
    json.dumps(made, ensure_ascii=False).encode()  # no half of a surrogate pair is left
    assert len(json.dumps(made)) < LARGEST


def test_two_long_keys_stay_two_incidents() -> None:
    def key_of(key: str) -> Any:
        told = replace(letters.firing().notification, key=key)
        return event(Letter(notification=told), KEY)["dedup_key"]

    assert key_of("x" * 255 + "a") != key_of("x" * 255 + "b")
    assert len(key_of("x" * 256)) <= 255
    assert key_of("5d41402abc4b2a76") == "5d41402abc4b2a76"
