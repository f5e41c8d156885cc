"""``salus incidents``: trouble that belongs together, from the ledger, with or without a running Salus."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.cli.history import Since
from salus.clock import SystemClock
from salus.errors import NotFoundError, SalusError

if TYPE_CHECKING:
    from salus.incidents.fold import Incidents
    from salus.incidents.graph import Graph
    from salus.model import Event, RecoveryRecord
    from salus.model.history import Incident

_KEPT = timedelta(days=90)
_MOST_EVENTS = 500


@click.command(short_help="Show what went wrong together, and the story of it.")
@click.argument("incident_id", metavar="[ID]", required=False)
@click.option("--check", help="Only those of this check.")
@click.option("--open", "only_open", is_flag=True, help="Only those that go on.")
@click.option(
    "--since", type=Since(), help="Only those that went on then or later: how long ago (2h, 7d), or an instant."
)
@click.option("--limit", type=click.IntRange(1, 2_000), default=20, show_default=True, help="How many at most.")
@config_option
@state_dir_option
@json_option
def incidents(
    *,
    incident_id: str | None,
    check: str | None,
    only_open: bool,
    since: datetime | None,
    limit: int,
    config: Path | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Show incidents of the last 90 days, newest first; with an ID (its beginning will do), the story of that one.

    An incident is checks that were bad at the same time and hang together: through what they depend on, through their
    service, through a recovery or a storm. A check that is bad again within five minutes is still the same incident.
    """
    from salus.cli.ledger import ledger_path

    path = ledger_path(find_state_dir(config, state_dir))
    found = _read(path, _wiring(config))
    every = [case.incident() for case in found.newest_first()]
    if incident_id:
        _show_one(path, _meant(found, every, incident_id), as_json=as_json)
        return
    wanted = [
        one
        for one in every
        if (check is None or check in one.checks)
        and not (only_open and one.ended_at)
        and (since is None or one.ended_at is None or one.ended_at >= since)
    ]
    _show_all(wanted[:limit], as_json=as_json)


def _wiring(config: Path | None) -> Graph:
    """Read from the config what hangs on what; without one that can be used, services and recoveries tell alone."""
    from salus.cli.common import load_settings
    from salus.incidents.graph import Graph

    try:
        settings = load_settings(config)
    except SalusError:
        return Graph({})
    made = Graph({name: tuple(service.depends_on) for name, service in settings.services.items()})
    for spec in settings.checks.values():
        made.add(spec)
    return made


def _read(path: Path, graph: Graph) -> Incidents:
    from salus.incidents.fold import KINDS, Incidents
    from salus.ports import EventQuery
    from salus.store.sqlite import scan_events

    found = Incidents(graph)
    for event in scan_events(path, EventQuery(kinds=KINDS, since=SystemClock().now() - _KEPT)):
        found.take(event)
    return found


def _meant(found: Incidents, every: list[Incident], incident_id: str) -> Incident:
    exact = found.find(incident_id)
    close = [exact] if exact else [one for one in every if one.id.startswith(incident_id)]
    if len(close) == 1:
        return close[0]
    what = f"{len(close)} incidents begin with" if close else "there is no incident"
    message = f"{what} {incident_id!r}"
    raise NotFoundError(message, remedy="give more of it" if close else "`salus incidents` lists them")


def _show_all(found: list[Incident], *, as_json: bool) -> None:
    from salus.cli.output import Table, Word, local
    from salus.surfaces import wire, wire_incidents

    if as_json:
        click.echo(wire.pretty([wire_incidents.incident(one) for one in found]))
        return
    if not found:
        click.echo("no incidents: nothing was wrong")
        return
    table = Table(
        ["began", "id", "status", "lasted", "recovery", "what"], wrapped=["what"], spare=["recovery", "lasted"]
    )
    for one in found:
        status = Word(one.status.value) if one.ended_at is None else Word("over")
        table.rows.append([local(one.started_at), one.id, status, _lasted(one), Word(one.outcome or ""), one.title])
    table.show()


def _lasted(one: Incident) -> str:
    from salus.cli.output import span

    return span((one.ended_at - one.started_at).total_seconds()) if one.ended_at else "goes on"


# ── One incident ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_one(path: Path, one: Incident, *, as_json: bool) -> None:
    from salus.cli.act import show_recovery
    from salus.cli.output import local, say, span
    from salus.incidents.timeline import queries, woven
    from salus.store.sqlite import read_events
    from salus.surfaces import wire, wire_incidents

    events = woven((read_events(path, query) for query in queries(one, _MOST_EVENTS)), _MOST_EVENTS)
    records = _records(path, one)
    if as_json:
        click.echo(wire.pretty(wire_incidents.story(one, events, records)))
        return
    say(one.title)
    facts = {
        "id": one.id,
        "began": local(one.started_at),
        "detected": f"{span(one.detected)} after the first bad look" if one.detected is not None else "",
        "ended": f"{local(one.ended_at)}, after {_lasted(one)}" if one.ended_at else "it goes on",
        "checks": ", ".join(one.checks),
        "failing": ", ".join(one.failing),
        "root": one.root,
        "services": ", ".join(one.services),
    }
    for name, value in facts.items():
        click.echo(f"{name + ':':<11}{value or '-'}")
    _show_events(events)
    for record in records:
        click.echo()
        show_recovery(wire.recovery(record))


def _records(path: Path, one: Incident) -> list[RecoveryRecord]:
    from salus.ports import RecoveryQuery
    from salus.store.sqlite import read_recoveries

    return [record for name in one.recoveries for record in read_recoveries(path, RecoveryQuery(id=name, limit=1))]


def _show_events(events: list[Event]) -> None:
    from salus.cli.output import Table, Word, local

    table = Table(["when", "event", "about", "change", "message"], wrapped=["about", "message"], spare=["change"])
    for event in events:
        about = ", ".join(dict.fromkeys(filter(None, (event.check or event.rule, event.service, event.action))))
        change = Word(event.new) if event.new else (event.reason or "").replace("_", " ")
        table.rows.append([local(event.at), event.kind.value.replace("_", " "), about, change, event.message])
    table.show(after_blank=True)
