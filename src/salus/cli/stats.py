"""``salus stats``: how well healing works, in numbers from the ledger, with or without a running Salus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.cli.history import Since, percent
from salus.clock import SystemClock

if TYPE_CHECKING:
    from salus.stats import ActionStatistics, RuleStatistics, Spread, Statistics, Tries

DEFAULT_SINCE = "30d"


@click.command(short_help="Show how well healing works, in numbers.")
@click.option(
    "--since",
    type=Since(),
    default=DEFAULT_SINCE,
    show_default=True,
    help="Not before: how long ago (2h, 7d), or an instant.",
)
@click.option("--rule", help="Only this rule.")
@click.option("--check", help="Only this check.")
@config_option
@state_dir_option
@json_option
def stats(
    *, since: datetime, rule: str | None, check: str | None, config: Path | None, state_dir: Path | None, as_json: bool
) -> None:
    """Sum up attempts, success, times and refusals of each rule and of each action.

    HEALED is how many attempts ended with a passing check; what was called off before anything was done is not an
    attempt. DETECTED and RECOVERED are counted from the first bad look to the decision to act, and to the look that
    passed again: the median, and what 95% do not exceed. BACK is how many of the healed needed healing again within an
    hour.
    """
    from salus.cli.ledger import ledger_path

    found = sum_up(ledger_path(find_state_dir(config, state_dir)), since, rule=rule, check=check)
    asked = "".join(f" for {what} {name!r}" for what, name in (("rule", rule), ("check", check)) if name)
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(found))
    else:
        show(found, asked)


def sum_up(path: Path, since: datetime, *, rule: str | None = None, check: str | None = None) -> Statistics:
    """Go through a ledger.

    Raises:
        StoreUnreadableError: it is not there or cannot be read.
    """
    from salus.model import EventKind
    from salus.ports import EventQuery, RecoveryQuery
    from salus.stats import statistics
    from salus.store.sqlite import scan_events, scan_recoveries

    recoveries = scan_recoveries(path, RecoveryQuery(rule=rule, check=check, since=since))
    refusals = EventQuery(rule=rule, check=check, since=since, kinds=[EventKind.RECOVERY_REFUSED])
    return statistics(recoveries, scan_events(path, refusals), since=since, until=SystemClock().now())


def show(found: Statistics, asked: str = "") -> None:
    """Print it for a person, who asked for this much (`` for rule 'web'``) or for everything."""
    from salus.cli.output import local

    if not found:
        click.echo(f"nothing had to be healed{asked} since {local(found.since)}")
        return
    click.echo(f"since {local(found.since)}{asked}")
    rules = [one for one in found.rules if one.attempts or _aside(one)]
    _show_rules([*rules, found.total] if len(rules) > 1 else rules)
    _show_actions(found)
    _show_refusals(found)


def _show_rules(rules: list[RuleStatistics]) -> None:
    from salus.cli.output import Table
    from salus.model import Outcome

    table = Table(
        ["rule", "attempts", "healed", "detected (95%)", "recovered (95%)", "back", "besides"],
        spare=["besides", "detected (95%)", "attempts"],
    )
    for one in rules:
        table.rows.append(
            [
                one.rule or "all rules",
                str(one.attempts),
                _part(one.outcomes.get(Outcome.RECOVERED, 0), one.success_rate),
                _spread(one.time_to_detect),
                _spread(one.time_to_recover),
                _part(one.recurrences, one.recurrence_rate),
                ", ".join(_aside(one)),
            ]
        )
    table.show(after_blank=True)


def _aside(one: RuleStatistics) -> list[str]:
    """Say how the other attempts ended, and what was no attempt."""
    words = [f"{count} {_word(outcome)}" for outcome, count in one.outcomes.items() if outcome != "recovered"]
    if one.called_off:
        words.append(f"{one.called_off} called off" + (f" ({one.needless} needless)" if one.needless else ""))
    counts = (("running", one.running), ("manual", one.manual), ("approved", one.approved))
    words += [f"{count} {what}" for what, count in counts if count]
    return words + _tries("half-open", one.half_open) + _tries("last resort", one.last_resorts)


def _tries(what: str, tries: Tries) -> list[str]:
    return [f"{tries.count} {what} ({tries.recovered} healed)"] if tries.count else []


def _show_actions(found: Statistics) -> None:
    from salus.cli.output import Table

    table = Table(["action", "runs", "healed", "took (95%)", "besides"], spare=["besides"])
    table.rows += [
        [one.action, str(one.runs), _part(one.healed, one.success_rate), _spread(one.duration), _failed(one)]
        for one in found.actions
    ]
    table.show(after_blank=True)


def _failed(one: ActionStatistics) -> str:
    words = [f"{count} {_word(result)}" for result, count in one.results.items() if result != "ok"]
    return ", ".join(words + ([f"{one.skipped} skipped"] if one.skipped else []))


def _show_refusals(found: Statistics) -> None:
    from salus.cli.output import Table

    table = Table(["rule", "refused", "would have acted", "because"], spare=["would have acted"])
    table.rows += [
        [one.rule, str(sum(one.refusals.values())), str(one.would_have_acted or ""), _reasons(one.refusals)]
        for one in found.rules
        if one.refusals or one.would_have_acted
    ]
    table.show(after_blank=True)


def _reasons(refusals: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {_word(reason)}" for reason, count in refusals.items())


def _word(value: str) -> str:
    return value.replace("_", " ")


def _part(count: int, rate: float | None) -> str:
    return "" if rate is None else f"{count} ({percent(rate)})"


def _spread(one: Spread | None) -> str:
    from salus.cli.output import span

    return f"{span(one.median)} ({span(one.p95)})" if one else ""
