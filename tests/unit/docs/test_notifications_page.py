"""The recipe for notifications: its configs do what it says, and what arrives is what people get."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from salus.alerts.route import paths
from salus.alerts.stage import Case
from salus.alerts.windows import muted
from salus.app import registry
from salus.app.build import Resolved, resolve
from salus.channels import _words as words
from salus.channels._guard import Guard
from salus.channels._http import signature
from salus.clock import SystemClock
from salus.config import alert_defaults, alert_shapes, loads
from salus.model import AlertSettings, ChannelSpec, Labels, RouteSpec
from salus.secret import Secret
from tests import pages
from tests.integration.docs.given import GIVEN
from tests.letters import GOLDEN, LETTERS, WEB

NAME = "docs/how-to/notifications.md"
PAGE = pages.text(NAME)
GIVEN_HERE = GIVEN[NAME]
BASE = yaml.safe_dump({"services": GIVEN_HERE.services, "checks": GIVEN_HERE.checks})


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Resolved]:
    """Return what makes a config of a block: with checks to watch, and the secrets that it names in files."""
    (tmp_path / "secrets").mkdir()
    for name, value in GIVEN_HERE.files.items():
        (tmp_path / name).write_text(value, encoding="utf-8")

    def make(block: str) -> Resolved:
        text = BASE + block.replace("/run/secrets", str(tmp_path / "secrets"))
        return resolve(loads(text, environ=GIVEN_HERE.variables))

    return make


def test_every_kind_of_channel_is_shown_and_told_of(read: Callable[[str], Resolved]) -> None:
    kinds = {name for name, _ in registry.kinds("channels")}
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert {kind for cell in table for kind in re.findall(r"`(\w+)`", cell)} >= kinds
    shown = {spec.kind for spec in read(pages.block_with(NAME, "yaml", "lamp:").text).settings.alerts.channels.values()}
    assert shown == kinds


def test_without_a_word_everything_goes_to_the_log() -> None:
    alerts = loads(BASE, environ={}).alerts
    assert heard(alerts, {"alertname": "check-unhealthy"}) == ["log"]
    holds = {name: rule.hold for name, rule in alert_defaults.RULES.items()}
    assert [holds[name] for name in ("check-unhealthy", "check-degraded", "check-unknown")] == [60, 300, 600]


def test_what_the_log_says_is_as_the_page_has_it() -> None:
    told = LETTERS["firing"]().notification
    line = f"CRITICAL salus.alerts channel=log notification={told.id}: {words.headline(told)}"
    assert line in PAGE


def test_what_arrives_is_what_people_get() -> None:
    assert (GOLDEN / "healed.txt").read_text(encoding="utf-8").strip() in PAGE


def test_the_bounds_of_a_channel_are_the_ones_that_are_written_out(read: Callable[[str], Resolved]) -> None:
    written, usual = (
        read(pages.block_with(NAME, "yaml", "rate_limit").text).settings.alerts.channels["chat"],
        ChannelSpec(name="c", kind="log"),
    )
    assert written.rate_limit == 10
    for bound in ("rate_period", "send_resolved", "give_up_after", "timeout"):
        assert getattr(written, bound) == getattr(usual, bound)


# ── Who hears what, and when ──────────────────────────────────────────────────────────────────────────────────────────


def heard(alerts: AlertSettings, labels: Labels) -> list[str]:
    return [path.channel for path in paths(alerts.routes, labels)]


def test_the_routes_tell_whom_the_page_says(read: Callable[[str], Resolved]) -> None:
    alerts = read(pages.block_with(NAME, "yaml", "web-chat:").text).settings.alerts
    assert heard(alerts, {"level": "critical", "component": "web"}) == ["pager", "web-chat"]
    assert heard(alerts, {"level": "critical", "component": "db"}) == ["pager", "chat"]
    assert heard(alerts, {"level": "warning", "component": "web-2"}) == ["web-chat"]
    assert heard(alerts, {"level": "info", "component": "web"}) == ["chat"]
    assert [route.repeat_interval for route in alerts.routes] == [3600, 14400, 14400]
    usual = RouteSpec(channels=())
    assert [(route.group_by, route.group_wait, route.group_interval) for route in alerts.routes] == [
        (usual.group_by, usual.group_wait, usual.group_interval)
    ] * 3


def test_what_no_route_takes_is_told_to_the_log() -> None:
    alerts = loads(f"{BASE}alerts: {{routes: [{{match: level=critical, channels: [console]}}]}}", environ={}).alerts
    assert heard(alerts, {"level": "info"}) == ["log"]


def test_who_is_called_later_is_whom_the_page_says(read: Callable[[str], Resolved]) -> None:
    alerts = read(pages.block_with(NAME, "yaml", "escalate:").text).settings.alerts
    ways = {path.channel: path.after for path in paths(alerts.routes, {"level": "critical"})}
    assert ways == {"chat": 0, "phone": 900, "boss": 3600}


@pytest.mark.parametrize(
    "level, at, expected",
    [
        ("critical", datetime(2026, 1, 12, 2, tzinfo=UTC), {"pager"}),
        ("warning", datetime(2026, 1, 12, 2, tzinfo=UTC), set()),  # 03:00 in Berlin, a Monday
        ("warning", datetime(2026, 1, 12, 20, 59, tzinfo=UTC), {"chat"}),
        ("warning", datetime(2026, 1, 12, 21, tzinfo=UTC), set()),
        ("info", datetime(2026, 1, 12, 10, tzinfo=UTC), {"chat"}),
        ("info", datetime(2026, 1, 10, 10, tzinfo=UTC), set()),  # a Saturday
    ],
)
def test_the_hours_are_quiet_for_whom_the_page_says(
    read: Callable[[str], Resolved], level: str, at: datetime, expected: set[str]
) -> None:
    alerts = read(pages.block_with(NAME, "yaml", "time_intervals:").text).settings.alerts
    ways = paths(alerts.routes, {"level": level})
    loud = {
        path.channel
        for path in ways
        if muted(Case(alert=WEB, route=path.route, now=at, intervals=alerts.intervals)) is None
    }
    assert loud == expected


def test_the_guard_lets_pass_what_the_page_says(read: Callable[[str], Resolved]) -> None:
    guard = Guard(read(pages.block_with(NAME, "yaml", "targets:").text).settings.alerts.targets)
    assert guard.why_not("hooks.example.org", "203.0.113.7") == ""
    assert guard.why_not("events.pagerduty.com", "203.0.113.7") == ""
    assert guard.why_not("elsewhere.example.org", "203.0.113.7")
    assert guard.why_not("hooks.example.org", "169.254.169.254")


# ── Signatures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_tells_true_signatures_from_others() -> None:
    known: dict[str, object] = {}
    exec(pages.block_with(NAME, "python", "is_from_salus").text, known)
    judge = known["is_from_salus"]
    assert callable(judge)
    now, body = int(SystemClock().now().timestamp()), b'{"version":1}'
    header = signature(Secret("ours"), body, now)
    assert judge(b"ours", header, body) is True
    others: Mapping[str, tuple[bytes, str, bytes]] = {
        "another secret": (b"theirs", header, body),
        "another body": (b"ours", header, body + b" "),
        "an old one": (b"ours", signature(Secret("ours"), body, now - 301), body),
        "another time": (b"ours", header.replace(f"t={now}", f"t={now - 1}"), body),
        "no signature": (b"ours", f"t={now}", body),
        "nothing": (b"ours", "", body),
        "rubbish": (b"ours", "t=²,v1=\xff,=", body),
    }
    assert {name for name, given in others.items() if judge(*given) is not False} == set()


# ── Names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_that_the_page_names_is_a_key_of_the_config() -> None:
    every = (
        alert_shapes.AlertsShape,
        alert_shapes.ChannelShape,
        alert_shapes.AlertRuleShape,
        alert_shapes.RouteShape,
        alert_shapes.InhibitShape,
        alert_shapes.TimeIntervalShape,
    )
    keys = {name for shape in every for name in shape.__struct_encode_fields__}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?::[^`]*)?`", PAGE))
    assert "repeat_interval" in named
    assert named - keys - {"depends_on"} == set()
