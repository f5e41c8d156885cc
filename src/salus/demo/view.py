"""The live page: who runs, what every check says, the fault under way step by step, and the faults behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from salus.demo import table
from salus.demo.agent import Event, RunningSalus, Status, at
from salus.demo.shop import Shop
from salus.demo.tour import Result, Tour
from salus.errors import SalusError
from salus.units import format_duration

_FRAMES = 12
_ASK_EVERY = 0.2
_WIDE, _NARROW_CHECKS = 110, 34
_LOOKS: Mapping[str, tuple[str, str]] = {
    "healthy": ("●", "green"),
    "degraded": ("▲", "yellow"),
    "unhealthy": ("✖", "bold red"),
    "unknown": ("?", "dim"),
    "running": ("●", "green"),
    "starting": ("◌", "yellow"),
    "stopping": ("◌", "yellow"),
    "exited": ("✖", "bold red"),
    "stopped": ("✖", "bold red"),
}


class View:
    """Draws the page again and again, from a thread of its own, while the block runs."""

    def __init__(self, tour: Tour, shop: Shop, salus: RunningSalus, console: Console | None = None) -> None:
        """Show that tour."""
        self._tour = tour
        self._shop = shop
        self._salus = salus
        self._console = console or Console()
        self._status: Status = {}
        self._asked = 0.0
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(
            get_renderable=self.page, console=self._console, refresh_per_second=_FRAMES, screen=True, transient=True
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self._live.__exit__(kind, error, trace)

    def page(self) -> RenderableType:
        """Draw the page as it is at this moment."""
        self._ask()
        height = self._console.size.height
        checks = len(self._status.get("checks", ())) or 13
        page, middle = Layout(), Layout(size=min(checks + 4, max(8, height - 8)))
        left = Layout(self._checks(), size=_NARROW_CHECKS) if self._narrow else Layout(self._checks(), ratio=5)
        middle.split_row(left, Layout(self._now(), ratio=6))
        below = height - 3 - (middle.size or 0)
        page.split_column(Layout(self._header(), size=3), middle, Layout(self._past(max(1, below - 4))))
        return page

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked >= _ASK_EVERY:
            self._asked = now
            with contextlib.suppress(SalusError):  # it is stopping; the last answer stays on the page
                self._status = self._salus.status()

    # ── the parts of the page ─────────────────────────────────────────────────────────────────────────────────────────

    def _header(self) -> RenderableType:
        overall = self._status.get("overall", {})
        line = Text.assemble(("Salus demo", "bold"), "   ")
        line.append_text(_word(str(overall.get("status", "unknown"))))
        line.append(f"   faults healed {sum(result.ok for result in self._tour.results)} of {len(self._tour.results)}")
        line.append("   Ctrl-C ends   ")
        line.append("a shop of real processes, broken on purpose", style="dim")
        services = Text()
        for service in self._status.get("services", ()):
            icon, style = _LOOKS.get(service["state"], ("?", "dim"))
            services.append(f"{icon} ", style=style)
            services.append(f"{service['name']} ", style="bold")
            services.append(f"{service['pid'] or service['state']}   ")
        ports = self._shop.ports
        services.append(f"http://127.0.0.1:{ports['web']}/  health: http://127.0.0.1:{ports['salus']}/health", "dim")
        lines = (line, services, Text(f"config {self._shop.config}", style="dim"))
        for text in lines:
            text.no_wrap, text.overflow = True, "ellipsis"
        return Group(*lines)

    def _checks(self) -> RenderableType:
        grid = Table(box=None, expand=True, show_header=False, padding=(0, 1))
        grid.add_column(no_wrap=True, width=11)
        grid.add_column(no_wrap=True, width=14)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for check in self._status.get("checks", ()):
            said = "" if self._narrow else self._short(check["message"])
            message = Text(said, style="dim" if check["status"] == "healthy" else "")
            name = Text(check["name"], style="bold" if check["healing"] else "")
            grid.add_row(_word(check["status"]), name, message)
        return Panel(grid, title="Checks", title_align="left", border_style="dim")

    def _now(self) -> RenderableType:
        tour = self._tour
        result = tour.current or (tour.results[-1] if tour.results else None)
        if result is None:
            return Panel(
                Text("Everything is well. The first fault comes in a moment."), title="Now", title_align="left"
            )
        grid = Table(box=None, expand=True, show_header=False, padding=(0, 1))
        grid.add_column(justify="right", no_wrap=True, width=8)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_row("0 ms", Text(result.fault.story, overflow="fold", no_wrap=False))
        for when, what in self._steps(result):
            grid.add_row(when, what)
        style = "yellow" if not result.done else "green" if result.ok else "red"
        title = result.fault.title if result.done else f"Now: {result.fault.title}"
        return Panel(grid, title=title, title_align="left", border_style=style)

    def _steps(self, result: Result) -> Iterator[tuple[str, RenderableType]]:
        running: Event | None = None
        for event in self._tour.events.since(self._tour.mark):
            if event["kind"] == "action_started":
                running = event
            elif event["kind"] == "action_finished":
                running = None
            if text := _sentence(event, self._short(event["message"])):
                yield format_duration(max(0.0, at(event) - result.injected_at)), text
        if running is not None:
            self._spinner.update(text=f"{running['action']} {format_duration(time.time() - at(running))}")
            yield format_duration(time.time() - result.injected_at), self._spinner
        elif not result.done:
            yield format_duration(time.time() - result.injected_at), Text("...", style="dim")
        if result.done:
            for problem in result.problems:
                yield "", Text(f"! {problem}", style="red")
            if result.ok:
                yield "", Text("looked at from outside: it works again, nothing else was touched", style="green")

    def _past(self, rows: int) -> RenderableType:
        grid = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False)
        for name, justify in table.columns(brief=self._narrow):
            grid.add_column(name, justify=justify, no_wrap=True, overflow="ellipsis")
        for result in self._tour.results[-rows:]:
            *first, last = table.cells(result, brief=self._narrow)
            grid.add_row(*first, Text(last, style="green" if result.ok else "bold red"))
        return grid

    @property
    def _narrow(self) -> bool:
        return self._console.size.width < _WIDE

    def _short(self, message: str) -> str:
        return message.replace(f"{self._shop.folder}/", "")


def _word(status: str) -> Text:
    """Write a status with icon, word and colour, so that none of the three is needed alone."""
    icon, style = _LOOKS.get(status, ("?", "dim"))
    return Text(f"{icon} {status}", style=style)


def _sentence(event: Event, said: str) -> Text | None:
    """Write one event as a step; None for those that only repeat another."""
    kind, check = event["kind"], event.get("check", "")
    if kind == "status_changed":
        _, style = _LOOKS.get(str(event.get("new")), ("?", ""))
        return Text.assemble((f"{check}: {event.get('new')}", style), f"  {said}")
    if kind == "recovery_started":
        return Text(f"recovery of {check}, {said.partition(':')[0]}", style="cyan")
    if kind == "recovery_refused":
        return Text(f"{check} is left alone: {said}", style="magenta")
    if kind == "action_finished":
        return Text(f"  {said}", style="cyan")
    if kind == "verified":
        return Text(f"  {said}", style="cyan")
    if kind == "recovery_finished":
        return Text(f"{check}: {said}", style=_outcome_style(event))
    return None


def _outcome_style(event: Mapping[str, Any]) -> str:
    return {"recovered": "bold green", "cancelled": "magenta"}.get(str(event.get("reason")), "bold red")
