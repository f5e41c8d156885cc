"""A good section ``alerts`` becomes settings."""

from __future__ import annotations

import pytest

from salus.config import SCALAR, Settings, alert_defaults, loads
from salus.model import (
    AlertRule,
    AlertSettings,
    ChannelSpec,
    Comparison,
    Escalation,
    Happening,
    InhibitRule,
    Level,
    Matcher,
    Matching,
    RouteSpec,
    Selector,
    Status,
    Targets,
    TimeInterval,
    TimeRange,
)

CHECKS = """
services: {web: {command: {start: [a]}}}
checks: {web: {memory: , tags: [front]}, db: memory, disk: {disk: {path: /}}}
"""


def read(alerts: str) -> Settings:
    lines = "".join(f"  {line}\n" for line in alerts.strip("\n").splitlines())
    return loads(f"{CHECKS}alerts:\n{lines}", name="salus.yaml", environ={"WHO": "ops", "LIMIT": "0.5"})


def rules_of(alerts: str) -> dict[str, AlertRule]:
    return {rule.name: rule for rule in read(f"rules:\n{alerts}").alerts.rules}


def ranges_of(text: str) -> tuple[TimeRange, ...]:
    return read(f"time_intervals: {{t: {{ranges: {text}}}}}").alerts.intervals["t"].ranges


# ── Nothing said ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "alerts:", "alerts: {}", "alerts: {channels: , rules: , routes: }"])
def test_without_a_word_salus_own_rules_tell_the_log(text: str) -> None:
    alerts = loads(text, environ={}).alerts
    assert alerts == AlertSettings(
        rules=tuple(alert_defaults.RULES.values()),
        channels={name: ChannelSpec(name=name, kind=name) for name in ("log", "console")},
        routes=(RouteSpec(channels=("log",)),),
    )


def test_the_model_and_the_config_have_the_same_defaults() -> None:
    text = """
channels: {ops: tray}
rules: {web: {status: unhealthy}}
default_rules: false
routes: [{channels: [ops]}]
inhibit: {a: {source: a=b, target: c=d}}
time_intervals: {t: {ranges: [{years: [2026]}]}}
targets: {}
"""
    matchers = [(Matcher(label, Matching.EQUAL, value),) for label, value in (("a", "b"), ("c", "d"))]
    assert read(text).alerts == AlertSettings(
        rules=(AlertRule(name="web", status=Status.UNHEALTHY, members=Selector(checks=("web",))),),
        channels={**alert_defaults.CHANNELS, "ops": ChannelSpec(name="ops", kind="tray")},
        routes=(RouteSpec(channels=("ops",)),),
        inhibit=(InhibitRule(name="a", source=matchers[0], target=matchers[1]),),
        intervals={"t": TimeInterval(name="t", ranges=(TimeRange(years=((2026, 2026),)),))},
    )


def test_salus_own_rules_are_the_documented_ones() -> None:
    told = [
        (rule.name, str(rule.status or ", ".join(rule.on)), rule.hold, rule.level and str(rule.level))
        for rule in alert_defaults.RULES.values()
    ]
    assert told == [
        ("check-unhealthy", "unhealthy", 60, None),
        ("check-degraded", "degraded", 300, "warning"),
        ("check-unknown", "unknown", 600, "warning"),
        ("gave-up", "exhausted", 0, "critical"),
        ("recurring", "recurring", 0, "warning"),
        ("storm-brake", "storm_brake", 0, "critical"),
        ("approval-wanted", "approval_wanted", 0, "warning"),
        ("circuit-open", "circuit_open", 0, "warning"),
        ("rival-healer", "rival_healer", 0, "warning"),
        ("shared-cause", "shared_cause", 0, "critical"),
        ("overloaded", "overloaded", 60, "warning"),
        ("healing-off", "healing_off", 0, "critical"),
        ("ledger-failed", "ledger_failed", 0, "critical"),
        ("config-rejected", "config_rejected", 0, "warning"),
        ("channel-failed", "channel_failed", 120, "warning"),
        ("recovered", "recovered", 0, "info"),
        ("paused", "paused", 3600, "info"),
    ]
    assert all(rule.builtin and rule.enabled for rule in alert_defaults.RULES.values())
    assert all(rule.members.everything == bool(rule.status) for rule in alert_defaults.RULES.values())


# ── Rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_says_when_and_how_it_is_told() -> None:
    text = """
  web-down:
    check: web
    status: unhealthy
    for: 1m
    level: critical
    message: "{check} is {status} since {since}: {message}"
    labels: {team: "${WHO}"}
    runbook: https://example.org/runbooks/web
    cooldown: 10m
    enabled: false
"""
    assert rules_of(text)["web-down"] == AlertRule(
        name="web-down",
        status=Status.UNHEALTHY,
        members=Selector(checks=("web",)),
        hold=60.0,
        level=Level.CRITICAL,
        message="{check} is {status} since {since}: {message}",
        labels={"team": "ops"},
        runbook="https://example.org/runbooks/web",
        cooldown=600.0,
        enabled=False,
    )


@pytest.mark.parametrize(
    "written, comparison, bound",
    [
        ("below: 0.15", Comparison.BELOW, 0.15),
        ("below: 15%", Comparison.BELOW, 0.15),
        ("above: 150%", Comparison.ABOVE, 1.5),
        ("above: -3", Comparison.ABOVE, -3.0),
        ("above: 512MiB", Comparison.ABOVE, 512 * 2.0**20),
        ("above: 1h30m", Comparison.ABOVE, 5400.0),
        ("equals: 0", Comparison.EQUALS, 0.0),
        ("not_equals: 1", Comparison.NOT_EQUALS, 1.0),
        ("above: ${LIMIT}", Comparison.ABOVE, 0.5),
    ],
)
def test_a_metric_is_compared_with_a_number_however_it_is_written(
    written: str, comparison: Comparison, bound: float
) -> None:
    rule = rules_of(f"  disk:\n    metric: free_ratio\n    {written}")["disk"]
    assert (rule.metric, rule.comparison, rule.bound) == ("free_ratio", comparison, bound)
    assert (rule.status, rule.when, rule.on) == (None, "", ())


def test_what_happened_may_be_one_thing_or_several() -> None:
    rules = rules_of("""
  one: {on: exhausted}
  two: {on: [recovered, not_recovered], tags: [front]}
""")
    assert (rules["one"].on, rules["one"].members) == ((Happening.EXHAUSTED,), Selector())
    assert rules["two"].on == (Happening.RECOVERED, Happening.NOT_RECOVERED)
    assert rules["two"].members == Selector(tags=("front",))


def test_a_rule_watches_the_check_of_its_name_unless_it_names_others() -> None:
    rules = rules_of("""
  web: {status: degraded}
  db: {on: exhausted}
  disk: {status: degraded, check: db}
  a: {status: degraded, checks: [db, web]}
  b: {status: degraded, tags: [front, not-on-this-host]}
  c: {status: degraded, services: [web]}
  d: {status: degraded, all_checks: true}
""")
    assert {name: rule.members for name, rule in rules.items() if not rule.builtin} == {
        "web": Selector(checks=("web",)),
        "db": Selector(checks=("db",)),
        "disk": Selector(checks=("db",)),
        "a": Selector(checks=("db", "web")),
        "b": Selector(tags=("front", "not-on-this-host")),
        "c": Selector(services=("web",)),
        "d": Selector(everything=True),
    }


def test_tags_that_match_every_check_are_no_matter_where_nothing_is_healed() -> None:
    settings = loads(
        "{checks: {a: {memory: , tags: [t]}, b: {swap: , tags: [t]}},"
        " alerts: {rules: {all: {tags: [t], status: unhealthy}}}}"
    )
    assert settings.alerts.rules[0].members == Selector(tags=("t",))


def test_salus_own_rules_stand_behind_those_of_the_file() -> None:
    rules = read("rules: {web: {status: unhealthy}, lost: {on: exhausted}}").alerts.rules
    assert [rule.name for rule in rules] == ["web", "lost", *alert_defaults.RULES]


def test_a_rule_of_the_same_name_takes_the_place_of_salus_own() -> None:
    rules = read("rules: {gave-up: {on: [exhausted, recurring], level: info}}").alerts.rules
    assert [rule.name for rule in rules].count("gave-up") == 1
    assert rules[0] == AlertRule(name="gave-up", on=(Happening.EXHAUSTED, Happening.RECURRING), level=Level.INFO)


