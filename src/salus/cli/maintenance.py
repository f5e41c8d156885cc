"""``salus maintenance``: leave alone what somebody is working on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

import click

from salus.cli.common import DurationType, config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock

Window = dict[str, Any]


@click.group(short_help="Leave alone what somebody is working on.")
def maintenance() -> None:
    """Leave alone what somebody is working on: Salus goes on looking at it, and heals nothing there."""


@maintenance.command(short_help="Open a window.")
@click.argument("reason", nargs=-1)
@click.option("--for", "seconds", type=DurationType(), required=True, help="How long it lasts: 30m, 2h.")
@click.option("--check", "checks", multiple=True, metavar="NAME", help="This check. May be repeated, as all of these.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Checks with this tag.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="This service, and the checks of it.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--name", default="", help="What to end it by.  [default: a name is made]")
@config_option
@state_dir_option
@json_option
def start(reason: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Open a window, beginning now.

    It holds over a restart of Salus. Windows that come again and again stand in the config, under maintenance.

    Example: salus maintenance start --for 30m --service web --name deploy deploying version 42
    """
    named = wanted["checks"] or wanted["tags"] or wanted["services"]
    if bool(named) == wanted["everything"]:
        message = "name what is worked on, with --check, --tag or --service, or say --all"
        raise click.UsageError("either names or --all, not both" if named else message)
    from salus.cli.client import Client

    body = {**wanted, "reason": " ".join(reason)}
    told = Client(find_state_dir(config, state_dir)).post("maintenance", body)
    if as_json:
        _show_json(told)
        return
    from salus.cli.output import local, parse_instant

    until = local(parse_instant(told["until"]))
    click.echo(f"maintenance {told['name']!r} of {members(told)} until {until}")
    click.echo(f"to end it sooner: {end_command(told)}")


@maintenance.command("list")
@config_option
@state_dir_option
@json_option
def list_windows(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the windows that are open, and those to come."""
    from salus.cli.client import Client

    told = Client(find_state_dir(config, state_dir)).windows()
    if as_json:
        _show_json(told)
    elif told:
        show(told, SystemClock().now())
    else:
        click.echo("no maintenance")


@maintenance.command(short_help="Close a window before its time.")
@click.argument("name")
@config_option
@state_dir_option
def end(name: str, config: Path | None, state_dir: Path | None) -> None:
    """Close a window before its time; one of the config opens again the next time."""
    from salus.cli.client import Client

    click.echo(Client(find_state_dir(config, state_dir)).act("maintenance", name, "end", {})["message"])


def show(windows: list[Window], now: datetime) -> None:
    """Print windows."""
    from salus.cli.output import Table, Word, ago, parse_instant

    columns = ["maintenance", "state", "begins", "ends", "what", "by", "reason"]
    table = Table(columns, wrapped=["what", "reason"], spare=["by", "begins"])
    for one in windows:
        since, until = parse_instant(one["since"]), parse_instant(one["until"])
        state = Word("open" if since and since <= now else "to come")
        ends = ago(until, now)
        table.rows.append([one["name"], state, ago(since, now), ends, members(one), one["by"], one["reason"]])
    table.show()


def members(window: Window) -> str:
    """Say in a few words what a window covers."""
    meant = window["members"]
    if meant["everything"]:
        return "everything"
    named = [("check", meant["checks"]), ("tag", meant["tags"]), ("service", meant["services"])]
    return "; ".join(f"{word} {', '.join(names)}" for word, names in named if names)


def end_command(window: Window) -> str:
    """Return the command that closes a window."""
    return f"salus maintenance end {quote(window['name'])}"


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
