"""What is there without being configured: Salus' own alert rules, and two channels."""

from __future__ import annotations

from collections.abc import Mapping

from salus.model import AlertRule, ChannelSpec, Happening, Level, Selector, Status

CHANNELS: Mapping[str, ChannelSpec] = {name: ChannelSpec(name=name, kind=name) for name in ("log", "console")}


def implied(channel: ChannelSpec) -> bool:
    """Tell whether a channel is only there because it always is."""
    return channel is CHANNELS.get(channel.name)


def _while(name: str, status: Status, hold: float, level: Level | None = None) -> AlertRule:
    return AlertRule(name=name, status=status, hold=hold, level=level, members=Selector(everything=True), builtin=True)


def _on(name: str, level: Level, hold: float = 0.0, on: Happening | None = None) -> AlertRule:
    happening = on or Happening(name.replace("-", "_"))
    return AlertRule(name=name, on=(happening,), level=level, hold=hold, builtin=True)


RULES: Mapping[str, AlertRule] = {
    rule.name: rule
    for rule in (
        _while("check-unhealthy", Status.UNHEALTHY, 60.0),
        _while("check-degraded", Status.DEGRADED, 300.0, Level.WARNING),
        _while("check-unknown", Status.UNKNOWN, 600.0, Level.WARNING),
        _on("gave-up", Level.CRITICAL, on=Happening.EXHAUSTED),
        _on("recurring", Level.WARNING),
        _on("storm-brake", Level.CRITICAL),
        _on("approval-wanted", Level.WARNING),
        _on("circuit-open", Level.WARNING),
        _on("rival-healer", Level.WARNING),
        _on("shared-cause", Level.CRITICAL),
        _on("overloaded", Level.WARNING, hold=60.0),
        _on("healing-off", Level.CRITICAL),
        _on("ledger-failed", Level.CRITICAL),
        _on("config-rejected", Level.WARNING),
        _on("channel-failed", Level.WARNING, hold=120.0),
        _on("recovered", Level.INFO),
        _on("paused", Level.INFO, hold=3600.0),
    )
}
"""By name, in the order in which they stand behind the rules of a config."""