@pytest.mark.parametrize("default_rules", ["true", "false"])
def test_one_of_salus_own_rules_may_be_changed_in_a_word(default_rules: str) -> None:
    text = f"""
default_rules: {default_rules}
rules:
  check-degraded: {{enabled: false}}
  gave-up: {{level: warning, for: 5s, runbook: "https://example.org", all_checks: false, labels: {{team: ops}}}}
"""
    rules = {rule.name: rule for rule in read(text).alerts.rules}
    degraded, lost = rules["check-degraded"], rules["gave-up"]
    assert (degraded.enabled, degraded.status, degraded.hold, degraded.builtin) == (False, Status.DEGRADED, 300, True)
    assert (lost.level, lost.on, lost.hold) == (Level.WARNING, (Happening.EXHAUSTED,), 5)
    assert (lost.runbook, lost.labels) == ("https://example.org", {"team": "ops"})
    everybody = list(alert_defaults.RULES) if default_rules == "true" else ["check-degraded", "gave-up"]
    assert list(rules) == everybody


# ── Channels and routes ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_channel_is_a_kind_with_keys_beside_it() -> None:
    text = """
channels:
  ops:
    webhook: {url: "https://${WHO}"}
    rate_limit: 5
    rate_period: 1m
    send_resolved: false
    give_up_after: 1h
    timeout: 5s
    enabled: false
  chat: {slack: "https://a"}
  console: console
  log: {file: /var/log/alerts}
"""
    channels = read(text).alerts.channels
    assert channels["ops"] == ChannelSpec(
        name="ops",
        kind="webhook",
        options={"url": "https://ops"},
        rate_limit=5,
        rate_period=60.0,
        send_resolved=False,
        give_up_after=3600.0,
        timeout=5.0,
        enabled=False,
    )
    assert channels["chat"].options == {SCALAR: "https://a"}
    assert (channels["log"].kind, channels["console"].kind) == ("file", "console")
    assert [alert_defaults.implied(one) for one in channels.values()] == [False] * 4


def test_settings_print_no_value_of_a_variable_of_a_channel() -> None:
    text = "alerts: {channels: {ops: {webhook: {url: 'https://${P}'}}}}"
    assert "hunter2" not in repr(loads(text, environ={"P": "hunter2"}))


def test_without_routes_everything_goes_to_every_channel_that_is_on() -> None:
    text = "channels: {a: x, b: {x: , enabled: false}, c: x}\ngroup_wait: 1s\nrepeat_interval: 1h"
    assert read(text).alerts.routes == (RouteSpec(channels=("a", "c"), group_wait=1.0, repeat_interval=3600.0),)
    assert read("channels: {b: {x: , enabled: false}}").alerts.routes == (RouteSpec(channels=("log",)),)


def test_a_route_says_who_hears_what_and_when() -> None:
    text = """
channels: {ops: x, chat: x, phone: x}
time_intervals:
  night: {ranges: [{times: ["22:00-24:00"]}]}
group_by: [service]
group_interval: 5m
routes:
  - match: ['level="critical"', 'component=~"web.*", check!=db']
    channels: [ops]
    continue: true
    group_by: ["..."]
    group_wait: 0s
    repeat_interval: 0
    escalate: [{after: 15m, channels: [phone, log]}]
    mute_during: [night]
    active_during: [night]
  - {match: component=web, channels: []}
  - {channels: [chat]}
"""
    settings = read(text)
    assert settings.alerts.routes == (
        RouteSpec(
            match=(
                Matcher("level", Matching.EQUAL, "critical"),
                Matcher("component", Matching.REGEX, "web.*"),
                Matcher("check", Matching.NOT_EQUAL, "db"),
            ),
            channels=("ops",),
            go_on=True,
            group_by=("...",),
            group_wait=0.0,
            group_interval=300.0,
            repeat_interval=0.0,
            escalate=(Escalation(after=900.0, channels=("phone", "log")),),
            mute_during=("night",),
            active_during=("night",),
        ),
        RouteSpec(match=(Matcher("component", Matching.EQUAL, "web"),), group_by=("service",), group_interval=300.0),
        RouteSpec(channels=("chat",), group_by=("service",), group_interval=300.0),
    )
    assert settings.warnings == ()


