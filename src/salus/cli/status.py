"""``salus status``: what needs attention, first."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, load_settings, state_dir_option
from salus.clock import SystemClock

if TYPE_CHECKING:
    from salus.cli.output import Table

_WORST_FIRST = {"unhealthy": 0, "degraded": 1, "unknown": 2, "healthy": 3}
Status = dict[str, Any]


@click.command(short_help="Show checks, services and rules; the worst first.")
@config_option
@state_dir_option
@json_option
def status(config: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """Show all checks, services and rules of a running Salus; what needs attention comes first.

    Where none is running, shows what the ledger remembers. Exits with 0 when healthy or degraded, with 1 otherwise.
    """
    from salus.cli.client import Client, NotRunningError
    from salus.cli.errors import one_line
    from salus.cli.remembered import status as read

    now = SystemClock().now()
    try:
        told = Client(find_state_dir(config, state_dir)).status()
    except NotRunningError as error:
        remembered = read(find_state_dir(config, state_dir), None if state_dir else load_settings(config), now)
        if as_json:
            _show_json({"running": False, **remembered})
        else:
            click.echo(one_line(error))
            show_remembered(remembered, now)
        return 1
    if as_json:
        _show_json({"running": True, **told})
    else:
        show(told, now)
    return 0 if told["overall"]["status"] in ("healthy", "degraded") else 1


def _show_json(told: Status) -> None:
    from salus.surfaces import wire

    click.echo(wire.pretty(told))


# ── A running Salus ───────────────────────────────────────────────────────────────────────────────────────────────────


def show(told: Status, now: datetime) -> None:
    """Print the status of a running Salus."""
    from salus.cli import holding
    from salus.cli.output import Word, say, span

    agent, overall, mode = told["agent"], told["overall"], told["policy"]["mode"]
    host = f"{agent['name']} on {agent['hostname']}" if agent["name"] else agent["hostname"]
    where = f"{host} ({agent['environment']})" if agent["environment"] else host
    place = f"{'in' if agent['name'] else 'on'} {where}"
    say(f"Salus {agent['version']} {place}, pid {agent['pid']}, up {span(agent['uptime'])}")
    say(Word(overall["status"]), f": {overall['message']}")
    if agent["healing_off"]:
        say(f"healing is off: {agent['healing_off']}")
    if mode in holding.MODES:
        say(f"mode {mode}: {holding.MODES[mode]}")
    for problem in agent["problems"]:
        say(f"problem: {problem}")
    _show_alerts(told.get("alerts"), now)
    for table in (
        holding.table(told, now),
        _recoveries(told["recoveries"], now),
        _checks(told["checks"], now),
        _services(told["services"], now),
        _rules(told, now),
    ):
        table.show(after_blank=True)


def _show_alerts(told: Status | None, now: datetime) -> None:
    """Print what fires, and which channels fail: without those nobody would hear of the rest."""
    from salus.cli import alert_words
    from salus.cli.notify import trouble
    from salus.cli.output import say

    if told is None:
        return
    for channel in told["failing_channels"]:
        say(f"channel {channel['name']} has failed {trouble(channel, now)}")
    if count := told["silences"]:
        say(f"{count} silence{'' if count == 1 else 's'}: salus silence list")
    alert_words.active(told["first"], now).show(after_blank=True)
    more = sum(sum(told[state].values()) for state in ("firing", "acknowledged")) - len(told["first"])
    if more > 0:
        say(f"and {more} more: salus alerts")


def _recoveries(recoveries: list[Status], now: datetime) -> Table:
    from salus.cli.output import Table, ago, parse_instant

    table = Table(["healing now", "attempt", "started", "doing", "because"], spare=["because"])
    for one in recoveries:
        started = ago(parse_instant(one["started_at"]), now)
        table.rows.append([one["rule"], str(one["attempt"]), started, _doing(one["current"], now), one["trigger"]])
    return table


def _doing(current: Status | None, now: datetime) -> str:
    """Say what a recovery does at this moment, and how long that may take: ``restart_service, 3 s of at most 30 s``."""
    from salus.cli.output import parse_instant, span

    since, until = parse_instant(current["since"] if current else None), parse_instant(current and current["until"])
    if not current or not since or not until:
        return ""
    verb = {"verifying": "verifying ", "acting": "", "waiting": ""}.get(current["phase"], current["phase"])
    lasts, most = max(0, round((now - since).total_seconds())), round((until - since).total_seconds(), 1)
    return f"{verb}{current['action'] or ''}, {span(lasts)} of at most {span(most)}"


def _checks(checks: list[Status], now: datetime) -> Table:
    from salus.cli.output import Table, Word, ago, parse_instant

    table = Table(["check", "status", "since", "looked at", "message"], spare=["looked at"])
    for one in sorted(checks, key=lambda check: (_WORST_FIRST[check["status"]], check["name"])):
        notes = [note for note in ("critical", "flapping", "healing") if one.get(note)]
        if one["status"] == "healthy" or one["paused"]:
            notes = [note for note in notes if note != "critical"]
        message = one["message"] or ("not looked at yet" if one["last_checked"] is None else "")
        table.rows.append(
            [
                one["name"],
                Word(one["status"]),
                ago(parse_instant(one["since"]), now),
                ago(parse_instant(one["last_checked"]), now),
                f"{message} ({', '.join(notes)})".strip() if notes else message,
            ]
        )
    return table


def _services(services: list[Status], now: datetime) -> Table:
    from salus.cli.output import Table, Word, ago, parse_instant

    table = Table(["service", "state", "pid", "since", "starts", "message"], spare=["starts"])
    for one in services:
        message = one["message"] or ("" if one["wanted"] else "stopped by a person")
        pid = str(one["pid"] or "")
        since = ago(parse_instant(one["since"]), now)
        table.rows.append([one["name"], Word(one["state"]), pid, since, str(one["starts"]), message])
    return table


def _rules(told: Status, now: datetime) -> Table:
    from salus.cli import rules
    from salus.cli.output import Table, ago, parse_instant

    running = {one["rule"] for one in told["recoveries"]}
    table = Table(
        ["rule", "mode", "attempts", "state", "last attempt", "last refusal"],
        wrapped=["state", "last refusal"],
        spare=["last attempt", "mode"],
    )
    for one in told["rules"]:
        last = ""
        if one["last_started"]:
            last = (
                f"{(one['last_outcome'] or 'running').replace('_', ' ')} {ago(parse_instant(one['last_started']), now)}"
            )
        attempts = f"{one['attempts']} of {one['max_recovery_attempts']}"
        how = rules.state(one, running, now)
        table.rows.append([one["name"], rules.mode(one), attempts, how, last, _refusal(one, now)])
    return table


def _refusal(rule: Status, now: datetime) -> str:
    from salus.cli.output import parse_instant, span

    refusal = rule["last_refusal"]
    if not refusal:
        return ""
    detail = f": {refusal['detail']}" if refusal["detail"] else ""
    until = parse_instant(refusal["until"])
    wait = f", for {span((until - now).total_seconds())} more" if until and until > now else ""
    return f"{refusal['reason'].replace('_', ' ')}{detail}{wait}"


# ── What the ledger remembers ─────────────────────────────────────────────────────────────────────────────────────────


def show_remembered(told: Status, now: datetime) -> None:
    """Print what the ledger remembers."""
    from salus.cli import holding
    from salus.cli.output import Table, Word, ago, parse_instant

    if told["remark"]:
        click.echo(told["remark"])
    if not told["checks"]:
        return
    click.echo("What the ledger remembers:")
    holding.table({"policy": told["policy"], "rules": []}, now).show(after_blank=True)
    _checks(told["checks"], now).show(after_blank=True)
    rules = Table(["rule", "attempts", "last attempt", "outcome", "gave up"])
    for one in told["rules"]:
        last, gave_up = parse_instant(one["last_started"]), parse_instant(one["exhausted_since"])
        outcome = Word(one["last_outcome"]) if one["last_outcome"] else ""
        rules.rows.append([one["name"], str(one["attempts"]), ago(last, now), outcome, ago(gave_up, now)])
    rules.show(after_blank=True)
    for record in told["recoveries"]:
        click.echo(f"\nSalus was ended in the middle of a recovery of {record['check']}, attempt {record['attempt']}.")
