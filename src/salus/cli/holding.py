"""What holds healing, and what waits for a person: the first thing that ``salus status`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING, Any

from salus.cli.maintenance import end_command, members

if TYPE_CHECKING:
    from salus.cli.output import Table

Status = dict[str, Any]
Row = tuple[str, str | None, str | None, str, str]  # what, since, ends (instants), about what, the command for it

_MAY = {"observe": "only observe", "approve": "act once a person allows it", "auto": "act"}
MODES = {
    "observe": "rules say what they would do, and do nothing",
    "approve": "every rule waits for a person before it acts",
}


def table(told: Status, now: datetime) -> Table:
    """Return one line for each thing that holds healing or wants a person."""
    from salus.cli.output import Table, ago, parse_instant

    columns = ["attention", "since", "ends", "about", "to change it"]
    found = Table(columns, wrapped=["about", "to change it"], spare=["since"])
    for what, since, ends, about, command in _rows(told, now):
        end = parse_instant(ends)
        # A moment that has come and waits for its occasion is no news from the past.
        found.rows.append(
            [what, ago(parse_instant(since), now), ago(max(end, now) if end else None, now), about, command]
        )
    return found


def _rows(told: Status, now: datetime) -> Iterator[Row]:
    from salus.cli.output import parse_instant

    policy = told["policy"]
    if pause := policy["pause"]:
        yield "pause", pause["since"], pause["until"], _said(pause, "all recovery"), "salus resume"
    for one in policy["checks_paused"]:
        about = _said(one, f"check {one['check']}")
        yield "check paused", one["since"], one["until"], about, f"salus resume --check {quote(one['check'])}"
    for window in policy["maintenance"]:
        since = parse_instant(window["since"])
        if since and since <= now:
            about = f"{window['name']}: {_said(window, members(window))}"
            yield "maintenance", window["since"], window["until"], about, end_command(window)
    yield from _automatic(policy)
    for one in told["rules"]:
        yield from _rule(one)
    for name in policy["disabled"]:
        yield "switched off", None, None, f"rule {name}, by a person", f"salus rule enable {name}"


def _said(one: Status, what: str) -> str:
    said = ": ".join(part for part in (one["by"], one["reason"]) if part)
    return f"{what} ({said})" if said else what


def _automatic(policy: Status) -> Iterator[Row]:
    if policy["overload"]:
        yield "overload", None, None, policy["overload"], ""
    for cause in policy["causes"]:
        yield "shared cause", None, None, cause, ""
    for brake in policy["brakes"]:
        scope = "all targets" if brake["scope"] == "all" else brake["scope"].replace(":", " ")
        about = f"{scope}: {', '.join(brake['names'])} turned bad together"
        if brake["probing"]:
            about += f"; recovery {brake['probing'][:8]} is tried"
        yield "storm brake", brake["since"], brake["probe_at"], about, ""
    for circuit in policy["circuits"]:
        about = f"{circuit['action']} failed {circuit['failures']} times in a row, and is skipped"
        yield "circuit open", circuit["opened_at"], circuit["retry_at"], about, ""
    for rival in policy["rivals"]:
        yield "rival", None, None, rival, ""


def _rule(one: Status) -> Iterator[Row]:
    name, asked, recurrence = one["name"], one["approval"], one["recurrence"]
    if override := one.get("mode_override"):
        about = _said({**override, "reason": ""}, f"rule {name} may {_MAY[override['mode']]}")
        yield "mode set", override["since"], None, about, f"salus rule mode {name} config"
    if asked and asked["answer"] == "waiting":
        command = f"salus approve {asked['id']}, or salus reject {asked['id']}"
        yield "approval", asked["asked_at"], asked["expires_at"], f"rule {name} asks to heal {one['check']}", command
    if asked and asked["answer"] == "rejected":
        yield (
            "rejected",
            asked["answered_at"],
            None,
            _said({**asked, "reason": asked["note"]}, f"rule {name}"),
            (f"salus reset {name}"),
        )
    if one["exhausted_since"]:
        about = f"rule {name} has given up on {one['check']}"
        yield "gave up", one["exhausted_since"], one["half_open_at"], about, f"salus reset {name}"
    if recurrence["since"]:
        about = f"rule {name} heals {one['check']}, and it comes back: {recurrence['recoveries']} times"
        yield "recurring", recurrence["since"], None, about, ""
