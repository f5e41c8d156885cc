"""Alerts as a person reads them: what is wrong, who was told, and why not now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from salus.alerts.lookup import SHORT

if TYPE_CHECKING:
    from salus.cli.output import Table

Told = dict[str, Any]

QUIET = {
    "dismissed": "resolved by hand",
    "silenced": "silenced",
    "maintenance": "in maintenance",
    "muted": "not at this hour",
    "dependency": "a check it depends on is told",
    "inhibited": "another alert says it",
    "cooling_down": "told a moment ago",
}
"""Why an alert is not told, in a few words."""

_OPEN = ("firing", "acknowledged")
_NOT_THERE = {"waiting": ", not arrived yet", "dead": ", given up"}  # state of the newest delivery


def show_active(alerts: list[Told], now: datetime) -> None:
    """Print alerts that have not ended."""
    if not alerts:
        click.echo("no alerts: nothing is wrong that anybody should hear of")
        return
    active(alerts, now).show()


def active(alerts: list[Told], now: datetime) -> Table:
    """Return one line for each alert that has not ended."""
    from salus.cli.output import Table, Word, ago, parse_instant

    columns = ["id", "state", "level", "component", "since", "count", "told", "summary"]
    table = Table(columns, wrapped=["told", "summary"], spare=["count", "component", "told", "level"])
    for one in alerts:
        since = ago(parse_instant(one["first_seen"]), now)
        told = heard(one, now)
        level, count = Word(one["level"]), str(one["count"])
        table.rows.append([one["id"][:SHORT], _state(one), level, one["component"], since, count, told, one["summary"]])
    return table


def _state(one: Told) -> Any:
    from salus.cli.output import Word

    return Word("flapping" if one["flapping"] and one["state"] == "firing" else one["state"])


def show_ended(alerts: list[Told], now: datetime, *, after_blank: bool = False) -> None:
    """Print alerts that have ended."""
    from salus.cli.output import Table, Word, ago, parse_instant, span

    if not alerts:
        click.echo("none that have ended")
        return
    columns = ["id", "ended", "level", "component", "lasted", "told", "summary", "how it ended"]
    table = Table(columns, wrapped=["told", "summary", "how it ended"], spare=["component", "told", "lasted", "level"])
    for one in alerts:
        began, ended = parse_instant(one["first_seen"]), parse_instant(one["resolved_at"])
        lasted = span((ended - began).total_seconds()) if began and ended and not one["moment"] else ""
        told, level = ", ".join(one["told"]) or "nobody", Word(one["level"])
        end = ago(ended, now)
        table.rows.append(
            [one["id"][:SHORT], end, level, one["component"], lasted, told, one["summary"], one["resolution"]]
        )
    table.show(after_blank=after_blank)


def show_quiet(alerts: list[Told], now: datetime) -> None:
    """Print alerts that somebody does not hear of now, with the reason."""
    from salus.cli.output import Table, Word, ago, parse_instant

    if not alerts:
        click.echo("nothing is kept quiet")
        return
    columns = ["id", "level", "component", "kept from", "because", "ends", "summary"]
    table = Table(columns, wrapped=["kept from", "because", "summary"], spare=["component", "kept from", "level"])
    for one in alerts:
        for why, channels in _hushed(one["audience"]).items():
            ends = ago(parse_instant(why[2]), now) if why[2] else ""
            because = why[1] or QUIET[why[0]]
            level = Word(one["level"])
            kept = ", ".join(channels)
            table.rows.append([one["id"][:SHORT], level, one["component"], kept, because, ends, one["summary"]])
    table.show()


def _hushed(audience: Iterable[Told]) -> dict[tuple[str, str, str | None], list[str]]:
    """Return which channels do not hear now, by (reason, detail, until)."""
    found: dict[tuple[str, str, str | None], list[str]] = {}
    for way in audience:
        if way["enabled"] and (hush := way["hush"]):
            found.setdefault((hush["reason"], hush["detail"], hush["until"]), []).append(way["channel"])
    return found


def heard(one: Told, now: datetime) -> str:
    """Say who was told of an alert that has not ended; where nobody was, why not."""
    if one["state"] == "pending":
        return ""
    audience = one.get("audience")
    failing = {way["channel"] for way in audience or () if way["failing_since"]}
    told = [channel for channel, told in one["told"].items() if told["state"] in _OPEN]
    names = [f"{channel} (fails)" if channel in failing else channel for channel in told]
    if audience is None:
        return ", ".join(names) or "nobody"
    ways = [way for way in audience if way["enabled"] and (not way["after"] or way["hush"])]
    hushed = [way for way in ways if way["hush"]]
    reasons = ", ".join(dict.fromkeys(_briefly(way["hush"], now) for way in hushed))
    if names:
        return f"{', '.join(names)}; now {reasons}" if hushed else ", ".join(names)
    if not ways:
        return "nobody: no channel for it"
    return f"nobody: {reasons}" if len(hushed) == len(ways) else "nobody yet"


def _briefly(hush: Told, now: datetime) -> str:
    return f"{QUIET[hush['reason']]}{_left(hush['until'], now)}"


def _left(until: str | None, now: datetime) -> str:
    from salus.cli.output import parse_instant, span

    end = parse_instant(until)
    return f", {span((end - now).total_seconds())} more" if end and end > now else ""


# ── One alert ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def audience(one: Told, now: datetime) -> Table:
    """Return one line for each channel that an alert goes to, or went to."""
    rows = []
    ways = one["audience"] or []
    last = {delivery["channel"]: delivery["state"] for delivery in one["notifications"]}
    for way in ways:
        told = one["told"].get(way["channel"])
        when = _told(told, last.get(way["channel"]), now) if told else _coming(way, one, now)
        rows.append([way["channel"], when, _route(way), _why(way, now)])
    for channel in [channel for channel in one["told"] if channel not in {way["channel"] for way in ways}]:
        route = "no route leads there now" if one["audience"] is not None else ""
        rows.append([channel, _told(one["told"][channel], last.get(channel), now), route, ""])
    return _ways("told", rows, spare=["route"])


def would_hear(ways: list[Told], now: datetime) -> Table:
    """Return one line for each channel that an alert would go to."""
    from salus.cli.output import span

    rows = [
        [way["channel"], f"after {span(way['after'])}" if way["after"] else "at once", _route(way), _why(way, now)]
        for way in ways
    ]
    return _ways("hears", rows, spare=())


def _ways(when: str, rows: list[list[str]], spare: Sequence[str]) -> Table:
    """Return a table of channels; a column in which nothing stands is left out."""
    from salus.cli.output import Table

    columns = ["channel", when, "route", "not now because"]
    filled = [place for place in range(len(columns)) if place == 0 or any(row[place] for row in rows)]
    shown = [columns[place] for place in filled]
    kept = [[row[place] for place in filled] for row in rows]
    return Table(shown, rows=[*kept], wrapped=shown[1:], spare=[name for name in spare if name in shown])


def _route(way: Told) -> str:
    return f"{way['route']}: {way['why']}"


def _told(told: Told, delivery: str | None, now: datetime) -> str:
    from salus.cli.output import ago, parse_instant

    count = f", {told['count']} times in all" if told["count"] > 1 else ""
    return f"{told['state']} {ago(parse_instant(told['at']), now)}{count}{_NOT_THERE.get(delivery or '', '')}"


def _coming(way: Told, one: Told, now: datetime) -> str:
    from salus.cli.output import parse_instant, span

    if not way["enabled"]:
        return ""
    if not way["after"]:
        return "not yet"
    if one["state"] == "acknowledged":
        return "no: somebody has it"
    fired = parse_instant(one["fired_at"])
    left = way["after"] - (now - fired).total_seconds() if fired else way["after"]
    return f"in {span(round(left))}, unless somebody takes it" if left >= 1 else "not yet"


def _why(way: Told, now: datetime) -> str:
    if not way["enabled"]:
        return "the channel is switched off"
    hush = way["hush"]
    if not hush:
        return "nothing gets through to it" if way["failing_since"] else ""
    return f"{hush['detail'] or QUIET[hush['reason']]}{_left(hush['until'], now)}"


def notifications(deliveries: list[Told], now: datetime) -> Table:
    """Return one line for each notification about an alert, the oldest first."""
    from salus.cli.output import Table, Word, ago, parse_instant, span

    table = Table(["notified", "channel", "of", "delivery", "tries", "remark"], spare=["tries"])
    for one in deliveries:
        made, ended = parse_instant(one["created_at"]), parse_instant(one["ended_at"])
        late = round((ended - made).total_seconds()) if made and ended else 0
        remark = f"arrived {span(late)} later" if one["state"] == "sent" and late else one["error"]
        delivery, tries = Word("given_up" if one["state"] == "dead" else one["state"]), str(one["attempts"])
        table.rows.append([ago(made, now), one["channel"], one["occasion"], delivery, tries, remark])
    return table