def test_what_is_left_holds_for_all() -> None:
    text = """
inhibit:
  site: {source: 'alertname="site-down"', target: ['level="warning"', a=b], equal: [site]}
flap_threshold: 0
flap_window: 10m
link: https://salus.example.org/
labels: {datacentre: "${WHO}"}
targets: {allow: [10.0.0.0/8, "fd00::/8", 127.0.0.1, "::1", localhost, hooks.example.org, "*.example.org"], deny: []}
"""
    alerts = read(text).alerts
    assert alerts.inhibit == (
        InhibitRule(
            name="site",
            source=(Matcher("alertname", Matching.EQUAL, "site-down"),),
            target=(Matcher("level", Matching.EQUAL, "warning"), Matcher("a", Matching.EQUAL, "b")),
            equal=("site",),
        ),
    )
    assert (alerts.flap_threshold, alerts.flap_window) == (0, 600)
    assert (alerts.link, alerts.labels) == ("https://salus.example.org", {"datacentre": "ops"})
    assert alerts.targets == Targets(
        allow=("10.0.0.0/8", "fd00::/8", "127.0.0.1", "::1", "localhost", "hooks.example.org", "*.example.org"), deny=()
    )
    assert read("targets: {allow: [a]}").alerts.targets == Targets(allow=("a",))


# ── Warnings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_alerts_that_no_route_takes_are_a_warning() -> None:
    settings = read("routes: [{match: a=b, channels: [log]}, {match: c=d, channels: [log]}]")
    assert [str(one) for one in settings.warnings] == [
        (
            "salus.yaml:5:43: alerts.routes[1]: alerts that no route takes are told to nobody but the log"
            " (end with a route that has no match)"
        )
    ]
    assert read("routes: [{channels: [log], continue: true}, {match: c=d, channels: [log]}]").warnings == ()


def test_a_route_behind_one_that_takes_everything_is_a_warning() -> None:
    settings = read("routes: [{match: a=b, channels: [log]}, {channels: [log]}, {channels: [console]}]")
    assert [str(one) for one in settings.warnings] == [
        (
            "salus.yaml:5:62: alerts.routes[2]: no alert comes this far: route 2 has no match and takes them all"
            " (move it before that one, or say continue: true there)"
        )
    ]


def test_a_channel_that_no_route_uses_is_a_warning() -> None:
    text = """
channels: {a: x, b: x, c: x, d: {x: , enabled: false}, log: {file: a}}
routes: [{channels: [a], escalate: [{after: 1m, channels: [b]}]}]
"""
    assert [str(one) for one in read(text).warnings] == [
        "salus.yaml:5:26: alerts.channels.c: no route uses this channel (name it in a route, or remove it)"
    ]


# ── Times ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "written, expected",
    [
        ('{times: ["09:00-17:00", "00:00-24:00"]}', TimeRange(times=((540, 1020), (0, 1440)))),
        ("{times: [9:30-10:15]}", TimeRange(times=((570, 615),))),
        ('{times: [{start_time: "22:00", end_time: "24:00"}]}', TimeRange(times=((1320, 1440),))),
        ("{weekdays: [monday:friday, Sunday]}", TimeRange(weekdays=((0, 4), (6, 6)))),
        ("{weekdays: [friday:monday]}", TimeRange(weekdays=((4, 6), (0, 0)))),
        (
            "{days_of_month: [1:5, -3:-1, 7, '10', 20:-1]}",
            TimeRange(days=((1, 5), (-3, -1), (7, 7), (10, 10), (20, -1))),
        ),
        ("{months: [january:march, 12, 'April : 6']}", TimeRange(months=((1, 3), (12, 12), (4, 6)))),
        ("{months: [november:february]}", TimeRange(months=((11, 12), (1, 2)))),
        ("{years: [2026:2027, 2030]}", TimeRange(years=((2026, 2027), (2030, 2030)))),
        ("{years: [2026], months: [1]}", TimeRange(years=((2026, 2026),), months=((1, 1),))),
    ],
)
def test_times_are_read_as_the_users_of_alertmanager_write_them(written: str, expected: TimeRange) -> None:
    assert ranges_of(f"[{written}]") == (expected,)


def test_an_interval_has_a_time_zone_and_any_number_of_ranges() -> None:
    text = "time_intervals: {t: {time_zone: Europe/Berlin, ranges: [{months: [1]}, {months: [2]}]}}"
    interval = read(text).alerts.intervals["t"]
    assert interval.time_zone == "Europe/Berlin"
    assert interval.ranges == (TimeRange(months=((1, 1),)), TimeRange(months=((2, 2),)))
