"""Tell who sits at the terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from salus.channels import _words as words
from salus.channels._threads import in_thread
from salus.channels._urgency import urgency
from salus.errors import DeliveryError
from salus.model import AlertState, Level, Notification
from salus.options import ChannelOptions
from salus.ports import Letter

_STYLES = {Level.INFO: "bold blue", Level.WARNING: "bold yellow", Level.CRITICAL: "bold red"}
_RESOLVED, _ACKNOWLEDGED = "bold green", "bold cyan"


class Console(ChannelOptions, frozen=True, kw_only=True):
    """Print the whole message to standard output: in colours on a terminal, plain elsewhere."""

    async def send(self, letter: Letter) -> str:
        """Print it."""
        await in_thread(lambda: _print(letter, sys.stdout))
        return ""


def _print(letter: Letter, out: TextIO) -> None:
    """Print in one piece, so that nothing comes between the lines."""
    encoding = out.encoding or "utf-8"
    try:
        out.write(_drawn(letter, out).encode(encoding, "replace").decode(encoding))
        out.flush()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise DeliveryError(f"standard output cannot be written: {error}") from error


def _style(told: Notification) -> str:
    if told.state is AlertState.ACKNOWLEDGED:
        return _ACKNOWLEDGED
    level = urgency(told)
    return _STYLES[level or Level.INFO] if level or told.state.open else _RESOLVED


def _drawn(letter: Letter, out: TextIO) -> str:
    from rich.console import Console as RichConsole
    from rich.text import Text

    console = RichConsole(file=out, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        console.print(Text(words.title(letter), _style(letter.notification)))
        for line in words.lines(letter):
            console.print(Text(f"  {line}" if line else ""))
        console.print()
    return captured.get()
