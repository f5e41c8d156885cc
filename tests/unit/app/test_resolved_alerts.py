"""Channels and the conditions of alert rules become objects; what cannot is told at its place."""

from __future__ import annotations

import pytest

from salus.app import kinds, registry
from salus.app.build import Resolved, resolve
from salus.config import loads
from salus.errors import ConfigError
from salus.options import ChannelOptions
from salus.secret import Secret


class Tray(ChannelOptions, frozen=True, kw_only=True):
    """Keeps what it is told.

    Attributes:
        size: how much it holds.
        token: opens it.
    """

    scalar = "size"
    size: int = 10
    token: Secret | None = None


@pytest.fixture(autouse=True)
def _tray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.CHANNELS, "tray", f"{__name__}:Tray")


def resolved(alerts: str) -> Resolved:
    checks = "{web: {memory: , tags: [t]}, db: {memory: , interval: 2m, tags: [u]}}"
    return resolve(loads(f"checks: {checks}\nalerts: {alerts}", name="salus.yaml", environ={}))


def problems(alerts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        resolved(alerts)
    return [str(problem).removeprefix("salus.yaml:2:") for problem in caught.value.problems]


def test_a_channel_is_its_kind_with_options() -> None:
    channels = resolved("{channels: {a: tray, b: {tray: 5, rate_limit: 3}, c: {tray: {token: x}}}}").channels
    assert {name: channels[name][1] for name in "abc"} == {"a": Tray(), "b": Tray(size=5), "c": Tray(token=Secret("x"))}
    assert channels["b"][0].rate_limit == 3


def test_a_kind_of_channel_that_is_not_known_is_told_at_its_place() -> None:
    assert problems("{channels: {a: {trya: {size: 5}}}}") == [
        "25: alerts.channels.a.trya: unknown channel kind 'trya' (did you mean 'tray'?)"
    ]


def test_options_of_a_channel_are_judged_at_their_place() -> None:
    assert problems("{channels: {a: {tray: {siez: 5, size: much}}, b: {tray: {token: x, token_file: y}}}}") == [
        "32: alerts.channels.a.tray.siez: unknown key 'siez' (did you mean 'size'?)",
        "47: alerts.channels.a.tray.size: expected a whole number, got the text 'much'",
        "76: alerts.channels.b.tray.token_file: 'token' and 'token_file' are both given (keep one of them)",
    ]


def test_a_channel_that_nobody_configured_is_left_out_only_where_there_is_no_such_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(registry.CHANNELS, "console", raising=False)
    monkeypatch.setitem(registry.CHANNELS, "log", f"{__name__}:Tray")
    assert list(resolved("{}").channels) == ["log"]
    assert problems("{channels: {console: console}}")[0].startswith(
        "30: alerts.channels.console.console: unknown channel kind 'console'"
    )


def test_conditions_of_alert_rules_are_compiled_by_the_name_of_the_rule() -> None:
    found = resolved(
        "{rules: {web: {when: failures > 1}, all: {all_checks: true, when: failures > 1}, db: {on: paused}}}"
    )
    assert list(found.alert_conditions) == ["web", "all"]
    assert found.alert_conditions["web"] is found.alert_conditions["all"]


def test_what_is_wrong_in_a_condition_of_an_alert_rule_is_told_at_its_place() -> None:
    assert problems("{rules: {web: {when: 'failures > 1 && checks.wbe.failures > 0'}}}") == [
        "47: alerts.rules.web.when: there is no check 'wbe' (did you mean 'web'?)"
    ]
    assert problems("{rules: {web: {when: 'failurse > 1'}}}")[0].startswith(
        "31: alerts.rules.web.when: there is no variable 'failurse'"
    )


@pytest.mark.parametrize(
    "rule, column", [("all: {all_checks: true", 49), ("db: {check: db", 41), ("t: {tags: [t, u]", 43)]
)
def test_a_window_is_judged_for_every_check_of_an_alert_rule(rule: str, column: int) -> None:
    when = "when: \"avg('x', '1m') > 1\"}"
    assert resolved(f"{{rules: {{web: {{{when}}}}}").alert_conditions
    assert problems(f"{{rules: {{{rule}, {when}}}}}") == [
        (
            f"{column}: alerts.rules.{rule.partition(':')[0]}.when: avg() needs a look, and 1m may hold fewer:"
            " 'db' is looked at every 2m (ask for 2m or more, or look more often)"
        )
    ]


def test_channels_are_among_the_kinds() -> None:
    assert "tray" in kinds.names("channels")
    assert kinds.everything()["channels"]["tray"] is Tray
