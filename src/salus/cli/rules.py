"""``salus rule``: list the rules, switch one on or off, say how far it may go."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock

if TYPE_CHECKING:
    from salus.cli.output import Table, Word

Status = dict[str, Any]
_LONGEST_LADDER = 60
CAREFUL = ("observe", "approve", "auto")  # the most careful first


@click.group(short_help="List rules, switch one on or off, set its mode.")
def rule() -> None:
    """List the rules of a running Salus, switch one on or off, or say how far it may go."""


@rule.command("list", short_help="List the rules, and what each may do.")
@config_option
@state_dir_option
@json_option
def list_rules(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the rules: when each acts, what it does, and how far it may go."""
    from salus.cli.client import Client

    told = Client(find_state_dir(config, state_dir)).status()
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(told["rules"]))
    elif told["rules"]:
        _table(told, SystemClock().now()).show()
    else:
        click.echo("no rules: Salus only looks and tells")


@rule.command()
@click.argument("name")
@config_option
@state_dir_option
def enable(name: str, config: Path | None, state_dir: Path | None) -> None:
    """Switch a rule on that a person has switched off."""
    _switch(name, "enable", config, state_dir)


@rule.command()
@click.argument("name")
@config_option
@state_dir_option
def disable(name: str, config: Path | None, state_dir: Path | None) -> None:
    """Switch a rule off, until a person switches it on again.

    It stays off over a restart of Salus. What it is healing already goes on to its end.

    Example: salus rule disable web
    """
    _switch(name, "disable", config, state_dir)


@rule.command("mode", short_help="Say how far a rule may go.")
@click.argument("name")
@click.argument("mode", type=click.Choice([*CAREFUL, "config"]))
@config_option
@state_dir_option
def set_mode(name: str, mode: str, config: Path | None, state_dir: Path | None) -> None:
    """Say how far a rule may go, in the place of what the config says, until a person says config.

    observe: it says what it would do. approve: it asks a person. auto: it acts. config: as the config says. It holds
    over a restart of Salus; where limits.mode is more careful, that holds.

    Example: salus rule mode web observe
    """
    from salus.cli.client import Client

    body = {"mode": None if mode == "config" else mode}
    click.echo(Client(find_state_dir(config, state_dir)).act("rules", name, "mode", body)["message"])


def _switch(name: str, verb: str, config: Path | None, state_dir: Path | None) -> None:
    from salus.cli.client import Client

    click.echo(Client(find_state_dir(config, state_dir)).act("rules", name, verb, {})["message"])


# ── In words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _table(told: Status, now: datetime) -> Table:
    from salus.cli.output import Table

    running = {one["rule"] for one in told["recoveries"]}
    columns = ["rule", "check", "mode", "acts when", "does", "attempts", "state"]
    table = Table(columns, wrapped=["acts when", "does", "state"], spare=["check", "does"])
    for one in told["rules"]:
        attempts = f"{one['attempts']} of {one['max_recovery_attempts']}"
        table.rows.append(
            [one["name"], one["check"], mode(one), trigger(one), ladders(one), attempts, state(one, running, now)]
        )
    return table


def mode(one: Status) -> str:
    """Return how far a rule may go now, and that a person said so."""
    return f"{one['mode']} (by a person)" if one["mode_override"] else str(one["mode"])


def trigger(one: Status) -> str:
    """Say when a rule acts."""
    what = one["when"] or f"{one['trigger_on']} or worse"
    count, window = one["min_failure_count"], one["failure_window"]
    if window:
        return f"{what}, {count} of {window} looks"
    return f"{what}, {count} looks in a row" if count > 1 else str(what)


def ladders(one: Status) -> str:
    """Say what a rule does: its actions, in order, one ladder per attempt."""
    text = " | ".join(", ".join(ladder) for ladder in one["ladders"])
    return text if len(text) <= _LONGEST_LADDER else f"{text[: _LONGEST_LADDER - 3]}..."


def state(one: Status, running: set[str], now: datetime) -> str | Word:
    """Say how a rule stands."""
    from salus.cli.output import Word, ago, parse_instant, span

    if not one["enabled"]:
        return Word("off")
    if one["name"] in running:
        return "healing"
    if one["approval"] and one["approval"]["answer"] == "waiting":
        return f"waits for a person; salus approve {one['name']}"
    if one["exhausted_since"]:
        return f"gave up {ago(parse_instant(one['exhausted_since']), now)}; salus reset {one['name']}"
    # It gives up only when it would act again; until then, who reads of the cooldown alone would wait in vain.
    spent = f"no attempt left; salus reset {one['name']}" if one["attempts"] >= one["max_recovery_attempts"] else ""
    refusal = one["last_refusal"] or {}
    until = parse_instant(one["cooldown_until"])
    if refusal.get("reason") == "cooling_down":
        until = parse_instant(refusal["until"]) or until
    if until and until > now and one["attempts"]:
        return f"cooling down for {span((until - now).total_seconds())}{spent and f'; {spent}'}"
    return spent or "ready"
