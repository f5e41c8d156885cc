"""``salus simulate``: what a config would do, tried on simulated services."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.common import json_option

if TYPE_CHECKING:
    from salus.simulate.run import Finished, Progress
    from salus.simulate.scenario import Source
    from salus.simulate.score import Result

_PATH = click.Path(path_type=Path)
_MOST_STEPS = 20


@click.command(short_help="Try a config on simulated services, with simulated faults.")
@click.argument("config", type=_PATH)
@click.option("--scenario", type=_PATH, required=True, help="What goes wrong: a YAML file.")
@click.option(
    "--days", type=click.FloatRange(0, 36_525, min_open=True), default=30, show_default=True, help="How long."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same again.")
@click.option("--compare", type=_PATH, metavar="OTHER", help="Another config, tried on the same.")
@click.option("--ledger", type=_PATH, help="Write everything that happened to this new ledger file.")
@json_option
def simulate(
    config: Path, scenario: Path, *, days: float, seed: int, compare: Path | None, ledger: Path | None, as_json: bool
) -> int:
    """Run the real engine, in time that jumps, over services that exist on paper. Nothing real is touched.

    Says how much of what went wrong was healed, how fast, and what was done for nothing. Exits with 1 when a promise of
    Salus itself was broken, and tells how.
    """
    from salus.simulate.scenario import load_scenario

    source = load_scenario(scenario)
    finished = [_try(path, source, days, seed, ledger if path is config else None) for path in _each(config, compare)]
    names = [str(path) for path in _each(config, compare)]
    if as_json:
        _show_json(names, finished)
    elif compare is None:
        _show_one(finished[0].result)
    else:
        _show_both(names, finished[0].result, finished[1].result)
    broken = [one for one in finished if one.violation is not None]
    for one in broken:
        tell_story(one)
    return 1 if broken else 0


def _each(config: Path, compare: Path | None) -> list[Path]:
    return [config] if compare is None else [config, compare]


def _try(config: Path, source: Source, days: float, seed: int, ledger: Path | None) -> Finished:
    from salus.config import load
    from salus.simulate.run import Order
    from salus.simulate.run import simulate as run

    progress = _progress(config)
    order = Order(settings=load(config), source=source, days=days, seed=seed, ledger=ledger, progress=progress)
    try:
        return run(order)
    finally:
        if progress is not None:
            click.echo("\r\x1b[K", err=True, nl=False)


def _progress(config: Path) -> Progress | None:
    """Return what tells on standard error how far it is, where a person looks at that."""
    if not os.isatty(2) or os.environ.get("TERM") == "dumb":
        return None
    return lambda share: click.echo(f"\r{config}: {share:.0%} ", err=True, nl=False)


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_json(names: list[str], finished: list[Finished]) -> None:
    from salus.surfaces import wire

    told = [{"config": name, **one.result.as_dict()} for name, one in zip(names, finished, strict=True)]
    click.echo(wire.pretty(told[0] if len(told) == 1 else {"compared": told}))


def _show_one(result: Result) -> None:
    from salus.cli.output import Table
    from salus.simulate.report import FAULT_COLUMNS, LINES, fault_rows

    click.echo(_heading(result))
    table = Table(["what", "figure"])
    table.rows += [[line.name, line.shown(result)] for line in LINES]
    table.show(after_blank=True)
    faults = Table(list(FAULT_COLUMNS))
    faults.rows += fault_rows(result)
    faults.show(after_blank=True)
    counted = (("refused", result.refusals), ("a person is called", result.calls), ("alerts", result.alerts))
    for title, counts in counted:
        if counts:
            told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
            click.echo(f"\n{title}: {told}")
    _show_needless(result)


def _show_needless(result: Result) -> None:
    from salus.cli.output import Table
    from salus.units import format_duration

    if not result.needless:
        click.echo("\nno action was needless")
        return
    table = Table(["needless, after", "check", "action", "because"])
    for step in result.needless_steps[:_MOST_STEPS]:
        table.rows.append([format_duration(step.at), step.check, step.action, step.needless.replace("_", " ")])
    table.show(after_blank=True)
    if result.needless > _MOST_STEPS:
        click.echo(f"and {result.needless - _MOST_STEPS} more")


def _show_both(names: list[str], one: Result, other: Result) -> None:
    from salus.cli.output import Table
    from salus.simulate.report import LINES

    click.echo(_heading(one))
    click.echo(f"A: {names[0]}\nB: {names[1]}")
    table = Table(["what", "A", "B", "better"])
    for line in LINES:
        winner = line.winner(one, other)
        table.rows.append([line.name, line.shown(one), line.shown(other), "AB"[winner] if winner >= 0 else ""])
    table.show(after_blank=True)


def _heading(result: Result) -> str:
    services = len(result.availability_by_service)
    return f"{result.days:g} days of {services} services, seed {result.seed}: {result.looks:,} looks"


def tell_story(finished: Finished) -> None:
    """Tell on standard error which promise was broken, and what led there."""
    violation = finished.violation
    if violation is None:
        return
    click.echo(f"salus: a promise was broken: {violation}", err=True)
    click.echo("What led there:", err=True)
    for event in violation.story:
        about = event.rule or event.check or event.service or "-"
        reason = f" ({event.reason})" if event.reason else ""
        click.echo(f"  {event.at:%Y-%m-%d %H:%M:%S.%f}  {about}  {event.kind.value}{reason}  {event.message}", err=True)
