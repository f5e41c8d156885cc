"""``salus announce``: tell the public something on the status page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock

IMPACTS = ("maintenance", "minor", "major", "critical")
Told = dict[str, Any]


@click.command(short_help="Tell the public something on the status page.")
@click.argument("text", required=False, default="")
@click.option("--component", "components", multiple=True, metavar="LABEL", help="What it is about; repeatable.")
@click.option("--impact", type=click.Choice(IMPACTS), help="How much the public is hit; minor unless said otherwise.")
@click.option("--detail", default="", help="A first sentence below the headline.")
@click.option("--update", metavar="ID", help="Tell more of what was announced; the beginning of the id will do.")
@click.option("--resolve", metavar="ID", help="Tell that it is over; a last word may go with it.")
@config_option
@state_dir_option
@json_option
def announce(text: str, config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Tell the public something on the status page; without words, list what was announced.

    Example: salus announce 'We move to new servers' --component Website --impact maintenance
    """
    from salus.cli.client import Client

    _judge(text, wanted)
    client = Client(find_state_dir(config, state_dir))
    named = wanted["update"] or wanted["resolve"]
    if named is not None:
        verb = "update" if wanted["update"] is not None else "resolve"
        told = client.announced(named, verb, {"text": text})
    elif text:
        body = {"title": text, "components": wanted["components"], "text": wanted["detail"]}
        told = client.announce({**body, "impact": wanted["impact"] or "minor"})
    else:
        _list(client.announcements(), as_json=as_json)
        return
    if as_json:
        _show_json(told)
    else:
        _say(told, new=named is None)


def _judge(text: str, wanted: dict[str, Any]) -> None:
    """See that what was asked for makes sense together."""
    if wanted["update"] is not None and wanted["resolve"] is not None:
        raise click.UsageError("--update and --resolve are both given: the last word goes with --resolve")
    named = wanted["update"] is not None or wanted["resolve"] is not None
    said = wanted["components"] or wanted["impact"] or wanted["detail"]
    if named and said:
        raise click.UsageError("what was announced keeps its components and its impact: only words can be added")
    if wanted["update"] is not None and not text:
        raise click.UsageError("say what is new")
    if said and not text:
        raise click.UsageError("say in one line what is the matter")


def _list(told: list[Told], *, as_json: bool) -> None:
    if as_json:
        _show_json(told)
    elif told:
        _show(told, SystemClock().now())
    else:
        click.echo("nothing was announced")


def _show(told: list[Told], now: datetime) -> None:
    from salus.cli.output import Table, ago, parse_instant

    table = Table(["id", "since", "over", "impact", "of", "what", "by"], wrapped=["of", "what"], spare=["by"])
    for one in told:
        over = ago(parse_instant(one["resolved_at"]), now) if one["resolved_at"] else "not yet"
        what = "; ".join([one["title"], *(note["text"] for note in one["notes"][-1:])])
        of = ", ".join(one["components"]) or "the whole"
        table.rows.append([one["id"], ago(parse_instant(one["since"]), now), over, one["impact"], of, what, one["by"]])
    table.show()


def _say(told: Told, *, new: bool) -> None:
    from salus.cli.output import say

    about = ", ".join(told["components"]) or "the whole"
    if told["resolved_at"]:
        say(f"announced as over: {told['title']}")
        return
    say(f"announced ({told['id']}, {told['impact']}, of {about}): {told['title']}")
    if new:
        say(f"to tell more: salus announce --update {told['id']} '...'; when it is over: --resolve {told['id']}")


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
