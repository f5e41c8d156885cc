"""A good config becomes settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus.config import SCALAR, loads
from salus.errors import ConfigError
from salus.model import ActionSpec, CheckSpec, Limits, Mode, RecoveryRule, Selector, ServiceSpec, Status


def test_an_empty_config_has_the_documented_defaults(tmp_path: Path) -> None:
    settings = loads("", folder=tmp_path, environ={})
    agent = settings.agent
    assert (agent.host, agent.port, agent.store) == ("127.0.0.1", 8787, "sqlite")
    assert agent.state_dir == tmp_path / ".salus"
    assert (agent.keep_events, agent.keep_observations, agent.observe_every) == (90 * 86400, 7 * 86400, 60)
    assert agent.keep_days == 400 * 86400
    assert settings.limits == Limits()
    assert (settings.checks, settings.services, settings.rules) == ({}, {}, ())


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = loads("salus: {trusted_proxies: [127.0.0.1, '::1', 10.0.0.0/8]}", environ={})
    assert settings.agent.trusted_proxies == ("127.0.0.1", "::1", "10.0.0.0/8")
    assert loads("", environ={}).agent.trusted_proxies == ()


def test_the_model_and_the_config_have_the_same_defaults() -> None:
    settings = loads("{checks: {a: memory}, rules: {a: {actions: [log]}}}", environ={})
    assert settings.checks["a"] == CheckSpec(name="a", kind="memory")
    assert settings.rules == (RecoveryRule(name="a", check="a", ladders=((ActionSpec(kind="log"),),)),)


def test_a_kind_may_be_a_name_a_bare_value_or_a_mapping() -> None:
    text = """
checks:
  a: memory
  b: {memory: }
  c: {file: /etc/hosts}
  d: {tools: [git, make]}
  e: {file: {path: /etc/hosts}}
services:
  w: {command: {start: [a]}}
rules:
  a: {actions: [log, {wait: 5s}, {restart_service: w, timeout: 10s}, {wait: , timeout: 1s}]}
"""
    settings = loads(text)
    assert [check.options for check in settings.checks.values()] == [
        {},
        {},
        {SCALAR: "/etc/hosts"},
        {SCALAR: ["git", "make"]},
        {"path": "/etc/hosts"},
    ]
    assert settings.services == {"w": ServiceSpec(name="w", kind="command", options={"start": ["a"]})}
    assert settings.rules[0].ladders[0] == (
        ActionSpec(kind="log"),
        ActionSpec(kind="wait", options={SCALAR: "5s"}),
        ActionSpec(kind="restart_service", options={SCALAR: "w"}, timeout=10.0),
        ActionSpec(kind="wait", timeout=1.0),
    )


def test_defaults_hold_for_every_check_that_does_not_say_otherwise() -> None:
    text = """
defaults: {interval: 1m, timeout: 20s, retry_interval: 2s, failure_threshold: 3, success_threshold: 2, start_period: 5s}
checks:
  a: memory
  b: {memory: , interval: 30s, failure_threshold: 1}
"""
    a, b = loads(text).checks.values()
    assert a == CheckSpec(
        name="a",
        kind="memory",
        interval=60,
        timeout=20,
        retry_interval=2,
        failure_threshold=3,
        success_threshold=2,
        start_period=5,
    )
    assert (b.interval, b.timeout, b.failure_threshold) == (30, 20, 1)


def test_a_quick_check_needs_to_say_only_its_interval() -> None:
    settings = loads("checks: {a: {memory: , interval: 500ms}}")
    check = settings.checks["a"]
    assert (check.timeout, check.retry_interval) == (0.5, 0.5)
    assert settings.warnings == ()


def test_a_timeout_longer_than_the_interval_is_a_warning() -> None:
    settings = loads("checks: {a: {memory: , interval: 5s, timeout: 10s}}", name="salus.yaml")
    assert [str(warning) for warning in settings.warnings] == [
        (
            "salus.yaml:1:38: checks.a.timeout: timeout is longer than the interval: looks never overlap, so the next"
            " one waits (lengthen the interval or shorten this)"
        )
    ]


def test_a_rule_with_tags_is_one_rule_for_each_check_that_has_one_of_them() -> None:
    text = """
