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
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word that has a look: an icon and a colour on a terminal, itself elsewhere."""

    text: str


Cell = str | Word


@dataclass(slots=True)
class Table:
    """Columns and rows. The last column takes what room is left."""

    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)

    def show(self) -> None:
        """Print it, if there is anything in it."""
        if not self.rows:
            return
        if terminal():
            self._show_rich()
        else:
            click.echo("\n".join(self.plain()))

    def plain(self) -> list[str]:
        """Return its lines as plain text, columns aligned, two blanks apart."""
        lines = [[column.upper() for column in self.columns]]
        lines += [[_plain(cell) for cell in row] for row in self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        return [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]

    def _show_rich(self) -> None:
        from rich import box
        from rich.table import Table as RichTable

        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in self.columns:
            table.add_column(column, overflow="fold", no_wrap=column != self.columns[-1])
        for row in self.rows:
            table.add_row(*(_rich(cell) for cell in row))
        console().print(table)


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
    return " ".join((cell.text if isinstance(cell, Word) else cell).split("\n")) or NOTHING


def _rich(cell: Cell) -> Text:
    from rich.text import Text

    if isinstance(cell, Word):
        icon, style = LOOKS.get(cell.text, ("", ""))
        return Text(f"{icon} {cell.text}" if icon else cell.text, style=style)
    return Text(cell or NOTHING, style="" if cell else "bright_black")


# ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ago(then: datetime | None, now: datetime) -> str:
    """Write how long ago something was: ``12 s ago``, ``3h12m ago``."""
    if then is None:
        return NOTHING
    seconds = (now - then).total_seconds()
    if seconds < 1:
        return "now" if seconds > -1 else f"in {span(-seconds)}"
    return f"{span(seconds)} ago"


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
