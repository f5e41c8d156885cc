"""The terminal: made ready for pictures and keys, and given back as it was, whatever happens."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from io import StringIO
from types import FrameType
from typing import Self

from rich.console import Console
from rich.text import Text

# The other page of the terminal, without a cursor; and back.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[0m\x1b[?1049l"
_CHUNK = 4096
_SMALLEST = 20


class Screen:
    """A picture that changes, and the keys that are pressed.

    1. After ``__exit__`` the terminal is as it was: after an error, too, and after Ctrl-C, SIGTERM or SIGHUP, which end
       the block.
    2. Ctrl-Z gives it back, stops, and takes it again when the shell says so.
    3. Only lines that have changed are sent: a slow line and a small machine are enough.
    """

    def __init__(self, *, colour: bool = True) -> None:
        """Mean the terminal at standard input and output."""
        self._console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self._drawer = Console(
            file=StringIO(),
            force_terminal=True,
            color_system=self._console.color_system if colour else None,  # type: ignore[arg-type]  # its own word for it
            no_color=self._console.no_color,
            highlight=False,
            markup=False,
            emoji=False,
            width=1000,
        )
        self._shown: list[str] = []
        self._size = (0, 0)
        self._stop = self._again = False
        self._wake_reader, self._wake_writer = os.pipe()
        self._handlers: dict[int, object] = {}
        self._attributes: list[object] = []

    def __enter__(self) -> Self:
        """Take the terminal."""
        self._attributes = termios.tcgetattr(0)
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)
        for number, handler in _SIGNALS.items():
            self._handlers[number] = signal.signal(number, getattr(self, handler))
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        try:
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        try:
            self._give_back()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]  # what it was before

    @property
    def size(self) -> tuple[int, int]:
        """Return columns and lines."""
        try:
            width, height = os.get_terminal_size(1)
        except OSError:
            width, height = 80, 24
        return max(width, _SMALLEST), max(height, 1)

    @property
    def changed(self) -> bool:
        """Tell whether the last picture is not what is there now: another size, or another program was there."""
        return not self._shown or self.size != self._size

    def wake(self) -> None:
        """End ``keys``, from any thread."""
        try:
            os.write(self._wake_writer, b"\0")
        except OSError:
            return  # it is full of such news, or gone

    def keys(self, seconds: float) -> bytes | None:
        """Wait for keys, for ``wake``, a signal or the end of a time.

        Returns:
            What was typed; None when there is nobody left to type.
        """
        ready, _, _ = select.select([0, self._wake_reader], [], [], max(0.0, seconds))
        if self._wake_reader in ready:
            os.read(self._wake_reader, _CHUNK)
        if self._stop:
            self._stand_still()
        if self._again:
            self._again = False
            self._take()
        if 0 not in ready:
            return b""
        try:
            return os.read(0, _CHUNK) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def show(self, lines: Sequence[Text]) -> None:
        """Draw lines, from the top."""
        width, height = self.size
        if (width, height) != self._size:
            self._size, self._shown = (width, height), []
        sent = [] if self._shown else ["\x1b[0m\x1b[2J"]
        drawn = [self._drawn(text, width) for text in lines[:height]]
        for place, text in enumerate(drawn):
            if place >= len(self._shown) or self._shown[place] != text:
                sent.append(f"\x1b[{place + 1};1H\x1b[2K{text}")
        self._shown = drawn
        if sent:
            self._write("".join(sent))

    def _drawn(self, text: Text, width: int) -> str:
        if text.cell_len > width:
            text = text.copy()
            text.truncate(width)
        with self._drawer.capture() as captured:
            self._drawer.print(text, end="", no_wrap=True, crop=False, overflow="ignore")
        return captured.get()

    # ── taking and giving back ────────────────────────────────────────────────────────────────────────────────────────

    def _take(self) -> None:
        tty.setcbreak(0)
        self._shown = []
        self._write(_ENTER)

    def _give_back(self) -> None:
        try:
            self._write(_LEAVE)
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, self._attributes)  # type: ignore[arg-type]  # as it gave them

    def _write(self, text: str) -> None:
        data = text.encode(sys.stdout.encoding or "utf-8", "replace")
        while data:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:
                select.select([], [1], [])

    def _stand_still(self) -> None:
        self._stop = False
        self._give_back()
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self._again = True

    # ── signals ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_end(self, number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not keep the terminal from being given back
        raise SystemExit(0 if number == signal.SIGINT else 128 + number)

    def _on_stop(self, number: int, _: FrameType | None) -> None:
        self._stop = True

    def _on_again(self, number: int, _: FrameType | None) -> None:
        self._again = True

    def _on_size(self, number: int, _: FrameType | None) -> None:
        """The next picture asks for the size; that this came is enough to wake us."""


_SIGNALS = {
    signal.SIGINT: "_on_end",
    signal.SIGTERM: "_on_end",
    signal.SIGHUP: "_on_end",
    signal.SIGTSTP: "_on_stop",
    signal.SIGCONT: "_on_again",
    signal.SIGWINCH: "_on_size",
}
