"""Joins what comes in, what is typed and what is drawn, until somebody has seen enough."""

from __future__ import annotations

from dataclasses import replace
from queue import Empty, SimpleQueue

from rich.text import Text

from salus.cli.top.draw import most_scroll, screen
from salus.cli.top.feed import Feed, first
from salus.cli.top.keys import Decoder, Page, Ui, press, settled
from salus.cli.top.lines import Look
from salus.cli.top.picture import Done, Fact, Picture, fold
from salus.cli.top.reach import Reach
from salus.cli.top.screen import Screen
from salus.cli.top.sections import Frame
from salus.ports import Clock

_REDRAW = 0.25  # seconds between two pictures, unless a key was pressed
_TICK = 1.0  # the same when nothing happens: ages grow
_REST = 0.05  # within which the rest of a key's sequence comes


class Watch:
    """One person who watches one agent."""

    def __init__(self, picture: Picture, look: Look, clock: Clock) -> None:
        """Begin with that picture."""
        self.picture = picture
        self.ui = settled(Ui(), picture)
        self._look = look
        self._clock = clock
        self._decoder = Decoder()
        self._facts: SimpleQueue[Fact] = SimpleQueue()

    def tell(self, fact: Fact) -> None:
        """Take a fact, from any thread."""
        self._facts.put(fact)

    def frame(self) -> Frame:
        """Return what is to be drawn now."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        return Frame(
            picture=self.picture,
            ui=self.ui,
            now=self.picture.then(now),
            look=self._look,
            silent=monotonic - self.picture.heard,
            said=self.picture.note(monotonic),
        )

    def run(self, terminal: Screen, feed: Feed) -> None:
        """Draw, wait, take what came; until somebody has seen enough."""
        drawn = self._draw(terminal)
        fresh = False
        while not self.ui.quit:
            wait = drawn + (_REDRAW if fresh else self._tick()) - self._clock.monotonic()
            typed = terminal.keys(min(wait, _REST) if self._decoder.waiting else wait)
            if typed is None:
                return
            fresh = self._take() or fresh
            keys = self._decoder.feed(typed) if typed else self._decoder.flush()
            for key in keys:
                self._press(key, terminal, feed)
            due = _REDRAW if fresh else self._tick()
            if keys or terminal.changed or self._clock.monotonic() - drawn >= due:
                drawn = self._draw(terminal)
                fresh = False

    def _tick(self) -> float:
        return _REDRAW if self.picture.part("recoveries") else _TICK

    def _take(self) -> bool:
        """Fold what has come in; returns whether anything had."""
        found = False
        while True:
            try:
                fact = self._facts.get_nowait()
            except Empty:
                break
            self.picture = fold(self.picture, fact)
            if isinstance(fact, Done):
                self.ui = replace(self.ui, note="")  # what became of it is the news now
            found = True
        if found:
            self.ui = settled(self.ui, self.picture)
        return found

    def _press(self, key: str, terminal: Screen, feed: Feed) -> None:
        width, height = terminal.size
        self.ui, deed = press(self.ui, key, self.picture, max(1, height // 2))
        if self.ui.page is not Page.OVERVIEW and self.ui.scroll:
            most = most_scroll(self.frame(), width, max(1, height - 5))
            self.ui = replace(self.ui, scroll=min(self.ui.scroll, most))
        feed.look_closely(self.ui.check)
        if deed is not None:
            feed.do(deed)

    def _draw(self, terminal: Screen) -> float:
        width, height = terminal.size
        lines: list[Text] = screen(self.frame(), width, height)
        terminal.show(lines)
        return self._clock.monotonic()


def watch(reach: Reach, look: Look, clock: Clock) -> None:
    """Watch an agent in this terminal.

    Raises:
        SalusError: it did not answer when we began; later it is waited for.
    """
    one = Watch(first(reach, clock), look, clock)
    with Screen() as terminal:

        def tell(fact: Fact) -> None:
            one.tell(fact)
            terminal.wake()

        with Feed(reach, tell, clock) as feed:
            one.run(terminal, feed)
