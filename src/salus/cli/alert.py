"""``salus alert``: one alert, its whole story, and what a person does about it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock
from salus.errors import NotFoundError, SalusError

Told = dict[str, Any]
_SEARCHED = 1000
_REMEDY = "an alert is named by its id, its check or its rule; `salus alerts --all` lists what there is"


@click.group()
def alert() -> None:
    """Show one alert, take it upon yourself, or end it.

    An alert is meant by its id or the beginning of it, or by the name of its check or rule where there is only one.
    """


@alert.command(short_help="Tell the whole story of an alert.")
@click.argument("alert_id", metavar="ID")
@config_option
@state_dir_option
@json_option
def show(alert_id: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Tell the whole story: what is wrong, since when, what was done, who was told, who will be, and why not now.

    Also of an alert that has ended, from the ledger.
    """
    from salus.cli.client import Client, NotRunningError
    from salus.cli.errors import one_line

    folder, now = find_state_dir(config, state_dir), SystemClock().now()
    try:
        told: Told = {"running": True, **Client(folder).get("alerts", alert_id)}
    except (NotFoundError, NotRunningError) as error:
        running = isinstance(error, NotFoundError)
        told = {"running": running, **_remembered(folder, alert_id, now, error)}
        if not (running or as_json):
            click.echo(f"{one_line(error)}; this is what the ledger remembers")
    told["notifications"] = _notifications(folder, told["id"])
    if as_json:
        _show_json(told)
    else:
        show_story(told, now)


def _remembered(folder: Path, name: str, now: datetime, error: SalusError) -> Told:
    """Return an alert from the ledger: one that has not ended where there is one, or else the newest that has.

    Raises:
        NotFoundError: there is none, or the name is empty.
        ConflictError: several begin so.
    """
    from salus.alerts.lookup import named
    from salus.cli.alerts import read
    from salus.surfaces import wire_alerts

    if not name:
        raise error
    found = sorted(read(folder), key=lambda one: one.resolved_at is not None)
    called = [one for one in found if name in (one.check, one.rule)]
    called = called or [one for one in found if one.fingerprint.startswith(name)]
    begun = [one for one in found if one.id.startswith(name)]
    if not (called or begun):
        if isinstance(error, NotFoundError):
            raise NotFoundError(f"there is no alert {name!r}, and the ledger remembers none", remedy=_REMEDY) from error
        raise error
    return {**wire_alerts.story(named(begun, name) if begun else called[0], now), "audience": None}


def _notifications(folder: Path, alert_id: str) -> list[Told]:
    """Return what was sent about an alert, as far as the newest notifications of the ledger tell, oldest first."""
    from salus.cli.ledger import ledger_path
    from salus.store.sqlite import read_deliveries
    from salus.surfaces import wire_alerts

    try:
        found = read_deliveries(ledger_path(folder), limit=_SEARCHED)
    except SalusError:
        return []
    about = [one for one in found if any(named.id == alert_id for named in one.notification.alerts)]
    return [wire_alerts.delivery(one) for one in reversed(about)]


def show_story(told: Told, now: datetime) -> None:
    """Print an alert with everything that is known of it."""
    from salus.cli import alert_words
    from salus.cli.output import Word, say

    say(Word(told["state"]), f", {told['level']}: {told['summary']}")
    say(f"id {told['id']}")
    click.echo()
    for line in told["story"]:
        say(line)
    if told["state"] == "pending":
        say(f"Nobody is told yet: it must last first, as long as `for` of the alert rule {told['rule']} says.")
    alert_words.audience(told, now).show(after_blank=True)
    alert_words.notifications(told["notifications"], now).show(after_blank=True)
    if not told["running"] or told["state"] not in ("firing", "acknowledged"):
        return
    click.echo()
    if told["state"] == "firing":
        say(f"to take it:       salus alert ack {told['id'][:8]}")
    say(f"to keep it quiet: salus silence add {_matchers(told)} --for 2h")


def _matchers(told: Told) -> str:
    """Return what silences this alert, as a shell takes it."""
    from salus.model import Matcher, Matching

    labels = told["labels"]
    names = [name for name in ("alertname", "check", "happening", "subject") if labels.get(name)]
    return " ".join(quote(str(Matcher(name, Matching.EQUAL, labels[name]))) for name in names)


@alert.command(short_help="Take an alert upon yourself.")
@click.argument("alert_id", metavar="ID")
@click.argument("note", nargs=-1)
@config_option
@state_dir_option
@json_option
def ack(alert_id: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Take an alert upon yourself: nobody is reminded or called any more, and those who were told hear who has it.

    It still ends by itself when its trouble is gone, and then they hear that too.

    Example: salus alert ack 3f2a looking at the disk
    """
    told = _act(alert_id, "ack", note, config, state_dir)
    if as_json:
        _show_json(told)
    else:
        click.echo(f"acknowledged{_by(told['acknowledged_by'])}: {told['summary']}")


@alert.command(short_help="End an alert by hand.")
@click.argument("alert_id", metavar="ID")
@click.argument("note", nargs=-1)
@config_option
@state_dir_option
@json_option
def resolve(alert_id: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """End an alert by hand; those who were told of it hear so.

    Where its trouble lasts, it is not told again before that has ended.

    Example: salus alert resolve 3f2a known, and harmless
    """
    told = _act(alert_id, "resolve", note, config, state_dir)
    if as_json:
        _show_json(told)
    else:
        lasts = "; if the trouble lasts, nobody hears of it before it has ended" if told["dismissed"] else ""
        click.echo(f"{told['resolution']}: {told['summary']}{lasts}" if lasts else f"{told['resolution']}")


def _act(alert_id: str, verb: str, note: tuple[str, ...], config: Path | None, state_dir: Path | None) -> Told:
    from salus.cli.client import Client

    return Client(find_state_dir(config, state_dir)).act("alerts", alert_id, verb, {"note": " ".join(note)})


def _by(name: str) -> str:
    return f" by {name}" if name else ""


def _show_json(told: object) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))
