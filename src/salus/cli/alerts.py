"""``salus alerts``: what is wrong now, and what was."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.cli.history import Since
from salus.clock import SystemClock
from salus.errors import SalusError

if TYPE_CHECKING:
    from salus.model import Alert

Told = dict[str, Any]
LEVELS = ["info", "warning", "critical"]
_SEARCHED = 10_000


@click.command(short_help="Show what fires now, the most urgent first, and who was told.")
@click.option("--all", "everything", is_flag=True, help="Also those that have ended, from the ledger.")
@click.option("--ended", is_flag=True, help="Only those that have ended, newest first, from the ledger.")
@click.option("--since", type=Since(), help="With --ended or --all: begun not before (2h, 7d, or an instant).")
@click.option("--check", help="Only about this check.")
@click.option("--level", type=click.Choice(LEVELS), help="Only of this level.")
@click.option("--silenced", is_flag=True, help="Only those that somebody does not hear of now, and why.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most.")
@config_option
@state_dir_option
@json_option
def alerts(config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Show the alerts that have not ended, the most urgent first: what is wrong, since when, and who was told.

    Where no Salus is running, shows what the ledger remembers of them.

    Example: salus alerts --ended --since 7d --level critical
    """
    _judge(wanted)
    from salus.cli import alert_words
    from salus.cli.errors import one_line

    folder, now = find_state_dir(config, state_dir), SystemClock().now()
    told: Told = {"running": None, "total": 0, "alerts": []}
    if not wanted["ended"]:
        told, trouble = _active(folder, wanted)
        if trouble and not as_json:
            click.echo(f"{one_line(trouble)}; this is what the ledger remembers")
    ended = _ended(folder, wanted) if wanted["ended"] or wanted["everything"] else []
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty({**told, "alerts": [*told["alerts"], *ended]}))
        return
    if wanted["silenced"]:
        alert_words.show_quiet(told["alerts"], now)
    elif not wanted["ended"]:
        alert_words.show_active(told["alerts"], now)
    if told["total"] > len(told["alerts"]):
        click.echo(f"\nand {told['total'] - len(told['alerts'])} more: raise --limit, or narrow it down with --level")
    if wanted["ended"] or wanted["everything"]:
        alert_words.show_ended(ended, now, after_blank=wanted["everything"])


def _judge(wanted: dict[str, Any]) -> None:
    ended = wanted["ended"] or wanted["everything"]
    if wanted["since"] and not ended:
        raise click.UsageError("--since is about alerts that have ended: say --ended or --all too")
    if wanted["silenced"] and ended:
        raise click.UsageError("what has ended is not kept quiet: leave out --silenced, or --ended and --all")


def _active(folder: Path, wanted: dict[str, Any]) -> tuple[Told, SalusError | None]:
    """Return the alerts that have not ended, and why it is the ledger that says so, if it is."""
    from salus.cli.client import Client, NotRunningError

    asked = {name: wanted[name] for name in ("check", "level", "limit") if wanted[name]}
    try:
        told = Client(folder).get("alerts", **asked, **({"quiet": "1"} if wanted["silenced"] else {}))
        return {"running": True, **told}, None
    except NotRunningError as error:
        if wanted["silenced"]:
            raise
        found = remembered(folder, check=wanted["check"], level=wanted["level"], active=True)
        return {"running": False, "total": len(found), "alerts": found[: wanted["limit"]]}, error


def _ended(folder: Path, wanted: dict[str, Any]) -> list[Told]:
    found = remembered(folder, check=wanted["check"], level=wanted["level"], since=wanted["since"], active=False)
    return found[: wanted["limit"]]


def remembered(
    folder: Path, *, active: bool, check: str | None = None, level: str | None = None, since: datetime | None = None
) -> list[Told]:
    """Return alerts from the ledger, newest first: those that have not ended, or those that have.

    Raises:
        StoreUnreadableError: there is no ledger, or it cannot be read.
    """
    from salus.surfaces import wire_alerts

    found = read(folder, check=check, since=since, active=active)
    return [wire_alerts.alert(one) for one in found if (active or one.resolved_at) and level in (None, one.level.value)]


def read(folder: Path, *, check: str | None = None, since: datetime | None = None, active: bool = False) -> list[Alert]:
    """Read alerts from the ledger of a state folder, newest first.

    Raises:
        StoreUnreadableError: there is no ledger, or it cannot be read.
    """
    from salus.cli.ledger import ledger_path
    from salus.ports import AlertQuery
    from salus.store.sqlite import read_alerts

    return read_alerts(ledger_path(folder), AlertQuery(check=check, since=since, active=active, limit=_SEARCHED))
