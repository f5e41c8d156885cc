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
from salus.options import ChannelOptions

EXAMPLE = """
salus: {listen: 127.0.0.1:8787, state_dir: ./.salus, show_details: when_authorized}
defaults: {interval: 30s, failure_threshold: 1}
services:
  web:
    process: {command: [python3, -m, http.server, "8000"], environment: {LOG_LEVEL: info}, stop_timeout: 5s}
    depends_on: [db]
  db: {command: {start: [db], stop: [db, stop]}}
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
  load: {when: metrics.load5 > 8, ladders: [[log], [{restart_service: web}]], on_exhausted: [log], mode: approve}
  all: {all_checks: true, failure_window: 5, actions: [log], cooldown_multiplier: 2, cooldown_jitter: 10%}
  some: {all_checks: false, tags: [web], actions: [log]}
limits:
  storm_brake: 50%
  mode: observe
  groups:
    pool: {services: [web], max_unavailable: 30%}
    rest: {everything: true, max_unavailable: 1, max_unavailable_share: 0.3}
    some: {everything: false, tags: [web], max_unavailable: "${MOST:-30%}"}
maintenance:
  nightly: {cron: "0 2 * * *", duration: 1h, time_zone: Europe/Berlin, everything: true}
  weekly: {cron: "0 2 * * SUN", duration: 1h, checks: [disk], services: [web], description: backup}
alerts:
  receive: {token: "${TOKEN:-a-token-that-is-long}", resolve_timeout: 5m}
  channels:
    tray: tray
    big: {tray: {size: 100}, rate_limit: 5, rate_period: 1m, send_resolved: false, give_up_after: 1d, timeout: 5s}
    off: {tray: , enabled: false}
  rules:
    disk: {metric: free_ratio, below: 15%, for: 5m, level: warning, labels: {team: web}, cooldown: 10m}
    memory: {when: metrics.available_ratio < 0.1, message: "{check}: {message}", runbook: "https://example.org/memory"}
    lost: {"on": [exhausted, recurring], level: critical}
    moved: {"on": recovered, services: [web]}
    everything: {all_checks: true, status: unknown}
    two: {checks: [disk, load], all_checks: false, status: unhealthy, enabled: false}
    cold: {check: load, metric: x, not_equals: -5}
    gave-up: {enabled: false}
  default_rules: false
  routes:
    - {match: 'level="critical"', channels: [big, log], continue: true, escalate: [{after: 15m, channels: [tray]}]}
    - {match: ["a=b", "c=d"], channels: [], mute_during: [night], active_during: [day], group_by: ["..."]}
    - {channels: [console, "off"], group_wait: 0s, group_interval: 5m, repeat_interval: 0}
  group_by: [component]
  inhibit: {site: {source: a=b, target: [c=d], equal: [site]}}
  time_intervals:
    day: {time_zone: Europe/Berlin, ranges: [{weekdays: [monday:friday], times: ["09:00-17:00"]}]}
    night:
      ranges:
        - {times: [{start_time: "22:00", end_time: "24:00"}], days_of_month: [1, "-3:-1"]}
        - {months: [12, july], years: [2026, "2027:2030"]}
  flap_threshold: 0
  link: https://salus.example.org
  labels: {datacentre: fra1}
  targets: {allow: [10.0.0.0/8], deny: []}
telemetry: {endpoint: "http://127.0.0.1:4318", headers: {authorization: x}, interval: 30s, logs: true}
pings: {healthchecks: "https://hc-ping.com/x", other: {url: "https://example.org/x", report_failures: true}}
status_page:
  title: Shop
  components:
    Website: web-up
    Data: {tags: [web], description: Where orders are kept}
"""

WRONG = [
    "alerts: {receive: {}}",
    "alerts: {receive: {token: a-token-that-is-long, resolve_timeout: soon}}",
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
    "limits: {mode: yolo}",
    "limits: {groups: {a: {checks: [a]}}}",
    "limits: {groups: {a: {max_unavailable: 1}}}",
    "limits: {groups: {a: {tags: [], max_unavailable: 1}}}",
    "limits: {groups: {a: {everything: false, max_unavailable: 1}}}",
    "limits: {groups: {a: {everything: true, tags: [a], max_unavailable: 1}}}",
    "limits: {groups: {a b: {everything: true, max_unavailable: 1}}}",
    "rules: {a: {actions: [log], ladders: [[log]]}}",
    "rules: {a: {ladders: []}}",
    "rules: {a: {ladders: [[]]}}",
    "rules: {a: {ladders: [log]}}",
    "rules: {a: {actions: [log], tags: []}}",
    "rules: {a: {actions: [log], tags: [a], check: b}}",
    "rules: {a: {actions: [log], tags: [a], all_checks: true}}",
    "rules: {a: {actions: [log], when: a > 1, trigger_on: degraded}}",
    "rules: {a: {actions: [log], failure_window: 31}}",
    "rules: {a: {actions: [log], cooldown_multiplier: 0.5}}",
    "checks: {a: {memory: , failure_window: 31}}",
    "checks: {a: {memory: , high_flap_threshold: 150}}",
    "services: {a: {command: {start: [a]}, depends_on: b}}",
    "maintenance: {a: {cron: '0 2 * * *', duration: 1h}}",
    "maintenance: {a: {cron: '0 2 * * *', everything: true}}",
    "maintenance: {a: {duration: 1h, everything: true}}",
    "alerts: []",
    "alerts: {chanels: {}}",
    "alerts: {channels: [tray]}",
    "alerts: {channels: {my channel: tray}}",
    "alerts: {channels: {a: {tray: , pigeon: }}}",
    "alerts: {channels: {a: {tray: , rate_limit: 0}}}",
    "alerts: {channels: {a: {tray: {siez: 5}}}}",
    "alerts: {rules: {a: {}}}",
    "alerts: {rules: {a: {status: healthy}}}",
    "alerts: {rules: {a: {status: unhealthy, when: a > 1}}}",
    "alerts: {rules: {a: {metric: x}}}",
    "alerts: {rules: {a: {above: 1}}}",
    "alerts: {rules: {gave-up: {above: 1}}}",
    "alerts: {rules: {a: {metric: x, above: 1, below: 2}}}",
    "alerts: {rules: {a: {metric: x, above: high}}}",
    "alerts: {rules: {a: {status: unhealthy, check: a, tags: [b]}}}",
    "alerts: {rules: {a: {status: unhealthy, check: a, all_checks: true}}}",
    "alerts: {rules: {a: {status: unhealthy, tags: []}}}",
    "alerts: {rules: {a: {'on': nothing}}}",
    "alerts: {rules: {a: {status: unhealthy, for: long}}}",
    "alerts: {routes: []}",
    "alerts: {routes: [{match: 'a=b'}]}",
    "alerts: {routes: [{channels: log}]}",
    "alerts: {routes: [{channels: [log], escalate: [{channels: [log]}]}]}",
    "alerts: {inhibit: {a: {source: 'a=b'}}}",
    "alerts: {time_intervals: {a: {}}}",
    "alerts: {time_intervals: {a: {ranges: [{weekday: [monday]}]}}}",
    "alerts: {targets: {allow: localhost}}",
    "alerts: {labels: {size: 5}}",
]


class Tray(ChannelOptions, frozen=True, kw_only=True):
    """Keeps what it is told.

    Attributes:
        size: how much it holds.
    """

    size: int = 10


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    kinds = {room: dict(registry.kinds(room)) for room in ("checks", "actions", "services", "channels")}
    kinds["channels"]["tray"] = Tray
    return schema(kinds)


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
    for room in ("checks", "actions", "services", "channels"):
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
