"""What is sent is valid and bounded, whatever it is about."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.channels import _document, _templates
from salus.channels._alertmanager import payload
from salus.channels.exec import variables
from salus.channels.slack import Slack, colour, escape
from salus.channels.webhook import Webhook
from salus.errors import DeliveryError
from salus.model import Alert, AlertState, Level, Occasion
from salus.ports import Letter
from salus.secret import Secret
from tests.letters import DISK, LETTERS, WEB, digest, event, firing, healed, letter, trial

TEXTS = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
LABELS = {**TEXTS, "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
# What Prometheus documents of the payload of webhooks, version 4.
ALERTMANAGER = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "version": {"const": "4"},
        "groupKey": {"type": "string", "minLength": 1},
        "truncatedAlerts": {"type": "integer", "minimum": 0},
        "status": {"enum": ["firing", "resolved"]},
        "receiver": {"type": "string"},
        "groupLabels": LABELS,
        "commonLabels": LABELS,
        "commonAnnotations": TEXTS,
        "externalURL": {"type": "string"},
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "status": {"enum": ["firing", "resolved"]},
                    "labels": {**LABELS, "required": ["alertname", "severity"]},
                    "annotations": {**TEXTS, "required": ["summary", "description"]},
                    "startsAt": TIME,
                    "endsAt": TIME,
                    "generatorURL": {"type": "string"},
                    "fingerprint": {"type": "string"},
                },
                "required": ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"],
            },
        },
    },
}
ALERTMANAGER["required"] = sorted(ALERTMANAGER["properties"])  # type: ignore[call-overload]


@pytest.mark.parametrize("sort", LETTERS)
def test_every_letter_is_a_valid_alertmanager_payload(sort: str) -> None:
    jsonschema.validate(payload(LETTERS[sort]()), ALERTMANAGER)


def test_the_alertmanager_payload_says_what_alerts_have_in_common() -> None:
    found: Any = payload(letter(Occasion.FIRING, WEB, replace(WEB, id="2", check="api", state=AlertState.RESOLVED)))
    assert found["status"] == "firing"
    assert [alert["status"] for alert in found["alerts"]] == ["firing", "resolved"]
    assert found["commonLabels"]["severity"] == "critical"
    assert found["commonAnnotations"]["runbook_url"] == "https://runbooks.example.org/web"
    assert found["groupLabels"] == {"component": "web"}
    assert found["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert found["alerts"][0]["startsAt"] == "2026-11-23T03:03:38Z"
    assert found["truncatedAlerts"] == 0


def test_what_is_left_out_of_the_alertmanager_payload_is_counted() -> None:
    found: Any = payload(digest())
    assert found["truncatedAlerts"] + len(found["alerts"]) == 9981


def test_the_document_has_every_field_of_an_alert_but_what_channels_know_of_it() -> None:
    found: Any = _document.document(healed())
    internal = {"told", "dismissed", "quiet_since"}
    assert {field.name for field in fields(Alert)} - internal <= set(found["alerts"][0])
    assert found["alerts"][0]["duration"] == 104.0
    assert [deed["verified"] for deed in found["alerts"][0]["deeds"]] == [None, False, True, True]


# ── Slack ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def slack(url: str = "https://hooks.slack.com/services/T0/B0/x", **options: Any) -> Slack:
    return Slack(url=Secret(url), **options)


def texts(value: Any) -> list[str]:
    """Return all texts in a message that are shown as markup."""
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return [*own, *(text for member in value.values() for text in texts(member) if isinstance(member, dict | list))]
    return [text for member in value for text in texts(member)] if isinstance(value, list) else []


def valid(message: Any) -> None:
    """Hold a message against Slack's limits."""
    assert message["text"]
    blocks = [*message.get("blocks", ()), *message["attachments"][0].get("blocks", ())]
    assert len(blocks) <= 50
    for block in blocks:
        if block["type"] == "header":
            assert 0 < len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3000
            assert block["text"]["verbatim"]
        else:
            assert block["type"] == "context"
    assert "blocks" not in message["attachments"][0] or "text" not in message["attachments"][0]
    json.dumps(message).encode()


@pytest.mark.parametrize("sort", LETTERS)
@pytest.mark.parametrize("layout", ["blocks", "attachments"])
def test_every_letter_keeps_to_the_limits_of_slack(sort: str, layout: str) -> None:
    valid(slack(layout=layout).message(LETTERS[sort]()))


