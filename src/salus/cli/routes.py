"""``salus routes``: who hears what, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, load_settings, state_dir_option
from salus.cli.matching import LabelType
from salus.clock import SystemClock
from salus.model import Matcher

if TYPE_CHECKING:
    from salus.model import AlertSettings, RouteSpec

Told = dict[str, Any]


@click.group(short_help="See which alerts go to whom, and try it.")
def routes() -> None:
    """See which alerts go to whom, and try it before somebody needs it."""


@routes.command(short_help="Say who would hear of an alert, and why.")
@click.argument("labels", metavar="LABEL...", nargs=-1, required=True, type=LabelType())
@click.option("--expect", multiple=True, metavar="CHANNEL", help="Exit with 1 unless just these channels hear of it.")
@config_option
@state_dir_option
@json_option
@click.pass_context
def test(
    context: click.Context,
    /,
    labels: tuple[tuple[Matcher, ...], ...],
    config: Path | None,
    state_dir: Path | None,
    **wanted: Any,
) -> int:
    """Say who would hear of an alert with these labels, by which route, and what would keep it quiet now.

    Asks the running Salus, with its silences and hours. With --config, and where none is running, the config alone is
    read. Exits with 1 when nobody would hear, or others than those that --expect names, at once or later.

    Example: salus routes test level=critical component=web --expect pager --expect chat
    """
    given = {one.label: one.value for written in labels for one in written}
    named = context.get_parameter_source("config") is click.core.ParameterSource.COMMANDLINE
    told, running = (None, False) if named else (_ask(config, state_dir, given), True)
    if told is None:
        told, running = _from_config(load_settings(config).alerts, given), False
    wrong = _unexpected(told, wanted["expect"])
    if wanted["as_json"]:
        from salus.surfaces import wire

        click.echo(wire.pretty({"running": running, "labels": given, "audience": told, "wrong": wrong}))
    else:
        _show(told, wrong, running=running)
    return 1 if wrong or not any(_hears(way) for way in told) else 0


def _ask(config: Path | None, state_dir: Path | None, labels: dict[str, str]) -> list[Told] | None:
    """Ask the running Salus; None where there is none, and the config can be asked instead."""
    from salus.cli.client import Client, NotRunningError

    try:
        told: Any = Client(find_state_dir(config, state_dir)).post("routes/test", {"labels": labels})
    except NotRunningError:
        if state_dir is not None:
            raise
        return None
    return list(told)


def _from_config(settings: AlertSettings, labels: dict[str, str]) -> list[Told]:
    from salus.alerts.route import paths
    from salus.model import ChannelReport
    from salus.ports import Audience
    from salus.surfaces import wire_alerts

    heard = [
        Audience(channel=path.channel, route=path.place + 1, why=path.why, after=path.after)
        for path in paths(settings.routes, labels)
    ]
    channels = {name: ChannelReport(spec=spec) for name, spec in settings.channels.items()}
    told: Any = wire_alerts.audiences(heard, channels)
    return list(told)


def _hears(way: Told) -> bool:
    return way["enabled"] and not way["hush"]


def _unexpected(told: list[Told], expect: Sequence[str]) -> str:
    """Say how those who would hear differ from those who are expected to; nothing where nobody is expected."""
    if not expect:
        return ""
    found, wanted = {way["channel"] for way in told if way["enabled"]}, set(expect)
    parts = (("it does not go to", wanted - found), ("it also goes to", found - wanted))
    return "; ".join(f"{words} {', '.join(sorted(names))}" for words, names in parts if names)


def _show(told: list[Told], wrong: str, *, running: bool) -> None:
    from salus.cli.alert_words import would_hear
    from salus.cli.output import say

    now = SystemClock().now()
    if not any(_hears(way) for way in told):
        say("nobody would hear of it now" if running else "nobody would hear of it")
    if told:
        would_hear(told, now).show()
    if not running:
        say("This is what the config says; silences and hours are not looked at.")
    if wrong:
        say(f"not as expected: {wrong}")


@routes.command()
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """Show the routes of a config in the order in which they are tried."""
    settings = load_settings(config).alerts
    if as_json:
        from dataclasses import asdict

        from salus.matchers import in_words
        from salus.surfaces import wire

        click.echo(wire.pretty([{**asdict(one), "match": in_words(one.match)} for one in settings.routes]))
        return
    from salus.cli.output import say

    for place, route in enumerate(settings.routes, start=1):
        for line in lines(place, route):
            say(line)


def lines(place: int, route: RouteSpec) -> Iterator[str]:
    """Write one route as a person reads it."""
    from salus.matchers import in_words
    from salus.units import format_duration

    channels = ", ".join(route.channels) or "nobody"
    yield f"{place}. {in_words(route.match)} -> {channels}"
    pad = "   "
    for step in route.escalate:
        yield f"{pad}not acknowledged within {format_duration(step.after)} -> {', '.join(step.channels)}"
    together = "each alert by itself" if route.group_by == ("...",) else f"together by {', '.join(route.group_by)}"
    again = f"again every {format_duration(route.repeat_interval)}" if route.repeat_interval else "never again"
    yield f"{pad}{together}, {again}"
    for words, names in (("not during", route.mute_during), ("only during", route.active_during)):
        if names:
            yield f"{pad}{words} {', '.join(names)}"
    if route.go_on:
        yield f"{pad}then the next routes too"