checks:
  a: {memory: , tags: [web]}
  b: {memory: , tags: [db, slow]}
  c: memory
rules:
  heal: {tags: [web, db], trigger_on: unhealthy, actions: [{wait: 5x}]}
"""
    settings = loads(text, name="salus.yaml")
    assert [(rule.name, rule.check, rule.trigger_on) for rule in settings.rules] == [
        ("heal[a]", "a", Status.UNHEALTHY),
        ("heal[b]", "b", Status.UNHEALTHY),
    ]
    problem = settings.sources.problem(("rules", "heal[a]", "actions", 0, "wait"), "wrong", value=True)
    assert str(problem) == "salus.yaml:7:67: rules.heal.actions[0].wait: wrong"


def test_anchors_aliases_and_merges_are_understood() -> None:
    text = """
checks:
  a: &a {http: &h {url: x}, interval: 5s, tags: [one]}
  b: {<<: *a, interval: 6s}
  c: {http: {<<: [*h], method: HEAD}}
"""
    a, b, c = loads(text).checks.values()
    assert (a.interval, b.interval, b.tags, b.options) == (5, 6, ("one",), {"url": "x"})
    assert c.options == {"url": "x", "method": "HEAD"}


def test_scalars_are_read_as_people_mean_them() -> None:
    text = """
checks:
  a:
    x: {time: 12:30, date: 2024-01-01, hex: 0x10, octal: 0o10, e: 1e3, f: .5, n: ~, t: true, under: 1_000,
        v: 1.2.3, quoted: "5", dollar: "$$5 $x", long: 123456789012345678901234567890123456789012345678901234567890,
        on: on, 1: one}
"""
    assert loads(text).checks["a"].options == {
        "time": "12:30",
        "date": "2024-01-01",
        "hex": 16,
        "octal": 8,
        "e": 1000.0,
        "f": 0.5,
        "n": None,
        "t": True,
        "under": "1_000",
        "v": "1.2.3",
        "quoted": "5",
        "dollar": "$5 $x",
        "long": "123456789012345678901234567890123456789012345678901234567890",
        "on": True,
        "1": "one",
    }


def test_the_environment_overrides_where_to_listen_and_what_to_log() -> None:
    environ = {"SALUS_LISTEN": "[::1]:0", "SALUS_LOG_LEVEL": "DEBUG"}
    agent = loads("salus: {listen: 'x:1', log_level: error}", environ=environ).agent
    assert (agent.host, agent.port, agent.log_level) == ("::1", 0, "debug")


def test_a_long_chain_of_dependencies_is_no_circle() -> None:
    links = [f"  c{n}: {{memory: , depends_on: [c{n + 1}]}}" for n in range(5000)]
    settings = loads("\n".join(["checks:", *links, "  c5000: memory"]))
    assert len(settings.checks) == 5001


def test_a_diamond_of_dependencies_is_no_circle() -> None:
    layers = [f"  {side}{n}: {{memory: , depends_on: [a{n + 1}, b{n + 1}]}}" for n in range(60) for side in "ab"]
    assert len(loads("\n".join(["checks:", *layers, "  a60: memory", "  b60: memory"])).checks) == 122


def test_every_circle_is_told_once() -> None:
    text = "checks: {a: {m: , depends_on: [b]}, b: {m: , depends_on: [a, c]}, c: {m: , depends_on: [b]}}"
    with pytest.raises(ConfigError) as caught:
        loads(text)
    circles = [problem.what.partition(": ")[2] for problem in caught.value.problems]
    assert circles == ["a -> b -> a", "b -> c -> b"]


def test_settings_print_no_value_of_a_variable() -> None:
    settings = loads("checks: {a: {http: {url: 'http://u:${P}@h'}}}", environ={"P": "hunter2"})
    assert settings.checks["a"].options == {"url": "http://u:hunter2@h"}
    assert "hunter2" not in repr(settings)


def test_the_keys_of_policy_become_nouns() -> None:
    settings = loads(
        """
