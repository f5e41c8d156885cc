"""``salus token``: who may use the API, and what they may."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from salus.cli.common import DurationType, config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock
from salus.model import Role

NEVER = "never"
_USUAL = "90d"


class Lifetime(click.ParamType[float]):
    """How long a token is good: a duration, or ``never`` for one without an end (0 seconds)."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read ``90d`` as seconds, and ``never`` as 0."""
        return 0.0 if value in (NEVER, 0.0) else DurationType().convert(value, param, ctx)


@click.group(short_help="Who may use the API.")
def token() -> None:
    """Who may use the API, and what they may: a viewer sees, an operator acts, an admin also gives tokens away."""


@token.command(short_help="Make a token.")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.VIEWER.value,
    show_default=True,
    help="What it allows.",
)
@click.option(
    "--expires",
    "seconds",
    type=Lifetime(),
    default=_USUAL,
    show_default=True,
    help="How long it is good: 12h, 90d, or never to let it last until it is revoked.",
)
@config_option
@state_dir_option
@json_option
def create(name: str, config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Make a token, and print it: the only time that it is shown. NAME says whose it is; the audit calls it by that.

    Example: salus token create grafana --role viewer --expires 90d
    """
    from salus.cli.client import Client
    from salus.cli.output import local, parse_instant

    body = {"name": name, "role": wanted["role"], "seconds": wanted["seconds"] or None}
    told = Client(find_state_dir(config, state_dir)).create_token(body)
    if as_json:
        _show_json(told)
        return
    until = f"until {local(parse_instant(told['expires_at']))}" if told["expires_at"] else "until it is revoked"
    click.echo(told["token"])
    click.echo(f"{told['role']} token {told['name']!r} ({told['id']}), good {until}. It is not shown again.", err=True)


@token.command("list")
@config_option
@state_dir_option
@json_option
def list_tokens(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the tokens, without their secrets."""
    from salus.cli.client import Client

    told = Client(find_state_dir(config, state_dir)).tokens()
    if as_json:
        _show_json(told)
    elif told:
        _show(told, SystemClock().now())
    else:
        click.echo("no tokens")


@token.command(short_help="Refuse a token from now on.")
@click.argument("name", metavar="NAME|ID")
@config_option
@state_dir_option
@json_option
def revoke(name: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Refuse a token from now on; browsers that signed in with it are signed out."""
    from salus.cli.client import Client
    from salus.cli.output import say

    told = Client(find_state_dir(config, state_dir)).revoke_token(name)
    if as_json:
        _show_json(told)
    else:
        say(f"{told['role']} token {told['name']!r} ({told['id']}) is refused from now on")


def _show(tokens: list[dict[str, Any]], now: datetime) -> None:
    from salus.cli.output import Table, ago, parse_instant

    table = Table(["name", "role", "id", "expires", "last used", "made", "by"], spare=["by", "made"])
    for one in tokens:
        expires = ago(parse_instant(one["expires_at"]), now) if one["expires_at"] else NEVER
        used = ago(parse_instant(one["used_at"]), now) if one["used_at"] else NEVER
        made = ago(parse_instant(one["created_at"]), now)
        table.rows.append([one["name"], one["role"], one["id"], expires, used, made, one["by"]])
    table.show()


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