def test_links_can_be_clicked_and_nothing_else_is_one() -> None:
    message: Any = slack().message(healed())
    story = "\n".join(texts(message["blocks"]))
    assert "Runbook: <https://runbooks.example.org/web>" in story
    assert "All about it: <https://salus.example.org/health-dashboard/alerts/7f9c2ba4>" in story
    assert "pid 4120 -&gt; 4163" in story


def test_what_a_check_says_calls_nobody() -> None:
    assert escape("<!channel> & @here @Everyone a@herenow") == (
        "&lt;!channel&gt; &amp; @\u200bhere @\u200bEveryone a@herenow"
    )


def test_slack_gets_blocks_and_others_get_attachments() -> None:
    assert "blocks" in slack().message(firing())
    message: Any = slack("https://chat.example.org/hooks/abc").message(firing())
    assert "blocks" not in message
    assert "Expected status 2xx" in message["attachments"][0]["text"]


@pytest.mark.parametrize(
    "made, expected",
    [
        (firing(), "#d01020"),
        (letter(Occasion.FIRING, DISK), "#e0a000"),
        (letter(Occasion.FIRING, replace(DISK, level=Level.INFO)), "#2a78c8"),
        (healed(), "#2e9e4f"),
        (event(), "#2a78c8"),
        (trial(), "#808080"),
    ],
)
def test_the_colour_says_how_bad_it_is(made: Letter, expected: str) -> None:
    assert colour(made) == expected


# ── Templates ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def complaints(template: str) -> list[str]:
    return [what for _, what in Webhook(url=Secret("http://h/"), template=template).problems()]


def test_a_template_sees_the_document() -> None:
    template = '{"summary": {{ title | tojson }}, "checks": [{% for a in alerts %}{{ a.check | tojson }}{% endfor %}]}'
    assert complaints(template) == []
    assert json.loads(_templates.fill(template, firing())) == {
        "summary": "[production] Critical: web-http is unhealthy: expected status 2xx, got 503 Service Unavailable",
        "checks": ["web-http"],
    }


@pytest.mark.parametrize(
    "template, complaint",
    [
        ("a\n{% for alert in alerts %}", "line 2: Unexpected end of template"),
        ("{{ titel }}", "'titel' is undefined: known are version, id, key"),
        ("{{ alerts[0].chek }}", "has no attribute 'chek'"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ alerts.append(1) }}", "unsafe"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% for i in range(70000) %}x{% endfor %}", "more than 64 KiB"),
    ],
)
def test_a_bad_template_is_found_when_the_config_is_read(template: str, complaint: str) -> None:
    assert complaint in "".join(complaints(template))


def test_what_only_some_letters_have_writes_nothing_for_the_others() -> None:
    assert _templates.fill("<{{ alerts[0].summary }}>", trial()) == "<>"


def test_a_template_that_fails_in_the_night_is_given_up_at_once() -> None:
    with pytest.raises(DeliveryError, match="ZeroDivisionError") as caught:
        _templates.fill("{{ 1 / (alerts | length) }}", trial())
    assert caught.value.permanent


# ── Whatever it is about ──────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["\ud800", "a\r\nb\0", "<!everyone> & <b>", "*_`~", "x" * 10**6, "&" * 5000, "{{ 7*7 }}", "\u202e"]
    ),
)


@settings(max_examples=40)
@given(text=HOSTILE, sort=st.sampled_from(sorted(LETTERS)), number=st.integers(0, 40))
def test_any_letter_makes_valid_and_bounded_payloads(text: str, sort: str, number: int) -> None:
    made = LETTERS[sort]()
    alerts = tuple(
        replace(
            alert, summary=text, detail=text, runbook=text, resolution=text, note=text, acknowledged_by=text,
            check=text, labels={text: text, f"{text}2": text}, rule=text, id=text, fingerprint=text,
            deeds=tuple(replace(deed, message=text, action=text, result=text, recovery=text) for deed in alert.deeds),
        )
        for alert in (made.notification.alerts * (1 + number))
    )  # fmt: skip
    told = replace(
        made.notification, alerts=alerts, group={text: text}, environment=text, host=text, link=text, channel=text
    )
    made = replace(made, notification=told)
    encoded = _document.encoded(made)
    assert len(encoded) < 2 * _document.LIMIT
    assert b"\n" not in encoded
    found = json.loads(encoded)
    assert found["more"] + len(found["alerts"]) == told.more + len(alerts)
    jsonschema.validate(payload(made), ALERTMANAGER)
    assert len(json.dumps(payload(made))) < 2 * _document.LIMIT
    for layout in ("blocks", "attachments"):
        valid(slack(layout=layout).message(made))
    for name, value in variables(made).items():
        assert "\0" not in value, name
        assert len(value.encode()) < 100_000, name