services:
  db: {command: {start: [a]}}
  web: {command: {start: [b]}, depends_on: [db]}
checks:
  web: {disk: {path: /}, service: web, tags: [front], failure_threshold: 3, failure_window: 5, high_flap_threshold: 0}
  db: {disk: {path: /}, service: db}
rules:
  web:
    ladders: [[log], [log, {wait: 1s}]]
    on_exhausted: [log]
    failure_window: 10
    cooldown_multiplier: 2
    cooldown_jitter: 10%
    mode: approve
  every: {all_checks: true, when: "metrics.free_ratio < 0.1", actions: [log]}
limits:
  mode: observe
  groups:
    pool: {services: [web, db], max_unavailable: 30%, max_unavailable_share: 50%}
    one: {everything: true, max_unavailable: 1}
maintenance:
  nightly: {cron: "0 2 * * *", duration: 1h, time_zone: Europe/Berlin, tags: [front], description: backup}
""",
        environ={},
    )
    assert settings.services["web"].depends_on == ("db",)
    assert (settings.checks["web"].failure_window, settings.checks["web"].high_flap_threshold) == (5, 0.0)
    web = settings.rules[0]
    assert [len(ladder) for ladder in web.ladders] == [1, 2]
    assert [rung.kind for rung in web.on_exhausted] == ["log"]
    assert (web.mode, web.cooldown_multiplier, web.cooldown_jitter) == (Mode.APPROVE, 2.0, 0.1)
    assert [(rule.name, rule.when) for rule in settings.rules[1:]] == [
        ("every[web]", "metrics.free_ratio < 0.1"),
        ("every[db]", "metrics.free_ratio < 0.1"),
    ]
    pool, one = settings.limits.groups
    assert (pool.max_unavailable, pool.max_unavailable_share) == (None, 0.3)
    assert (one.max_unavailable, one.members.everything) == (1, True)
    assert settings.limits.mode is Mode.OBSERVE
    window = settings.maintenance[0]
    assert (window.cron, window.duration, window.time_zone) == ("0 2 * * *", 3600.0, "Europe/Berlin")
    assert window.members == Selector(tags=("front",))


def test_a_maximum_that_nobody_said_is_never_too_low() -> None:
    text = """
checks: {a: memory}
rules: {a: {actions: [log], cooldown_period: 2h, exhausted_retry: 2d}}
limits: {storm_hold: 3h, circuit_retry: 4h}
"""
    settings = loads(text)
    rule, limits = settings.rules[0], settings.limits
    assert (rule.cooldown_max, rule.exhausted_retry_max) == (7200.0, 172800.0)
    assert (limits.storm_hold_max, limits.circuit_retry_max) == (10800.0, 14400.0)


def test_a_rule_names_its_checks_by_tags_or_says_that_it_means_all() -> None:
    text = """
checks: {a: {memory: , tags: [t]}, b: {swap: , tags: [t, u]}, c: load}
rules:
  some: {tags: [u, not-on-this-host], actions: [log]}
  most: {tags: [t], actions: [log]}
  all: {all_checks: true, actions: [log]}
  a: {all_checks: false, actions: [log]}
"""
    names = [rule.name for rule in loads(text).rules]
    assert names == ["some[b]", "most[a]", "most[b]", "all[a]", "all[b]", "all[c]", "a"]


def test_one_check_with_the_tags_of_a_rule_is_not_everything() -> None:
    assert loads("{checks: {a: {memory: , tags: [t]}}, rules: {r: {tags: [t], actions: [log]}}}").rules[0].check == "a"


def test_everything_may_be_said_with_a_variable() -> None:
    text = """
checks: {a: memory, b: swap}
rules:
  r:
    all_checks: ${ALL}
    actions: [log]
limits:
  groups:
    g:
      everything: ${ALL}
      max_unavailable: ${MOST:-2}
