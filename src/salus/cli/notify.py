"""``salus notify``: whether people can be reached, and what did not reach them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock
from salus.errors import NotFoundError, SalusError

if TYPE_CHECKING:
    from salus.cli.client import Client
    from salus.cli.output import Word

Told = dict[str, Any]
_MOST_DEAD = 1000


@click.group(short_help="See whether notifications arrive, and try it.")
def notify() -> None:
    """See whether notifications arrive: test channels, see how they are doing, look after what was given up."""


@notify.command(short_help="Send a test notification.")
@click.argument("channels", metavar="[CHANNEL]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="To every channel that is switched on.")
@config_option
@state_dir_option
@json_option
def test(
    channels: tuple[str, ...], everything: bool, config: Path | None, state_dir: Path | None, as_json: bool
) -> int:
    """Send a test notification, and say what the other side answered; it says of itself that nothing is wrong.

    Exits with 1 when one did not arrive.
    """
    from salus.cli.client import Client

    if bool(channels) == everything:
        message = "name channels, or say --all; salus notify channels lists them"
        raise click.UsageError("either channels or --all, not both" if channels else message)
    client = Client(find_state_dir(config, state_dir))
    known = [one for one in client.get("channels") if one["enabled"]] if everything else []
    results = [_test(client, name) for name in channels or (one["name"] for one in known)]
    if as_json:
        _show_json(results)
    else:
        _show_results(results)
    return 0 if all(one["arrived"] for one in results) else 1


def _test(client: Client, channel: str) -> Told:
    from salus.cli.client import NotRunningError

    try:
        said = client.act("channels", channel, "test", {})["message"]
    except (NotFoundError, NotRunningError):
        raise
    except SalusError as error:
        return {"channel": channel, "arrived": False, "message": str(error), "remedy": error.remedy}
    return {"channel": channel, "arrived": True, "message": said, "remedy": None}


def _show_results(results: list[Told]) -> None:
    from salus.cli.output import Word, say

    for one in results:
        remedy = f" ({one['remedy']})" if one["remedy"] else ""
        said = f": {one['message']}{remedy}" if one["message"] else ""
        say(f"{one['channel']} ", Word("works" if one["arrived"] else "fails"), said)


@notify.command("channels", short_help="List the channels and how they are doing.")
@config_option
@state_dir_option
@json_option
def list_channels(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the channels and how they are doing; counts begin with the start of Salus."""
    from salus.cli.client import Client

    told = Client(find_state_dir(config, state_dir)).get("channels")
    if as_json:
        _show_json(told)
    else:
        show_channels(told, SystemClock().now())


def show_channels(channels: list[Told], now: datetime) -> None:
    """Print channels."""
    from salus.cli.output import Table

    columns = ["channel", "kind", "state", "waiting", "sent", "failed", "given up", "trouble"]
    table = Table(columns, spare=["kind", "failed", "sent", "given up"])
    for one in channels:
        counts = [str(one[name]) for name in ("waiting", "sent", "failed", "dead")]
        table.rows.append([one["name"], one["kind"], _state(one), *counts, trouble(one, now)])
    table.show()


def _state(channel: Told) -> str | Word:
    from salus.cli.output import Word

    if not channel["enabled"]:
        return Word("off")
    if channel["failing_since"]:
        return Word("fails")
    return Word("works") if channel["sent"] else ""


def trouble(channel: Told, now: datetime) -> str:
    """Say for how long a channel has failed, why, and when it is tried again."""
    from salus.cli.output import parse_instant, span

    since, again = parse_instant(channel["failing_since"]), parse_instant(channel["held_until"])
    if since is None:
        return ""
    wait = f", tried again in {span(round((again - now).total_seconds()))}" if again and again > now else ""
    return f"for {span(max(1, round((now - since).total_seconds())))}{wait}: {channel['error']}"


@notify.command("dead", short_help="List the notifications that were given up.")
@click.option("--limit", type=click.IntRange(1, _MOST_DEAD), default=50, show_default=True, help="How many at most.")
@config_option
@state_dir_option
@json_option
def list_dead(limit: int, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the notifications that were given up, newest first; also without a running Salus, from the ledger."""
    told = _dead(find_state_dir(config, state_dir), limit)
    if as_json:
        _show_json(told)
    elif told:
        _show_dead(told, SystemClock().now())
    else:
        click.echo("nothing was given up: every notification arrived, or is on its way")


def _dead(folder: Path, limit: int) -> list[Told]:
    from salus.cli.client import Client, NotRunningError
    from salus.cli.ledger import ledger_path
    from salus.model import DeliveryState
    from salus.store.sqlite import read_deliveries
    from salus.surfaces import wire_alerts

    try:
        found: list[Told] = Client(folder).get("notifications", "dead", limit=limit)
        return found
    except NotRunningError:
        letters = read_deliveries(ledger_path(folder), state=DeliveryState.DEAD, limit=limit)
        return [wire_alerts.delivery(one) for one in letters]


def _show_dead(letters: list[Told], now: datetime) -> None:
    from salus.cli.output import Table, ago, parse_instant

    columns = ["id", "channel", "made", "given up", "tries", "about", "trouble"]
    table = Table(columns, wrapped=["about", "trouble"], spare=["made", "tries"])
    for one in letters:
        made, ended = (ago(parse_instant(one[name]), now) for name in ("created_at", "ended_at"))
        tries = str(one["attempts"])
        table.rows.append([one["id"][:8], one["channel"], made, ended, tries, one["about"], one["error"]])
    table.show()
    click.echo("\nto try one again: salus notify retry ID; all of them: salus notify retry --all")


@notify.command(short_help="Try again what was given up.")
@click.argument("letters", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@config_option
@state_dir_option
def retry(letters: tuple[str, ...], everything: bool, config: Path | None, state_dir: Path | None) -> None:
    """Try notifications again that were given up, by their ids or the beginnings of them.

    They say that they are late.
    """
    if bool(letters) == everything:
        message = "name notifications, or say --all; salus notify dead lists them"
        raise click.UsageError("either ids or --all, not both" if letters else message)
    from salus.cli.client import Client

    folder = find_state_dir(config, state_dir)
    client = Client(folder)
    # The oldest first, in the order in which they were to be told.
    names = [one["id"] for one in reversed(client.get("notifications", "dead", limit=_MOST_DEAD))] if everything else []
    for name in letters or names:
        click.echo(client.act("notifications", name, "retry", {})["message"])
    if everything and not names:
        click.echo("nothing was given up")


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
