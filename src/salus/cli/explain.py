"""``salus explain``: why the rules of a check act, or do not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, load_settings, state_dir_option
from salus.clock import SystemClock
from salus.errors import NotFoundError, SalusError

Told = dict[str, Any]
_HOUR = timedelta(hours=1)
_BUDGET = 1000  # more recoveries than that nobody allows in an hour


@click.command(short_help="Say why Salus acts on a check, or does not.")
@click.argument("check")
@config_option
@state_dir_option
@json_option
def explain(check: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Say for every rule of a check why it acts or does not, stage by stage.

    Each line of the table is one question that must be answered before Salus acts; the first that refuses decides.
    Where no Salus is running, tells what the ledger remembers.

    Example: salus explain web
    """
    from salus.cli.client import Client, NotRunningError
    from salus.cli.errors import one_line

    now, folder = SystemClock().now(), find_state_dir(config, state_dir)
    try:
        told: Told = {"running": True, **Client(folder).explain(check)}
    except NotRunningError as error:
        from salus.cli.remembered import explanation

        told = {"running": False, **explanation(check, folder, None if state_dir else load_settings(config), now)}
        if not as_json:
            click.echo(f"{one_line(error)}; this is what the ledger remembers")
    for one in told["rules"]:
        one.update(_past(folder, one["rule"]["name"], now))
    told["alerts"] = _alerts(folder, check)
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(told))
    else:
        show(told, now)


def _alerts(folder: Path, check: str) -> list[Told]:
    """Return the alerts about a check that have not ended."""
    from salus.cli.alerts import remembered
    from salus.cli.client import Client, NotRunningError

    try:
        found: list[Told] = Client(folder).get("alerts", check=check)["alerts"]
    except NotRunningError:
        return remembered(folder, check=check, active=True)
    except NotFoundError:  # an older Salus, which has none
        return []
    return found


def _past(state_dir: Path, rule: str, now: datetime) -> Told:
    """Return what the ledger knows of a rule: its last recovery, and how many there were in the last hour."""
    from salus.cli.ledger import ledger_path
    from salus.ports import RecoveryQuery
    from salus.store.sqlite import read_recoveries
    from salus.surfaces import wire

    try:
        found = read_recoveries(ledger_path(state_dir), RecoveryQuery(rule=rule, limit=1))
        recent = read_recoveries(ledger_path(state_dir), RecoveryQuery(rule=rule, since=now - _HOUR, limit=_BUDGET))
    except SalusError as error:
        return {"last_recovery": None, "recoveries_in_the_last_hour": None, "remark": str(error)}
    last = wire.recovery(found[0]) if found else None
    return {"last_recovery": last, "recoveries_in_the_last_hour": len(recent), "remark": ""}


# ── In words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def show(told: Told, now: datetime) -> None:
    """Print an explanation: the check, then for each rule the verdict, every stage, and what it has spent."""
    from salus.cli.output import Word, parse_instant, say, span

    check = told["check"]
    began = parse_instant(check["since"])
    since = f" for {span(max(0, round((now - began).total_seconds())))}" if began and told["running"] else ""
    message = f": {check['message']}" if check["message"] else ""
    say(f"{check['name']} {'is' if told['running'] else 'was'} ", Word(check["status"]), f"{since}{message}")
    for one in told.get("alerts", ()):
        click.echo(_alert(one, now))
    if not told["rules"]:
        click.echo("no rule watches it: Salus looks, tells, and never acts")
    for one in told["rules"]:
        click.echo()
        click.echo(_verdict(one, now))
        if one.get("stages"):
            _stages(one["stages"], now)
        click.echo()
        for name, value in _facts(one, now):
            click.echo(f"{name + ':':<15}{value}")


def _alert(one: Told, now: datetime) -> str:
    from salus.cli.alert_words import heard
    from salus.cli.output import parse_instant, span

    began = parse_instant(one["first_seen"])
    lasts = f" for {span(max(0, round((now - began).total_seconds())))}" if began else ""
    told = f"; told {heard(one, now)}" if one["state"] != "pending" else ""
    return f"alert {one['id'][:8]} ({one['rule']}, {one['level']}) is {one['state']}{lasts}{told}"


def _verdict(one: Told, now: datetime) -> str:
    from salus.cli.output import ago, parse_instant

    if at := parse_instant(one.get("at")):
        return f"{one['verdict']}, {ago(at, now)}"
    remedy = one.get("remedy")
    return f"{one['verdict']}\nTo change that: {remedy}" if remedy else str(one["verdict"])