"""
    settings = loads(text, environ={"ALL": "true"})
    assert [rule.check for rule in settings.rules] == ["a", "b"]
    assert settings.limits.groups[0].members == Selector(everything=True)
    assert settings.limits.groups[0].max_unavailable == 2


def test_a_problem_of_the_only_ladder_points_into_it() -> None:
    text = """
checks: {a: {memory: , tags: [t]}, b: swap}
rules:
  r: {tags: [t], ladders: [[{wait: 5x}]]}
"""
    settings = loads(text, name="salus.yaml")
    problem = settings.sources.problem(("rules", "r[a]", "actions", 0, "wait"), "wrong", value=True)
    assert str(problem) == "salus.yaml:4:36: rules.r.ladders[0][0].wait: wrong"


def test_what_is_wrong_with_a_check_is_told_once_and_not_by_everyone_who_names_it() -> None:
    text = """
checks: {a: {memory: , tags: [t], interval: soon}, b: swap}
rules: {r: {tags: [t], actions: [log]}}
limits: {groups: {g: {checks: [a], tags: [t], max_unavailable: 1}}}
maintenance: {m: {cron: "0 2 * * *", duration: 1h, checks: [a]}}
"""
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert [problem.path for problem in caught.value.problems] == ["checks.a.interval"]


@pytest.mark.parametrize("cron, duration", [("0 * * * *", "1h"), ("0 2 * * *", "1d"), ("* * * * *", "5m")])
def test_a_window_that_is_always_open_is_a_warning(cron: str, duration: str) -> None:
    text = f"maintenance:\n  m: {{cron: '{cron}', everything: true, duration: {duration}}}"
    assert [str(warning) for warning in loads(text, name="salus.yaml").warnings] == [
        (
            "salus.yaml:2:44: maintenance.m.duration: it begins again before it ends, so it is always open and nothing"
            " there is ever healed (shorten it, or let it begin less often)"
        )
    ]


@pytest.mark.parametrize(
    "cron, duration", [("0 2 * * *", "23h"), ("*/5 0-22 * * *", "5m"), ("0 0 29 2 *", "52w"), ("0 0 1-30 * *", "1d")]
)
def test_a_window_that_closes_now_and_then_is_none(cron: str, duration: str) -> None:
    text = f"maintenance: {{m: {{cron: '{cron}', everything: true, duration: {duration}}}}}"
    assert loads(text).warnings == ()


def test_a_diamond_of_services_and_checks_is_no_circle() -> None:
    text = """
services:
  db: {command: {start: [a]}}
  cache: {command: {start: [a]}, depends_on: [db]}
  web: {command: {start: [a]}, depends_on: [db, cache]}
checks:
  db-up: {memory: , service: db}
  db-fast: {memory: , service: db, depends_on: [db-up]}
  web-up: {memory: , service: web, depends_on: [db-fast, cache-up]}
  web-fast: {memory: , service: web, depends_on: [web-up]}
  cache-up: {memory: , service: cache, depends_on: [db-up]}
"""
    assert len(loads(text).checks) == 5


def test_many_checks_of_many_services_are_judged_quickly() -> None:
    services = [f"  s{n}: {{command: {{start: [a]}}, depends_on: [s{n + 1}]}}" for n in range(1000)]
    checks = [f"  c{n}-{m}: {{memory: , service: s{n}}}" for n in range(1000) for m in range(3)]
    settings = loads("\n".join(["services:", *services, "  s1000: {command: {start: [a]}}", "checks:", *checks]))
    assert (len(settings.services), len(settings.checks)) == (1001, 3000)


def test_what_looks_at_a_service_is_of_that_service_unless_it_says_otherwise() -> None:
    settings = loads(
        """
services: {web: {command: {start: [a]}}, db: {command: {start: [b]}}}
checks:
  web-up: {process: {service: web}}
  leak: {process: {service: web, rss_below: 1GiB}, service: db}
  pid: {process: {pid_file: /run/x.pid}}
"""
    )
    assert {name: check.service for name, check in settings.checks.items()} == {
        "web-up": "web",
        "leak": "db",
        "pid": None,
    }
