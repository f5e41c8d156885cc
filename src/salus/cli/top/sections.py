"""The rows of each section as lines, and how much room each section gets. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from salus.cli.output import span
from salus.cli.top.keys import Ui
from salus.cli.top.lines import Cell, Look, line, since, ticking
from salus.cli.top.picture import Done, Picture, Told, instant
from salus.cli.top.rows import Row, Section, rows

TITLES: Mapping[Section, str] = {
    Section.ATTENTION: "needs attention",
    Section.RECOVERIES: "healing now",
    Section.CHECKS: "checks",
    Section.SERVICES: "services",
    Section.ALERTS: "alerts",
    Section.EVENTS: "last events",
}
_WORD = 11
_LONGEST_NAME = 28
_EVENTS_AT_ONCE = 10
_WEIGHTS = {Section.ATTENTION: 2, Section.RECOVERIES: 2}
_FOCUSED = 3
_WIDE, _NARROW = 80, 64
_MESSAGE = "bright_black"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is drawn, and into what.

    Attributes:
        picture: what is known.
        ui: what is looked at.
        now: what the agent's clock says.
        look: what the terminal can show.
        still: nothing is chosen and everything is shown: a picture to print.
        silent: seconds since the agent answered last.
        said: what became of what was asked for last, as long as that is news.
    """

    picture: Picture
    ui: Ui
    now: datetime
    look: Look
    still: bool = False
    silent: float = 0.0
    said: Done | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How many columns a row has, and how many of them a name."""

    width: int
    name: int


def share(room: int, wants: Mapping[Section, int], focus: Section) -> dict[Section, int]:
    """Return how many rows each section gets, its title not counted; those that get none are not in it.

    1. The section in focus gets a title and three rows, then the others in their order a title and one row.
    2. What is left goes round: three rows at a time for the one in focus, two for what is urgent, one for the rest.
    """
    order = sorted((one for one in wants if wants[one]), key=lambda one: (one is not focus, list(Section).index(one)))
    given: dict[Section, int] = {}
    for one in order:
        if room >= 2:
            given[one] = min(_FOCUSED, wants[one], room - 1) if one is focus else 1
            room -= 1 + given[one]
    while room > 0 and any(given[one] < wants[one] for one in given):
        for one, had in given.items():
            weight = _FOCUSED if one is focus else _WEIGHTS.get(one, 1)
            more = min(weight, wants[one] - had, room)
            given[one] = had + more
            room -= more
    return given


def pane(frame: Frame, sections: Iterable[Section], width: int, height: int) -> list[Text]:
    """Draw sections below each other; says which have no room."""
    found = {one: rows(frame.picture, one, frame.ui.sieve) for one in sections}
    wants = {one: _wanted(frame, one, some) for one, some in found.items()}
    given = share(height, wants, frame.ui.focus)
    left_out = [one for one in wants if wants[one] and one not in given]
    if left_out and height > 2:
        given = share(height - 1, wants, frame.ui.focus)
        left_out = [one for one in wants if wants[one] and one not in given]
    drawn: list[Text] = []
    for section, some in found.items():
        if section in given:
            drawn += _section(frame, section, some, given[section], width)
    if left_out and len(drawn) < height:
        names = ", ".join(_counted(len(found[one]), TITLES[one]) for one in left_out)
        drawn.append(line([Cell(f"  no room for {names} (tab goes there)", _MESSAGE)], width, frame.look))
    return drawn


def _counted(count: int, title: str) -> str:
    return f"{count} {title.removesuffix('s') if count == 1 else title}"


def _wanted(frame: Frame, section: Section, some: Sequence[Row]) -> int:
    if frame.still and section is Section.EVENTS:
        return min(len(some), _EVENTS_AT_ONCE)
    empty = section is Section.ATTENTION or (section is Section.CHECKS and frame.ui.sieve.holds_back)
    return len(some) or (1 if empty else 0)


def _section(frame: Frame, section: Section, some: Sequence[Row], room: int, width: int) -> list[Text]:
    focused = section is frame.ui.focus and not frame.still
    at = frame.ui.cursor(section).among(some)
    start = max(0, min(at - room // 2, len(some) - room)) if focused else 0
    shown = some[start : start + room]
    drawn = [_title(frame, section, len(some), len(some) - len(shown), width)]
    if not shown:
        drawn.append(_nothing(frame, section, width))
    longest = max((cell_len(str(row.told.get("name", row.check))) for row in some), default=0)
    for place, row in enumerate(shown, start):
        marker = frame.look.sign("▌", ">") if focused and place == at else " "
        text = Text(no_wrap=True, end="")
        text.append(f"{marker} ", style="bold cyan")
        columns = Room(width - 2, min(longest + 1, _LONGEST_NAME, max(12, width // 4)))
        text.append_text(line(_CELLS[section](row.told, frame, columns), width - 2, frame.look))
        if marker != " ":
            text.stylize("bold")
        drawn.append(text)
    return drawn


def _title(frame: Frame, section: Section, count: int, hidden: int, width: int) -> Text:
    look, focused = frame.look, section is frame.ui.focus and not frame.still
    parts = [f"{TITLES[section]} {count}" if count else TITLES[section]]
    sieve = frame.ui.sieve
    if sieve.failing and section is Section.CHECKS:
        parts.append("only failing")
    if sieve.text:
        parts.append(f"with {sieve.text!r}")
    if hidden:
        parts.append(f"{hidden} not shown")
    dot, bar = look.sign("·", "-"), look.sign("─", "-")
    text = f"{bar * 2} {f' {dot} '.join(parts)} "
    style = "bold cyan" if focused else "bold"
    drawn = line([Cell(text.rstrip(), style)], min(width, len(text) - 1), look)
    drawn.append(" " + bar * max(0, width - drawn.cell_len), style="cyan" if focused else _MESSAGE)
    drawn.truncate(width)
    return drawn


def _nothing(frame: Frame, section: Section, width: int) -> Text:
    icon, style = frame.look.icon("healthy")
    if frame.ui.sieve.holds_back:
        return line([Cell("  nothing that is searched for (Esc shows all)", _MESSAGE)], width, frame.look)
    return line([Cell(f"  {icon} nothing", style)], width, frame.look) if section is Section.ATTENTION else Text(end="")


# ── a row of each section, as cells ───────────────────────────────────────────────────────────────────────────────────


def _word(frame: Frame, word: str, width: int = _WORD) -> Cell:
    text, style = frame.look.word(word)
    return Cell(text, style, width)


def _name(told: Told, room: Room) -> Cell:
    return Cell(told["name"], "bold" if told["critical"] else "", room.name)


def _attention(told: Told, frame: Frame, room: Room) -> list[Cell]:
    marks = [word for word in ("healing", "flapping") if told[word]] + _wants(told["name"], frame.picture)
    dot = frame.look.sign(" · ", " - ")
    message = dot.join([*marks, told["message"] or "not looked at yet"])
    lasts = Cell(since(instant(told["since"]), frame.now), "", 7, right=True)
    return [_word(frame, told["status"]), lasts, _name(told, room), Cell(message)]


def _wants(check: str, picture: Picture) -> list[str]:
    """Say what the rules of a check want of a person."""
    mine = [one for one in picture.part("rules") if one["check"] == check]
    asking = [one["name"] for one in mine if one["approval"] and one["approval"]["answer"] == "waiting"]
    gone = [one["name"] for one in mine if one["exhausted_since"]]
    found = [f"rule {name} asks for a yes (salus approve {name})" for name in asking]
    return found + [f"rule {name} has given up" for name in gone]


def _check(told: Told, frame: Frame, room: Room) -> list[Cell]:
    look, recent = frame.look, told.get("recent", "")
    bars = 24 if room.width >= 110 else 12
    took = span(told["duration"]) if told["duration"] is not None else ""
    cells = [_word(frame, told["status"]), _name(told, room)]
    cells += [Cell(look.bars(recent, bars), "", bars, right=True), Cell(took, "", 8, right=True)]
    if room.width >= _NARROW:
        cells.append(Cell(since(instant(told["since"]), frame.now), "", 7, right=True))
    if room.width >= _WIDE:
        cells.append(Cell(told["message"], _MESSAGE if told["status"] == "healthy" else ""))
    return cells


def _recovery(told: Told, frame: Frame, room: Room) -> list[Cell]:
    icon, style = frame.look.icon("starting")
    clock = Cell(ticking(instant(told["started_at"]), frame.now), "", 7, right=True)
    return [Cell(icon, style, 1), clock, Cell(told["check"], "bold", room.name), Cell(progress(told, frame))]


def progress(told: Told, frame: Frame) -> str:
    """Say how far a recovery is: its rule, its attempt, and the step that runs."""
    rule = next((one for one in frame.picture.part("rules") if one["name"] == told["rule"]), None)
    parts = [f"rule {told['rule']}"]
    if rule is None:
        parts.append(f"attempt {told['attempt']}")
    elif told["ladder"] == 0:
        parts.append("it gave up, and does what is left to do")
        parts.append(_step(told, rule["on_exhausted"]))
    else:
        most = f" of {rule['max_recovery_attempts']}" if rule["max_recovery_attempts"] else ""
        parts.append(f"attempt {told['attempt']}{most}")
        ladders = rule["ladders"]
        parts.append(_step(told, ladders[min(told["ladder"], len(ladders)) - 1] if ladders else []))
    return ", ".join(part for part in parts if part)


def _step(told: Told, ladder: Sequence[str]) -> str:
    step = min(len(told["steps"]) + 1, len(ladder))
    return f"step {step} of {len(ladder)}: {ladder[step - 1]}" if step else ""


def _service(told: Told, frame: Frame, room: Room) -> list[Cell]:
    pid = f"pid {told['pid']}" if told["pid"] else ""
    count = told["starts"]
    cells = [_word(frame, told["state"]), Cell(told["name"], "", room.name), Cell(pid, "", 11)]
    cells.append(Cell(since(instant(told["since"]), frame.now), "", 7, right=True))
    cells.append(Cell(f"{count} start{'' if count == 1 else 's'}", "", 10, right=True))
    unwanted = "" if told["wanted"] else "stopped by a person"
    known = f"process {told['pid']}" in told["message"]  # its pid stands there already
    return [*cells, Cell(unwanted if known else told["message"] or unwanted, _MESSAGE)]


def _alert(told: Told, frame: Frame, room: Room) -> list[Cell]:
    taken = told["state"] == "acknowledged"
    by = f" (taken by {told['acknowledged_by'] or 'somebody'})" if taken else ""
    lasts = Cell(since(instant(told["first_seen"]), frame.now), "", 7, right=True)
    state = _word(frame, told["state"], 14)
    cells = [_word(frame, told["level"]), state if room.width >= _NARROW or taken else None, lasts]
    return [*(cell for cell in cells if cell), Cell(f"{told['summary']}{by}")]


def _event(told: Told, frame: Frame, room: Room) -> list[Cell]:
    cells = [Cell(frame.look.clock(instant(told["at"])), _MESSAGE, 8)]
    if room.width >= _NARROW:
        cells.append(Cell(told["kind"].replace("_", " "), _event_style(told), 18))
    return [*cells, Cell(happened(told), _event_style(told) if room.width < _NARROW else "")]


def happened(told: Told) -> str:
    """Say what happened, and to what."""
    subject = next((told[name] for name in ("check", "service", "rule") if told.get(name)), "")
    kind, message = told["kind"].replace("_", " "), told["message"]
    if told["kind"] == "status_changed":
        kind = f"{subject} is {told.get('new', 'changed')}"
        return f"{kind}: {message}" if message else kind
    if not message:
        return f"{subject}: {kind}" if subject else kind
    return message if not subject or message.startswith(subject) else f"{subject}: {message}"


def _event_style(told: Told) -> str:
    word = told.get("new") or told.get("reason") or ""
    if told["kind"] == "status_changed":
        return Look().icon(str(word))[1]
    if told["kind"] == "recovery_finished":
        return "green" if word == "recovered" else "red"
    return "cyan" if told["kind"].startswith(("recovery_started", "action_", "verified")) else ""


_CELLS: Mapping[Section, Callable[[Told, Frame, Room], list[Cell]]] = {
    Section.ATTENTION: _attention,
    Section.RECOVERIES: _recovery,
    Section.CHECKS: _check,
    Section.SERVICES: _service,
    Section.ALERTS: _alert,
    Section.EVENTS: _event,
}
