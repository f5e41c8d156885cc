"""Text that fits: cells of a line, cut to the columns there are, in the signs that a terminal has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from salus.cli.output import LOOKS, span

_PLAIN_ICONS = {"✓": "+", "✗": "x", "…": "~", "■": "#", "·": "-", "!": "!", "?": "?"}
_BARS = {"h": ("▂", "green"), "d": ("▅", "yellow"), "u": ("█", "red"), "?": ("░", "bright_black")}
_PLAIN_BARS = {"h": ".", "d": "!", "u": "x", "?": "?"}


@dataclass(frozen=True, slots=True)
class Look:
    """What a terminal can show.

    Attributes:
        encoding: what it reads; what that does not have is drawn in ASCII.
        zone: the time zone of whoever looks; None: the one of this machine.
    """

    encoding: str = "utf-8"
    zone: tzinfo | None = None

    @property
    def rich(self) -> bool:
        """Tell whether it has the signs that pictures are drawn with."""
        try:
            "✓✗…■·▂▅█─│▌".encode(self.encoding)
        except (UnicodeError, LookupError):
            return False
        return True

    def said(self, text: str) -> str:
        """Return text in signs that it has."""
        if text.isascii() or self.encoding == "utf-8":
            return text
        try:
            return text.encode(self.encoding, "replace").decode(self.encoding)
        except LookupError:
            return text.encode("ascii", "replace").decode("ascii")

    def sign(self, rich: str, plain: str) -> str:
        """Return the first of two signs that it has."""
        return rich if self.rich else plain

    def icon(self, word: str) -> tuple[str, str]:
        """Return the icon of a word, and its colour."""
        icon, style = LOOKS.get(word, ("·", ""))
        return icon if self.rich else _PLAIN_ICONS[icon], style

    def word(self, word: str) -> tuple[str, str]:
        """Return a word behind its icon, and its colour."""
        icon, style = self.icon(word)
        return f"{icon} {word.replace('_', ' ')}", style

    def bars(self, recent: str, width: int) -> Text:
        """Draw the last looks, the newest to the right."""
        drawn = Text()
        for one in recent[-width:] if width else "":
            sign, style = _BARS.get(one, ("·", ""))
            drawn.append(sign if self.rich else _PLAIN_BARS.get(one, "-"), style=style)
        return drawn

    def clock(self, at: datetime | None) -> str:
        """Write the time of day."""
        return at.astimezone(self.zone).strftime("%H:%M:%S") if at else ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a line.

    Attributes:
        text: what stands in it.
        style: its colour.
        width: how many columns it takes; 0: all that are left.
        right: it stands at the right of them.
    """

    text: str | Text
    style: str = ""
    width: int = 0
    right: bool = False


def fit(text: str, width: int, look: Look) -> str:
    """Cut text to a width, and show that it was cut."""
    text = look.said(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + look.sign("…", "~") if width > 1 else set_cell_size(text, width)


def line(cells: Iterable[Cell], width: int, look: Look) -> Text:
    """Set cells beside each other, one blank between them; what does not fit is left out or cut."""
    drawn = Text(no_wrap=True, end="")
    left = width
    for cell in cells:
        gap = 1 if drawn else 0
        room = min(cell.width or left, left - gap)
        if room <= 0:
            break
        drawn.append(" " * gap)
        _append(drawn, cell, room, look)
        left -= room + gap
    return drawn


def _append(drawn: Text, cell: Cell, room: int, look: Look) -> None:
    if isinstance(cell.text, Text):
        part = cell.text.copy()
        part.truncate(room)
        blank = " " * (room - part.cell_len)
        drawn.append(blank if cell.right else "")
        drawn.append_text(part)
        drawn.append("" if cell.right else blank)
        return
    text = fit(cell.text, room, look)
    blank = " " * (room - cell_len(text))
    drawn.append(f"{blank}{text}" if cell.right else f"{text}{blank}", style=cell.style)


def beside(left: list[Text], right: list[Text], width: int, gap: str) -> list[Text]:
    """Set two columns beside each other; the left one has that width."""
    drawn = []
    for place in range(max(len(left), len(right))):
        whole = left[place].copy() if place < len(left) else Text(no_wrap=True, end="")
        whole.truncate(width)
        whole.append(" " * (width - whole.cell_len))
        whole.append(gap, style="bright_black")
        if place < len(right):
            whole.append_text(right[place])
        drawn.append(whole)
    return drawn


def since(then: datetime | None, now: datetime) -> str:
    """Write for how long something has been so."""
    if then is None:
        return ""
    seconds = round((now - then).total_seconds())
    return span(seconds) if seconds > 0 else "now"


def ticking(then: datetime | None, now: datetime) -> str:
    """Write how long something has been going on, as a clock that runs."""
    if then is None:
        return ""
    seconds = max(0.0, (now - then).total_seconds())
    return f"{seconds:.1f} s" if seconds < 60 else span(round(seconds))


def wrapped(text: str, width: int, look: Look, indent: str = "") -> list[str]:
    """Break text into lines at its blanks; a word that is too long, wherever it has to be."""
    found, current, room = [], "", max(2, width - len(indent))
    for word in (part for whole in look.said(text).split() for part in chop_cells(whole, room)):
        tried = f"{current} {word}" if current else word
        if current and cell_len(tried) > room:
            found.append(indent + current)
            tried = word
        current = tried
    return [*found, indent + current]
