"""The whole screen: how it is as a whole, who speaks, the sections or a page of text, a line at the bottom. Pure."""

from __future__ import annotations

from rich.text import Text

from salus.cli.output import span
from salus.cli.top.details import check_page, help_page
from salus.cli.top.holds import holds
from salus.cli.top.keys import Page
from salus.cli.top.lines import Cell, Look, beside, fit, line, since
from salus.cli.top.picture import Picture, instant
from salus.cli.top.rows import Section, rows
from salus.cli.top.sections import Frame, pane

TWO_COLUMNS = 130
_LEFT = (Section.ATTENTION, Section.RECOVERIES, Section.CHECKS)
_RIGHT = (Section.SERVICES, Section.ALERTS, Section.EVENTS)
_STATUSES = ("healthy", "degraded", "unhealthy", "unknown")
_WITHHELD = {"services": "services", "rules": "rules", "alerts": "alerts", "policy": "what holds healing"}
_KEYS = "q quit|? help|enter details|tab section|/ search|f failing|r run|h heal|a ack|p pause"
_PAGE_KEYS = "Esc back|q quit|r run|h heal|a ack|p pause|up, down, PgUp, PgDn scroll"
_ENDLESS = 1 << 30


def screen(frame: Frame, width: int, height: int) -> list[Text]:
    """Draw everything.

    Args:
        frame: what is drawn.
        width: columns.
        height: lines; all of them are drawn.
    """
    head = _most_important(_head(frame, width), max(1, height // 4))
    room = max(0, height - len(head) - 1)
    body = _body(frame, width, room)[:room]
    drawn = [*head, *body, *(Text(end="") for _ in range(room - len(body)))]
    return [*drawn, _foot(frame, width)][-height:] if height > 1 else drawn[:1]


def still(frame: Frame, width: int) -> list[Text]:
    """Draw one picture to print: as long as it has to be."""
    head = [text for _, text in _head(frame, width)]
    return [*head, *_body(frame, width, _ENDLESS)]


def _body(frame: Frame, width: int, room: int) -> list[Text]:
    if frame.ui.page is not Page.OVERVIEW:
        page = help_page(frame, width) if frame.ui.page is Page.HELP else check_page(frame, width)
        for text in page:
            text.truncate(width)
        start = max(0, min(frame.ui.scroll, len(page) - room))
        return page[start : start + room]
    if width < TWO_COLUMNS or not any(rows(frame.picture, one, frame.ui.sieve) for one in _RIGHT):
        return pane(frame, Section, width, room)
    gap = frame.look.sign(" │ ", " | ")
    left = (width - len(gap)) * 55 // 100
    right = width - left - len(gap)
    return beside(pane(frame, _LEFT, left, room), pane(frame, _RIGHT, right, room), left, gap)


def most_scroll(frame: Frame, width: int, room: int) -> int:
    """Return how far down a page of text goes."""
    page = help_page(frame, width) if frame.ui.page is Page.HELP else check_page(frame, width)
    return max(0, len(page) - room)


# ── above ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _head(frame: Frame, width: int) -> list[tuple[int, Text]]:
    """Return the lines at the top, each with how soon it may be left out: the higher, the sooner."""
    picture, look = frame.picture, frame.look
    whole = picture.told["whole"]
    status, message = whole["overall"]["status"], whole["overall"]["message"]
    for said_already in ("Down: ", "Degraded: "):
        message = message.removeprefix(said_already)
    word, style = look.word(status)
    found = [(0, line([Cell(f"{word}:", f"bold {style}", len(word) + 1), Cell(message)], width, look))]
    if picture.lost:
        icon, style = look.icon("unhealthy")
        trouble = f"{icon} no answer for {span(round(frame.silent))}, trying again ({picture.lost})"
        found.append((1, line([Cell(trouble, f"bold {style}")], width, look)))
    for text in holds(frame.picture, frame.now):
        icon, style = look.icon("open")
        found.append((2, line([Cell(f"{icon} {text}", f"bold {style}")], width, look)))
    found.append((3, line([Cell(_who(frame), "bright_black")], width, look)))
    found.append((4, _counts(picture, look, width)))
    if withheld := [name for part, name in _WITHHELD.items() if part not in picture.told]:
        text = f"not shown without a token that may see it: {', '.join(withheld)}"
        found.append((5, line([Cell(text, "bright_black")], width, look)))
    return found


def _most_important(head: list[tuple[int, Text]], room: int) -> list[Text]:
    kept = sorted(range(len(head)), key=lambda place: head[place][0])[:room]
    return [head[place][1] for place in sorted(kept)]


def _who(frame: Frame) -> str:
    agent, picture = frame.picture.agent, frame.picture
    host = f"{agent['name']} on {agent['hostname']}" if agent["name"] else agent["hostname"]
    where = f"{host} ({agent['environment']})" if agent["environment"] else host
    mode = picture.told["policy"]["mode"] if "policy" in picture.told else ""
    started = instant(agent["started_at"])
    parts = [where, f"up {since(started, frame.now)}", f"mode {mode}" if mode else "", f"Salus {agent['version']}"]
    parts += [f"pid {agent['pid']}", f"you: {picture.role or 'a stranger'}"]
    if not frame.still:
        parts.append("live" if picture.listening else "asking every moment")
    return frame.look.sign(" · ", " - ").join(part for part in parts if part)


def _counts(picture: Picture, look: Look, width: int) -> Text:
    drawn = Text(end="", no_wrap=True)
    counts = picture.told["whole"]["checks"]
    for status in _STATUSES:
        icon, style = look.icon(status)
        if counts.get(status) or status == "healthy":
            drawn.append(f"{icon} {counts.get(status, 0)} {status}   ", style=style)
    services = picture.told["whole"]["services"]
    if states := ", ".join(f"{count} {state}" for state, count in services.items() if count):
        states = f"services: {states}"
        drawn.append(fit(states, max(1, width - drawn.cell_len), look))
    drawn.rstrip()
    drawn.truncate(width)
    return drawn


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _foot(frame: Frame, width: int) -> Text:
    ui, look = frame.ui, frame.look
    if ui.question is not None:
        return line([Cell(f"{ui.question.text} y or n", "bold yellow")], width, look)
    if ui.typing:
        end = look.sign("█", "_")
        text = fit(ui.sieve.text, max(1, width - 30), look)
        return line(
            [Cell(f"/{text}{end}", "bold cyan", len(text) + 4), Cell("Enter keeps it, Esc clears")], width, look
        )
    if ui.note:
        return line([Cell(ui.note, "bold")], width, look)
    if frame.said:
        return line([Cell(frame.said.says, "bold" if frame.said.good else "bold red")], width, look)
    return line([Cell(_hints(_KEYS if ui.page is Page.OVERVIEW else _PAGE_KEYS, width), "bright_black")], width, look)


def _hints(keys: str, width: int) -> str:
    """Return what the keys do, as many of them as there is room for."""
    shown = ""
    for hint in keys.split("|"):
        longer = f"{shown}  {hint}" if shown else hint
        if len(longer) > width:
            break
        shown = longer
    return shown
