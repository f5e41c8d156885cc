"""Pages of text: all about one check, and the help. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.text import Text

from salus.cli.top.lines import Cell, line, since, wrapped
from salus.cli.top.picture import Explained, Told, instant
from salus.cli.top.sections import Frame, progress
from salus.units import format_duration, format_size

_LOOKS_SHOWN = 10
_LABEL = 14
_ALL_LOOKS = 31
_MANY = 100_000
_DIM = "bright_black"

KEYS = (
    ("q", "quit"),
    ("up, down", "choose a row; PgUp, PgDn, Home, End go further"),
    ("tab", "the next section; shift-tab the one before"),
    ("enter", "all about the check of this row: what it says, why its rule acts or does not"),
    ("f", "only checks that fail, or all"),
    ("/", "search in names, messages and tags; Enter keeps what was typed"),
    ("Esc", "back, or show everything again"),
    ("r", "look at this check now"),
    ("h", "heal: run the rule of this check now (asks first)"),
    ("a", "take the alert about this upon yourself"),
    ("p", "pause all automatic recovery, or let it go on (asks first)"),
    ("?", "this page"),
)


def help_page(frame: Frame, width: int) -> list[Text]:
    """Draw what the keys do, and what the signs mean."""
    look = frame.look
    drawn = [line([Cell(key, "bold cyan", 10), Cell(what)], width, look) for key, what in KEYS]
    drawn.append(Text(end=""))
    signs = Text("looks, the newest to the right: ", end="", no_wrap=True)
    for letter, word in (("h", "healthy"), ("d", "degraded"), ("u", "unhealthy"), ("?", "could not tell")):
        signs.append_text(look.bars(letter, 1))
        signs.append(f" {word}   ")
    signs.truncate(width)
    drawn.append(signs)
    text = "r, h, a and p need the role operator. Every one of them is noted in the ledger, with who it was."
    return [*drawn, *(Text(one, end="", no_wrap=True) for one in wrapped(text, width, look))]


def check_page(frame: Frame, width: int) -> list[Text]:
    """Draw all about the check that is looked at closely."""
    told = frame.picture.check(frame.ui.check)
    if told is None:
        return [Text(frame.look.said(f"there is no check {frame.ui.check} any more (Esc goes back)"), end="")]
    found = frame.picture.explained
    mine = found if found and found.check == told["name"] else None
    return [
        *_itself(told, frame, width),
        *_healing(told, frame, width),
        *_why(mine, frame, width),
        *_looks(mine, frame, width),
    ]


def _itself(told: Told, frame: Frame, width: int) -> Iterator[Text]:
    look = frame.look
    word, style = look.word(told["status"])
    head = Text.assemble((look.said(told["name"]), "bold"), "  ", (word, f"bold {style}"), end="", no_wrap=True)
    lasts = since(instant(told["since"]), frame.now)
    head.append(f"  for {lasts}" if lasts else "")
    for mark in ("critical", "healing", "flapping"):
        head.append(f"  {mark}" if told[mark] else "", style="bold")
    head.truncate(width)
    yield head
    yield from _fact("says", told["message"] or "nothing yet", frame, width)
    recent = told.get("recent", "")
    if recent:
        drawn = Text("last looks".ljust(_LABEL), style=_DIM, end="", no_wrap=True)
        drawn.append_text(look.bars(recent, min(_ALL_LOOKS, width - _LABEL)))
        yield drawn
    every = f"every {format_duration(told['interval'])}, at most {format_duration(told['timeout'])} long"
    took = f", the last one took {format_duration(told['duration'])}" if told["duration"] is not None else ""
    yield from _fact("is looked at", every + took, frame, width)
    yield from _fact("numbers", ", ".join(number(name, one) for name, one in told["metrics"].items()), frame, width)
    for label in ("description", "kind", "service"):
        yield from _fact(label, told[label] or "", frame, width)
    yield from _fact("depends on", ", ".join(told["depends_on"]), frame, width)
    yield from _fact("tags", ", ".join(told["tags"]), frame, width)
    for one in frame.picture.part("alerts"):
        if one["check"] == told["name"]:
            yield from _fact("alert", f"{one['level']}, {one['state']}: {one['summary']}", frame, width)


def _healing(told: Told, frame: Frame, width: int) -> Iterator[Text]:
    for one in frame.picture.part("recoveries"):
        if one["check"] == told["name"]:
            lasts = since(instant(one["started_at"]), frame.now)
            yield from _fact("healing", f"for {lasts}, {progress(one, frame)}", frame, width)


def _why(found: Explained | None, frame: Frame, width: int) -> Iterator[Text]:
    yield Text(end="")
    if found is None:
        yield Text("asking why its rules act or do not ...", style=_DIM, end="")
        return
    if found.trouble:
        yield from _fact("rules", found.trouble, frame, width)
    elif not found.rules:
        yield from _fact("rules", "no rule watches it: Salus looks, tells, and never acts", frame, width)
    for one in found.rules:
        for place, text in enumerate(wrapped(one["verdict"], width, frame.look)):
            yield Text(text if not place else f"  {text}", style="bold", end="", no_wrap=True)
        yield from _stages(one, frame, width)


def _stages(one: Told, frame: Frame, width: int) -> Iterator[Text]:
    passed = 0
    for stage in one["stages"]:
        if stage["passes"]:
            passed += 1
            continue
        word, style = frame.look.word("refuses")
        cells = [Cell(f"  {word}", style, 11), Cell(f"{stage['question']} {stage['detail']}".strip())]
        yield line(cells, width, frame.look)
    word, style = frame.look.word("pass")
    yield line([Cell(f"  {word}", style, 11), Cell(f"{passed} of {len(one['stages'])} stages")], width, frame.look)
    if one["remedy"]:
        yield line([Cell("  to change it", _DIM, 14), Cell(one["remedy"])], width, frame.look)


def _looks(found: Explained | None, frame: Frame, width: int) -> Iterator[Text]:
    if found is None or not found.looks:
        return
    yield Text(end="")
    yield Text("looks that were kept, the newest first", style=_DIM, end="")
    for one in found.looks[:_LOOKS_SHOWN]:
        word, style = frame.look.word(one["status"])
        cells = [Cell(f"  {frame.look.clock(instant(one['at']))}", "", 10), Cell(word, style, 11)]
        cells += [Cell(format_duration(one["duration"]), "", 8, right=True), Cell(one["message"])]
        yield line(cells, width, frame.look)


def _fact(label: str, text: str, frame: Frame, width: int) -> Iterator[Text]:
    if not text:
        return
    for place, part in enumerate(wrapped(text, width - _LABEL, frame.look)):
        drawn = Text(("" if place else label).ljust(_LABEL), style=_DIM, end="", no_wrap=True)
        drawn.append(part, style="default")
        yield drawn


def number(name: str, told: Mapping[str, object]) -> str:
    """Write a number with its unit for a person: ``response time 11 ms``, ``free ratio 62%``."""
    value, unit = float(str(told["value"])), str(told["unit"])
    written = f"{value:,.0f}" if abs(value) >= _MANY else f"{value:g}"
    if unit in ("seconds", "s") and value >= 0:
        written = format_duration(value)
    elif unit in ("bytes", "bytes_per_second") and value >= 0:
        written = format_size(value) + ("/s" if unit != "bytes" else "")
    elif unit == "ratio":
        written = f"{value:.0%}"
    elif unit:
        written = f"{written} {unit.replace('_', ' ')}"
    return f"{name.replace('_', ' ')} {written}"
