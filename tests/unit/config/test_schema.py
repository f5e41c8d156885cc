"""The schema says what the reading says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from salus.app import registry
from salus.config import loads
from salus.config.docstrings import attributes, summary
from salus.config.schema import schema

EXAMPLE = """
salus: {listen: 127.0.0.1:8787, state_dir: ./.salus, show_details: when_authorized}
defaults: {interval: 30s, failure_threshold: 1}
services:
  web:
    process: {command: [python3, -m, http.server, "8000"], environment: {LOG_LEVEL: info}, stop_timeout: 5s}
checks:
  web-up: {process: {service: web}, critical: true}
  disk: {disk: {path: /, free_above: 10%}, depends_on: [web-up], tags: [web]}
  memory: memory
  load: {load: }
  orders: {command: [/usr/local/bin/check-orders, --fast], interval: "${EVERY:-30}"}
rules:
  web-up:
    trigger_on: unhealthy
    min_failure_count: 2
    actions: [log, restart_service, {restart_service: web, timeout: 5s}, {wait: 5s}, {wait: {duration: 1}}]
limits: {storm_brake: 50%}
maintenance:
  nightly: {cron: "0 2 * * *", duration: 1h, time_zone: Europe/Berlin, everything: true}
"""

WRONG = [
    "alerts: {}",
    "checks: {a: {}}",
    "checks: {a: disk}",
    "checks: {a: {disk: }}",
    "checks: {a: {disk: {path: /, free: 10%}}}",
    "checks: {a: {disk: {path: 5}}}",
    "checks: {a: {memory: , swap: }}",
    "checks: {a: {memory: , intervall: 5s}}",
    "checks: {a: {memory: , interval: soon}}",
    "checks: {a: {memory: , failure_threshold: 0}}",
    "checks: {'my check': memory}",
    "rules: {a: {actions: []}}",
    "rules: {a: {}}",
    "rules: {a: {actions: [wait]}}",
    "rules: {a: {actions: [{nothing: }]}}",
    "rules: {a: {actions: [log], trigger_on: healthy}}",
    "salus: {store: postgresql}",
    "limits: {storm_brake: 150}",
]


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    return schema({room: dict(registry.kinds(room)) for room in ("checks", "actions", "services")})


@pytest.fixture(scope="module")
def validator(written: dict[str, Any]) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(written)
    return jsonschema.Draft202012Validator(written)


def test_a_good_config_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    loads(EXAMPLE, environ={})
    validator.validate(yaml.safe_load(EXAMPLE))
    validator.validate(None)


@pytest.mark.parametrize("text", WRONG)
def test_a_bad_config_is_not(validator: jsonschema.Draft202012Validator, text: str) -> None:
    assert not validator.is_valid(yaml.safe_load(text))


def test_the_schema_is_json_and_describes_every_kind_and_key(written: dict[str, Any]) -> None:
    assert json.loads(json.dumps(written)) == written
    for room in ("checks", "actions", "services"):
        for kind in registry.names(room):
            described = written["$defs"][f"{room}.{kind}"]
            assert described["description"], kind
            body = described if "properties" in described else described["anyOf"][0]
            assert [key for key, value in body["properties"].items() if "description" not in value] == [], kind


def test_defaults_are_written_as_a_person_would(written: dict[str, Any]) -> None:
    rule = written["$defs"]["rule"]["properties"]
    assert (rule["recovery_timeout"]["default"], rule["exhausted_retry"]["default"]) == ("30s", "30m")
    assert written["properties"]["limits"]["anyOf"][0]["properties"]["storm_brake"]["default"] == "50%"


def test_descriptions_come_from_docstrings() -> None:
    class Base:
        """Base.

        Attributes:
            a: the first,
                on two lines.
            b: of the base
        """

    class Kind(Base):
        """Does one thing.

        And another, which takes
        two lines.

        Attributes:
            b: its own

        Raises:
            c: not an attribute
        """

    assert summary(Kind) == "Does one thing.\nAnd another, which takes two lines."
    assert attributes(Kind) == {"a": "the first, on two lines.", "b": "its own"}


def test_the_schema_of_no_kinds_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema({}))


def test_every_section_of_the_documented_example_is_known(written: dict[str, Any]) -> None:
    assert set(written["properties"]) == set(yaml.safe_load(EXAMPLE)), Path(__file__).name
