"""``salus history``: what happened, from the ledger, with or without a running Salus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option
from salus.clock import SystemClock
from salus.errors import NotFoundError
from salus.units import Duration

if TYPE_CHECKING:
    from salus.model import RecoveryRecord

_SEARCHED = 10_000


class Since(click.ParamType[datetime]):
    """Not before when: how long ago (``2h``), or an instant."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; an instant without a zone is in that of whoever asks."""
        if isinstance(value, datetime):
            return value
        try:
            return SystemClock().now() - timedelta(seconds=Duration.parse(value))
        except ValueError:
            pass
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither how long ago (2h, 7d) nor an instant (2026-01-31 or 2026-01-31T12:00:00Z)")
        return (at if at.tzinfo else at.astimezone()).astimezone(UTC)


@click.command(short_help="Show what was healed, and how it went.")
@click.argument("recovery_id", metavar="[ID]", required=False)
@click.option("--check", help="Only this check.")
@click.option("--rule", help="Only this rule.")
@click.option("--since", type=Since(), help="Not before: how long ago (2h, 7d), or an instant.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@click.option("--events", is_flag=True, help="Every event, not only recoveries.")
@config_option
@state_dir_option
@json_option
def history(recovery_id: str | None, config: Path | None, state_dir: Path | None, **wanted: Any) -> None:
    """Show recoveries, newest first; with an ID (its beginning will do), everything about that one.

    DETECTED and HEALED are counted from the first bad look to the decision to act, and to the look that passed again.
    """
    from salus.cli.ledger import ledger_path

    path = ledger_path(find_state_dir(config, state_dir))
    as_json, events = wanted.pop("as_json"), wanted.pop("events")
    if recovery_id:
        _show_one(path, recovery_id, as_json=as_json)
    elif events:
        _show_events(path, wanted, as_json=as_json)
    else:
        _show_all(path, wanted, as_json=as_json)


# ── Recoveries ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_all(path: Path, wanted: dict[str, Any], *, as_json: bool) -> None:
    from salus.cli.output import Table, Word, local
    from salus.ports import RecoveryQuery
    from salus.store.sqlite import read_recoveries
    from salus.surfaces import wire

    found = read_recoveries(path, RecoveryQuery(**wanted))
    if as_json:
        click.echo(wire.pretty([wire.recovery(record) for record in found]))
        return
    if not found:
        click.echo("no recoveries (`salus explain CHECK` says why a rule did not act)")
        return
    table = Table(
        ["when", "id", "rule", "attempt", "outcome", "detected", "healed", "actions", "because"],
        wrapped=["actions", "because"],
        spare=["because", "detected", "attempt", "actions"],
    )
    for record in found:
        detected, healed = _times(record)
        table.rows.append(
            [
                local(record.started_at),
                record.id[:8],
                record.rule,
                _attempt(record),
                Word(_outcome(record)),
                detected,
                healed,
                _actions(record),
                record.trigger,
            ]
        )
    table.show()
    click.echo()
    for line in summary(found):
        click.echo(line)


def summary(records: Sequence[RecoveryRecord]) -> list[str]:
    """Write one line per rule: how many of its recoveries were verified, and how long it was bad before those."""
    from salus.cli.output import span
    from salus.stats import counts

    lines = []
    for rule in sorted({record.rule for record in records}):
        ended = [record for record in records if record.rule == rule and counts(record)]
        if not ended:
            continue
        good = [record for record in ended if record.outcome == "recovered"]
        others = Counter(str(record.outcome).replace("_", " ") for record in ended if record.outcome != "recovered")
        took = [seconds for record in good if (seconds := _healed(record)) is not None]
        line = f"{rule}: {len(good)} of {len(ended)} recovered and verified ({percent(len(good) / len(ended))})"
        line += f", median {span(median(took))}" if took else ""
        line += "".join(f", {count} {outcome}" for outcome, count in sorted(others.items()))
        lines.append(line)
    return lines


def percent(rate: float) -> str:
    """Write a share for a person. Only all is 100%, and only none is 0%."""
    return f"{rate:.0%}" if rate in (0, 1) else f"{min(max(rate, 0.01), 0.99):.0%}"


def _healed(record: RecoveryRecord) -> float | None:
    """Return the seconds from the first bad look to the one that proved the recovery."""
    start, done = record.failing_since, record.finished_at
    return (done - start).total_seconds() if start and done and record.outcome == "recovered" else None


def _times(record: RecoveryRecord) -> tuple[str, str]:
    from salus.cli.output import span

    start, healed = record.failing_since, _healed(record)
    detected = span((record.decided_at - start).total_seconds()) if start else ""
    return detected, span(healed) if healed is not None else ""


def _attempt(record: RecoveryRecord) -> str:
    named = (
        ("last resort", record.ladder < 0),
        (f"ladder {record.ladder + 1}", record.ladder > 0),
        ("half-open", record.half_open),
        ("manual", record.manual),
        (f"approved by {record.approved_by}", record.approved_by),
    )
    notes = ", ".join(note for note, said in named if said)
    return f"{record.attempt} ({notes})" if notes else str(record.attempt)


def _outcome(record: RecoveryRecord) -> str:
    from salus.stats import called_off

    return "called_off" if called_off(record) else record.outcome or "running"


def _actions(record: RecoveryRecord) -> str:
    return ", ".join(step.action + ("" if step.result == "ok" else f" ({step.result})") for step in record.steps)


# ── One recovery ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_one(path: Path, recovery_id: str, *, as_json: bool) -> None:
    from salus.cli.act import show_recovery
    from salus.cli.output import local, span
    from salus.surfaces import wire

    record = _find(path, recovery_id)
    told: Any = wire.recovery(record)
    if as_json:
        click.echo(wire.pretty(told))
        return
    detected, healed = _times(record)
    facts = {
        "id": record.id,
        "check": record.check,
        "attempt": _attempt(record),
        "touched": ", ".join(record.targets),
        "because": record.trigger,
        "failing since": local(record.failing_since),
        "decided": f"{local(record.decided_at)}{f', {detected} after the first bad look' if detected else ''}",
        "first action": f"{span(record.initiation)} after the decision" if record.initiation is not None else "none",
        "ended": f"{local(record.finished_at)}{f', {healed} after the first bad look' if healed else ''}",
    }
    for name, value in facts.items():
        click.echo(f"{name + ':':<15}{value or '-'}")
    click.echo()
    show_recovery({**told, "outcome": _outcome(record)})
    before = dict(told["evidence"])
    at_the_end = {name: before.pop(name) for name in ("last_output",) if name in before}
    steps = [(f"by step {step['position']}, {step['action']}", step["evidence"]) for step in told["steps"]]
    for where, evidence in [("before anything was touched", before), *steps, ("when it ended", at_the_end)]:
        if evidence:
            click.echo(f"\nEvidence recorded {where}:")
            click.echo("\n".join(_evidence(evidence, 2)))


def _find(path: Path, recovery_id: str) -> RecoveryRecord:
    from salus.ports import RecoveryQuery
    from salus.store.sqlite import read_recoveries

    if exact := read_recoveries(path, RecoveryQuery(id=recovery_id)):
        return exact[0]
    close = [one for one in read_recoveries(path, RecoveryQuery(limit=_SEARCHED)) if one.id.startswith(recovery_id)]
    if len(close) == 1:
        return close[0]
    what = f"{len(close)} recoveries begin with" if close else "there is no recovery"
    message = f"{what} {recovery_id!r}"
    raise NotFoundError(message, remedy="give more of it" if close else "`salus history` lists them")


def _evidence(value: object, depth: int) -> list[str]:
    """Write nested facts, one to a line, lists of text (stacks, last output) as they are."""
    pad = " " * depth
    if isinstance(value, dict):
        lines = []
        for name, one in value.items():
            if isinstance(one, dict | list) and one:
                lines += [f"{pad}{name}:", *_evidence(one, depth + 2)]
            else:
                lines += [f"{pad}{name}: {_flat(one)}"]
        return lines
    if isinstance(value, list):
        return [line for one in value for line in _evidence(one, depth)]
    return [f"{pad}{line}" for line in _flat(value).splitlines() or [""]]


def _flat(value: object) -> str:
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _show_events(path: Path, wanted: dict[str, Any], *, as_json: bool) -> None:
    from salus.cli.output import Table, Word, local
    from salus.ports import EventQuery
    from salus.store.sqlite import read_events
    from salus.surfaces import wire

    found = read_events(path, EventQuery(**wanted))
    if as_json:
        click.echo(wire.pretty([wire.event(event) for event in found]))
        return
    if not found:
        click.echo("no events")
        return
    table = Table(["when", "event", "about", "change", "message"], wrapped=["about", "message"], spare=["change"])
    for event in found:
        about = ", ".join(filter(None, (event.check or event.rule, event.service, event.action)))
        change = Word(event.new) if event.new else (event.reason or "").replace("_", " ")
        table.rows.append([local(event.at), event.kind.value.replace("_", " "), about, change, event.message])
    table.show()
