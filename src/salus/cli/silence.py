"""``salus silence``: not to hear of some alerts for a while."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from salus.cli.common import DurationType, config_option, find_state_dir, json_option, state_dir_option
from salus.cli.matching import MatcherType
from salus.clock import SystemClock
from salus.model import Matcher

Told = dict[str, Any]


@click.group(short_help="Not to hear of some alerts for a while.")
def silence() -> None:
    """Not to hear of some alerts for a while: Salus goes on healing, and what was told is still told as resolved."""


@silence.command(short_help="Begin a silence.")
@click.argument("match", metavar="MATCHER...", nargs=-1, required=True, type=MatcherType())
@click.option("--for", "seconds", type=DurationType(), required=True, help="How long it lasts: 30m, 2h.")
@click.option("--comment", default="", help="Why, for those who wonder.")
@config_option
@state_dir_option
@json_option
def add(
    match: tuple[tuple[Matcher, ...], ...], config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any
) -> None:
    """Begin a silence of the alerts that all the matchers match; it holds over a restart of Salus.

    A matcher is a label, one of = != =~ !~, and a value. salus alert show names those of an alert.

    Example: salus silence add check=web 'level!=critical' --for 2h --comment 'moving house'
    """
    from salus.cli.client import Client
    from salus.cli.output import local, parse_instant, say
    from salus.matchers import in_words

    body = {"match": in_words(tuple(one for given in match for one in given)), **wanted}
    told = Client(find_state_dir(config, state_dir)).post("silences", body)
    if as_json:
        _show_json(told)
        return
    count = told["alerts"]
    about = f"{count} alert{'' if count == 1 else 's'} now" if count else "no alert now: nothing matches"
    say(f"silence {told['id']} until {local(parse_instant(told['until']))} of {told['match']}, which is {about}")
    say(f"to end it sooner: salus silence expire {told['id']}")


@silence.command("list")
@config_option
@state_dir_option
@json_option
def list_silences(config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the silences that have not ended, the first to end first."""
    from salus.cli.client import Client

    told = Client(find_state_dir(config, state_dir)).get("silences")
    if as_json:
        _show_json(told)
    elif told:
        show(told, SystemClock().now())
    else:
        click.echo("no silences")


@silence.command(short_help="End a silence before its time.")
@click.argument("silence_id", metavar="ID")
@config_option
@state_dir_option
@json_option
def expire(silence_id: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """End a silence before its time, by its id or the beginning of it; what still fires is told then."""
    from salus.cli.client import Client
    from salus.cli.output import say

    told = Client(find_state_dir(config, state_dir)).act("silences", silence_id, "expire", {})
    if as_json:
        _show_json(told)
    else:
        say(f"silence {told['id']} of {told['match']} has ended")


def show(silences: list[Told], now: datetime) -> None:
    """Print silences."""
    from salus.cli.output import Table, ago, parse_instant

    table = Table(["id", "ends", "of", "begun", "by", "comment"], wrapped=["of", "comment"], spare=["begun", "by"])
    for one in silences:
        ends, begun = ago(parse_instant(one["until"]), now), ago(parse_instant(one["since"]), now)
        table.rows.append([one["id"], ends, one["match"], begun, one["by"], one["comment"]])
    table.show()


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
