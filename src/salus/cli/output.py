"""Words, tables and colours: Rich where a person looks, plain and stable text where a script does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from salus.cli.common import terminal
from salus.units import format_duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

NOTHING = "-"
_NARROWEST = 16
_GAP = 3
_SHARE = 3  # of a terminal: a column that takes more than this part of it is broken, whatever is in it

# word -> (icon, style): never colour alone.
LOOKS = {
    "healthy": ("✓", "green"),
    "degraded": ("!", "yellow"),
    "unhealthy": ("✗", "red"),
    "unknown": ("?", "bright_black"),
    "running": ("✓", "green"),
    "starting": ("…", "yellow"),
    "stopping": ("…", "yellow"),
    "stopped": ("■", "bright_black"),
    "exited": ("✗", "red"),
    "recovered": ("✓", "green"),
    "not_recovered": ("✗", "red"),
    "timed_out": ("✗", "red"),
    "failed": ("✗", "red"),
    "cancelled": ("■", "yellow"),
    "interrupted": ("■", "yellow"),
    "ok": ("✓", "green"),
    "exhausted": ("✗", "red"),
    "skipped": ("■", "yellow"),
    "pass": ("✓", "green"),
    "refuses": ("✗", "red"),
    "on": ("✓", "green"),
    "off": ("■", "yellow"),
    "open": ("■", "yellow"),
    "approved": ("✓", "green"),
    "rejected": ("✗", "red"),
    "waiting": ("…", "yellow"),
    "firing": ("✗", "red"),
    "flapping": ("!", "red"),
    "pending": ("…", "yellow"),
    "acknowledged": ("■", "cyan"),
    "resolved": ("✓", "green"),
    "critical": ("✗", "red"),
    "warning": ("!", "yellow"),
    "info": ("·", "blue"),
    "works": ("✓", "green"),
    "fails": ("✗", "red"),
    "sent": ("✓", "green"),
    "given_up": ("✗", "red"),
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word that has a look: an icon and a colour on a terminal, itself elsewhere."""

    text: str

    @property
    def shown(self) -> str:
        """Return it as a person writes it."""
        return self.text.replace("_", " ")


Cell = str | Word


@dataclass(slots=True)
class Table:
    """Columns and rows.

    Attributes:
        columns: their names.
        rows: one cell for each column.
        wrapped: columns whose text may be broken on a terminal; the last one unless told otherwise.
        spare: columns that a narrow terminal goes without, the first of them first.
    """

    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    wrapped: Sequence[str] = ()
    spare: Sequence[str] = ()

    def show(self, *, after_blank: bool = False) -> None:
        """Print it, if there is anything in it."""
        if not self.rows:
            return
        if terminal():
            self._show_rich()  # comes with a blank line of its own
        else:
            click.echo("\n".join([""] * after_blank + self.plain()))

    def plain(self) -> list[str]:
        """Return its lines as plain text, columns aligned, two blanks apart."""
        lines = [[column.upper() for column in self.columns]]
        lines += [[_plain(cell) or NOTHING for cell in row] for row in self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        return [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]

    def _show_rich(self) -> None:
        from rich import box
        from rich.table import Table as RichTable

        out = console()
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        shown = self._fitting(out.width)
        for place in shown:
            name = self.columns[place]
            free = name in (self.wrapped or self.columns[-1:]) or self._width(place) > out.width // _SHARE
            table.add_column(name, overflow="fold", no_wrap=not free, min_width=None if free else self._width(place))
        for row in self.rows:
            table.add_row(*(_rich(row[place] or NOTHING) for place in shown))
        out.print(table)

    def _fitting(self, width: int) -> list[int]:
        """Return which columns a terminal of that width has room for."""
        shown = list(range(len(self.columns)))
        for name in self.spare:
            free = self.wrapped or self.columns[-1:]
            most = max(_NARROWEST, width // _SHARE)
            wide = {place: _NARROWEST if self.columns[place] in free else self._width(place) for place in shown}
            needed = sum(min(most, one) for one in wide.values())
            if needed + _GAP * len(shown) <= width:
                break
            shown.remove(self.columns.index(name))
        return shown

    def _width(self, place: int) -> int:
        return max(len(self.columns[place]), *(_rich(row[place]).cell_len for row in self.rows))


def console() -> Console:
    """Return Rich's console; it honours NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False)


def say(*parts: Cell) -> None:
    """Print one line of text and words."""
    if terminal():
        from rich.text import Text

        line = Text()
        for part in parts:
            line.append_text(_rich(part))
        console().print(line, soft_wrap=True)
    else:
        click.echo("".join(_plain(part) for part in parts))


def _plain(cell: Cell) -> str:
    return " ".join((cell.shown if isinstance(cell, Word) else cell).split("\n"))


def _rich(cell: Cell) -> Text:
    from rich.text import Text

    if isinstance(cell, Word):
        icon, style = LOOKS.get(cell.text, ("", ""))
        return Text(f"{icon} {cell.shown}" if icon else cell.shown, style=style)
    return Text(cell)


# ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ago(then: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``, ``3h12m ago``."""
    if then is None:
        return NOTHING
    seconds = (now - then).total_seconds()
    if seconds < 1:
        return "now" if seconds > -1 else f"in {span(round(-seconds))}"
    return f"{span(round(seconds))} ago"


def span(seconds: float | None) -> str:
    """Write a length of time for a person, whole seconds from one second on where minutes count."""
    if seconds is None:
        return NOTHING
    return format_duration(seconds if seconds < 10 else round(seconds))


def local(at: datetime | None) -> str:
    """Write an instant in the time zone of whoever looks; in UTC, with a Z, for a script."""
    if at is None:
        return NOTHING
    if terminal():
        return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: object) -> datetime | None:
    """Read an instant from JSON."""
    return datetime.fromisoformat(text) if isinstance(text, str) else None
