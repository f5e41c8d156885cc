"""``salus backtest``: what changed rules would have done with what the ledger saw."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import json_option
from salus.cli.history import Since
from salus.errors import SalusError

if TYPE_CHECKING:
    from salus.config import Settings
    from salus.simulate.backtest.score import Result, Row
    from salus.simulate.run import Progress

_PATH = click.Path(path_type=Path)


@click.command(short_help="Try changed rules on recorded history.")
@click.argument("config", type=_PATH)
@click.option("--ledger", type=_PATH, help="The ledger to replay.  [default: in the state folder of CONFIG]")
@click.option("--since", type=Since(), help="Not before: how long ago (2h, 7d), or an instant.")
@click.option("--until", type=Since(), help="Not after: likewise.")
@click.option("--compare", type=_PATH, metavar="OTHER", help="Another config, tried on the same.")
@click.option("--check", "checks", multiple=True, help="Tell of this check only; may be said again.")
@click.option("--changed", is_flag=True, help="List only what would have gone otherwise.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many spells at most.")
@json_option
def backtest(
    config: Path,
    *,
    ledger: Path | None,
    since: datetime | None,
    until: datetime | None,
    compare: Path | None,
    checks: tuple[str, ...],
    as_json: bool,
    **shown: Any,
) -> None:
    """Replay what the ledger saw to the rules of CONFIG: the real engine, in time that jumps. Nothing is touched.

    A spell is a run of bad looks. Each stands beside what was done about it THEN, and what the rules of CONFIG would
    have done. The ledger is only read, also while a Salus runs.

    Example: salus backtest changed.yaml --ledger /var/lib/salus/ledger.sqlite --since 7d
    """
    from salus.config import load
    from salus.simulate.backtest.order import Order
    from salus.simulate.backtest.order import backtest as run

    paths = [config] if compare is None else [config, compare]
    configs = [load(path) for path in paths]
    progress = _progress()
    order = Order(
        configs=configs,
        ledger=ledger or _ledger_of(configs[0]),
        since=since,
        until=until,
        checks=checks,
        progress=progress,
    )
    try:
        results = run(order)
    finally:
        if progress is not None:
            click.echo("\r\x1b[K", err=True, nl=False)
    names = [str(path) for path in paths]
    (_show_json if as_json else _show)(names, results, **shown)


def _ledger_of(settings: Settings) -> Path:
    from salus.app.ledger import ledger_path

    if settings.agent.store != "sqlite":
        message = "this config keeps its ledger in memory, where nothing is left of it"
        raise SalusError(message, remedy="name a file with --ledger")
    return ledger_path(settings.agent)


def _progress() -> Progress | None:
    """Return what tells on standard error how far it is, where a person looks at that."""
    if not os.isatty(2) or os.environ.get("TERM") == "dumb":
        return None
    return lambda share: click.echo(f"\r{share:.0%} ", err=True, nl=False)


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_json(names: list[str], results: list[Result], limit: int, *, changed: bool) -> None:
    from salus.simulate.backtest.report import ASSUMED
    from salus.surfaces import wire

    told = [
        {"config": name, "assumed": ASSUMED, **result.as_dict(limit, changed=changed)}
        for name, result in zip(names, results, strict=True)
    ]
    click.echo(wire.pretty(told[0] if len(told) == 1 else {"compared": told}))


def _show(names: list[str], results: list[Result], limit: int, *, changed: bool) -> None:
    from salus.cli.output import Table
    from salus.simulate.backtest.report import ASSUMED, counts, sum_rows

    first = results[0]
    click.echo(_heading(first))
    heads = ["A", "B"] if len(results) > 1 else ["config"]
    for head, name in zip(heads, names, strict=True) if len(results) > 1 else ():
        click.echo(f"{head}: {name}")
    table = Table(["what", "then", *heads])
    table.rows += sum_rows(results)
    table.show(after_blank=True)
    said = Table(["", "refused", "a person is called"], wrapped=["refused"])
    for head, sums in [("then", first.then), *zip(heads, (result.now for result in results), strict=True)]:
        said.rows.append([head, counts(sums.refusals), counts(sums.calls)])
    if any(cell for row in said.rows for cell in row[1:]):
        said.show(after_blank=True)
    _show_spells(heads, results, limit, changed=changed)
    click.echo()
    for line in [f"assumed: {ASSUMED}", *dict.fromkeys(note for result in results for note in result.notes)]:
        click.echo(line)


def _heading(result: Result) -> str:
    from salus.cli.output import local

    checks = f"{len(result.checks)} check{'' if len(result.checks) == 1 else 's'}"
    spells = f"{result.spells:,} bad spell{'' if result.spells == 1 else 's'}"
    return f"{local(result.since)} to {local(result.until)}: {spells} of {checks}"


def _show_spells(heads: list[str], results: list[Result], limit: int, *, changed: bool) -> None:
    from salus.cli.output import Table, local
    from salus.simulate.backtest.report import ENDS, NOTHING, now, then, time

    together: dict[tuple[datetime, str], list[Row | None]] = {}
    for place, result in enumerate(results):
        for row in result.rows:
            together.setdefault((row.began, row.check), [None] * len(results))[place] = row
    found = [rows for _, rows in sorted(together.items(), reverse=True)]
    found = [rows for rows in found if not changed or any(row and row.differs for row in rows)]
    table = Table(
        ["began", "check", "lasted", "ended", "then", *heads], wrapped=["then", *heads], spare=["ended", "lasted"]
    )
    for rows in found[:limit]:
        row = next(row for row in rows if row)
        lasted = NOTHING if row.lasted is None else time(row.lasted)
        ended = ENDS[row.end] if row.end else NOTHING
        ended += f" {row.root}" if row.root else ""
        said = [now(one) if one else NOTHING for one in rows]
        table.rows.append([local(row.began), row.check, lasted, ended, then(row), *said])
    table.show(after_blank=True)
    if len(found) > limit:
        click.echo(f"and {len(found) - limit:,} more (--limit)")
    if not found:
        click.echo("\nnothing would have gone otherwise" if changed else "\nno verdict turned bad, and no rule acts")
