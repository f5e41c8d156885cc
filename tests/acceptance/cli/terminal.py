"""A terminal for a program under test: a pty, the keys that are typed, and the screen as a person would see it."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from tests.acceptance.salus_process import eventually

# A process that leads its session takes the terminal at its standard input: Ctrl-C and Ctrl-Z reach it then.
_AT_THIS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_SEQUENCE = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])")


class Page:
    """The screen that escape sequences draw, as far as our programs and a shell use them."""

    def __init__(self, width: int, height: int) -> None:
        self.other = False
        self.cursor = True
        self.unknown: set[str] = set()
        self._begun = ""
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self.row = self.column = 0

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.cells]

    def feed(self, text: str) -> None:
        text = self._begun + text
        self._begun = ""
        while text:
            if text[0] != "\x1b":
                self._sign(text[0])
                text = text[1:]
            elif found := _SEQUENCE.match(text):
                self._sequence(*found.groups())
                text = text[found.end() :]
            elif len(text) < 20 and (len(text) == 1 or text[1] == "["):
                self._begun = text
                return
            elif len(text) > 1 and text[1] == "\x1b":  # the first was cut short: the second begins anew
                text = text[1:]
            else:
                self.unknown.add(text[:2])
                text = text[2:]

    def _sign(self, sign: str) -> None:
        if sign == "\r":
            self.column = 0
        elif sign == "\n":
            self._down()
        elif sign == "\b":
            self.column = max(0, self.column - 1)
        elif sign.isprintable():
            size = cell_len(sign)
            if self.column + size > self.width:
                self.column = 0
                self._down()
            self.cells[self.row][self.column : self.column + size] = [sign, *[""] * (size - 1)]
            self.column += size

    def _down(self) -> None:
        if self.row + 1 < self.height:
            self.row += 1
        else:
            self.cells = [*self.cells[1:], [" "] * self.width]

    def _sequence(self, private: str, numbers: str, final: str) -> None:
        given = [int(one or 0) for one in numbers.split(";")]
        if private == "?" and final in "hl":
            self._mode(given[0], on=final == "h")
        elif final == "H":
            self.row = min(max(given[0], 1), self.height) - 1
            self.column = min(max(given[1] if len(given) > 1 else 1, 1), self.width) - 1
        elif final == "J" and given[0] == 2:
            self.cells = [[" "] * self.width for _ in range(self.height)]
        elif final == "K":
            start = 0 if given[0] == 2 else self.column
            self.cells[self.row][start:] = [" "] * (self.width - start)
        elif final != "m":
            self.unknown.add(final)

    def _mode(self, number: int, *, on: bool) -> None:
        if number == 25:
            self.cursor = on
        elif number == 1049:
            self.other = on


class Terminal:
    """A program in a terminal of its own; ended by ``close`` whatever happened."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, width: int = 100, height: int = 30
    ) -> None:
        self.page = Page(width, height)
        self.written = b""
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.end, self.inside = os.openpty()
        self._set_size(width, height)
        self.before = self.attributes()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AT_THIS_TERMINAL, *command],
            env=environment,
            stdin=self.inside,
            stdout=self.inside,
            stderr=self.inside,
            start_new_session=True,
        )
        self._over, self._tell_over = os.pipe()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self.end, self._over], [], [])
            if self.end not in ready:
                return
            try:
                data = os.read(self.end, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.written += data
                self.page.feed(self._decoder.decode(data))

    @property
    def lines(self) -> list[str]:
        with self._lock:
            return self.page.lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def resize(self, width: int, height: int) -> None:
        with self._lock:
            self.page.resize(width, height)
        self._set_size(width, height)

    def shows(self, *words: str, within: float = 40.0) -> str:
        """Wait until all of these words are on the screen at once; return the screen."""

        def there() -> str:
            text = self.text
            return text if all(word in text for word in words) else ""

        try:
            return eventually(there, within, f"{words} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{self.text}") from None

    def ended(self) -> int:
        """Wait until the program has ended; return its exit code, or the negative number of a signal."""
        return self.process.wait(timeout=20)

    def attributes(self) -> list[object]:
        """Return how the terminal treats what is typed."""
        found: list[object] = termios.tcgetattr(self.inside)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.ended()
        os.write(self._tell_over, b"\0")
        self._reader.join(10)
        for end in (self.end, self.inside, self._over, self._tell_over):
            os.close(end)