def _stages(stages: list[Told], now: datetime) -> None:
    from salus.cli.output import Table, Word, parse_instant, span

    table = Table(["stage", "answer", "question", "detail"], wrapped=["question", "detail"], spare=["stage"])
    for one in stages:
        until = parse_instant(one["until"])
        wait = f", for {span((until - now).total_seconds())} more" if until and until > now else ""
        answer = Word("pass" if one["passes"] else "refuses")
        table.rows.append([one["stage"], answer, one["question"], f"{one['detail']}{wait}".removeprefix(", ")])
    table.show(after_blank=True)


def _facts(one: Told, now: datetime) -> list[tuple[str, str]]:
    """Return what a rule has spent, and how its last recovery went."""
    from salus.cli import rules
    from salus.cli.output import ago, parse_instant

    rule, facts = one["rule"], list[tuple[str, str]]()
    if "max_recovery_attempts" in rule:
        facts = [
            ("mode", _mode(rule, now)),
            ("acts when", rules.trigger(rule)),
            ("attempts", f"{rule['attempts']} of {rule['max_recovery_attempts']} in this incident{_ladder(rule)}"),
            ("cooldown", _cooldown(rule, now)),
            ("recurrence", _recurrence(rule["recurrence"], now)),
        ]
    else:
        facts = [("attempts", f"{rule['attempts']} in this incident")]
    if gave_up := parse_instant(rule["exhausted_since"]):
        retry = parse_instant(rule.get("half_open_at"))
        facts.append(("gave up", ago(gave_up, now) + (f", one more try {ago(retry, now)}" if retry else "")))
    if asked := rule.get("approval"):
        facts.append(("approval", _answered(asked)))
    recent = one["recoveries_in_the_last_hour"]
    facts.append(("last hour", one["remark"] or f"{recent} recover{'y' if recent == 1 else 'ies'} started"))
    facts.append(("last recovery", _last(one["last_recovery"], now)))
    return facts


def _mode(rule: Told, now: datetime) -> str:
    from salus.cli.output import ago, parse_instant

    if override := rule["mode_override"]:
        by = f" by {override['by']}" if override["by"] else ""
        when = ago(parse_instant(override["since"]), now)
        config = f"; the config says {rule['mode_configured']}"
        held = f", held at {rule['mode']} by limits.mode" if rule["mode"] != override["mode"] else ""
        return f"{override['mode']}, set{by} {when}{config}{held}"
    held = f", held at {rule['mode']} by limits.mode" if rule["mode"] != rule["mode_configured"] else ""
    return f"{rule['mode_configured']}{held}"


def _ladder(rule: Told) -> str:
    count = len(rule["ladders"])
    return f", the next uses ladder {rule['next_ladder']} of {count}" if count > 1 else ""


def _cooldown(rule: Told, now: datetime) -> str:
    from salus.cli.output import parse_instant, span

    grows = f", times {rule['cooldown_multiplier']:g} each time" if rule["cooldown_multiplier"] > 1 else ""
    until = parse_instant(rule["cooldown_until"])
    left = f", {span((until - now).total_seconds())} left" if until and until > now and rule["attempts"] else ""
    return f"{span(rule['cooldown_period'])}{grows}{left}"


def _recurrence(told: Told, now: datetime) -> str:
    from salus.cli.output import ago, parse_instant, span

    if not told["threshold"]:
        return "not watched"
    count = f"{told['recoveries']} healed within {span(told['window'])}, {told['threshold']} are no cure"
    if since := parse_instant(told["since"]):
        return f"{count}: recurring since {ago(since, now)}, escalated {told['escalations']} times"
    return count


def _last(record: Told | None, now: datetime) -> str:
    from salus.cli.output import ago, parse_instant, span

    if record is None:
        return "none"
    outcome = (record["outcome"] or "running").replace("_", " ")
    took = f" after {span(record['duration'])}" if record["duration"] is not None else ""
    message = f": {record['message']}" if record["message"] else ""
    return f"{outcome}{took}, {ago(parse_instant(record['started_at']), now)}{message} ({record['id'][:8]})"


def _answered(asked: Told) -> str:
    by = f" by {asked['by']}" if asked["by"] else ""
    note = f": {asked['note']}" if asked["note"] else ""
    return f"{asked['answer']}{by}{note}"
