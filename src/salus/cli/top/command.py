"""``salus top``: the command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.common import config_option, find_state_dir, state_dir_option
from salus.clock import SystemClock

if TYPE_CHECKING:
    from salus.cli.top.lines import Look
    from salus.cli.top.reach import Reach

_NARROWEST, _USUAL = 40, 100


@click.command(short_help="Watch a running Salus live.")
@config_option
@state_dir_option
@click.option("--url", metavar="URL", help="A Salus elsewhere: http://host:port, or https://host/prefix.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file with the token for --url.  [default: the variable SALUS_TOKEN]",
)
@click.option("--once", is_flag=True, help="Print one picture and end, as where nobody looks at a terminal.")
def top(config: Path | None, state_dir: Path | None, url: str | None, token_file: Path | None, once: bool) -> None:
    """Watch a running Salus: what needs attention, what is being healed, all checks, services, alerts and events.

    Runs until q is pressed; ? tells all keys. Who may, can act from here: look now, heal, pause, take an alert.

    Example: salus top --url https://shop.example.org/salus --token-file token.txt
    """
    reach = _reach(config, state_dir, url, token_file)
    look, clock = _look(), SystemClock()
    if not once and os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") not in ("dumb", "unknown"):
        from salus.cli.top.live import watch

        watch(reach, look, clock)
    else:
        _print(reach, look, clock)


def _reach(config: Path | None, state_dir: Path | None, url: str | None, token_file: Path | None) -> Reach:
    from salus.cli.client import FILE
    from salus.cli.top.reach import Reach, at, find_token

    if url is None:
        if token_file is not None:
            raise click.UsageError("--token-file belongs to --url: on this machine no token is needed")
        return Reach(find_state_dir(config, state_dir) / FILE)
    return at(url, find_token(token_file))


def _look() -> Look:
    from salus.cli.top.lines import Look

    encoding = (sys.stdout.encoding or "ascii").lower()
    return Look("utf-8" if encoding in ("utf-8", "utf8") else encoding)


def _print(reach: Reach, look: Look, clock: SystemClock) -> None:
    from shutil import get_terminal_size

    from rich.console import Console

    from salus.cli.top.draw import still
    from salus.cli.top.feed import first
    from salus.cli.top.keys import Ui
    from salus.cli.top.sections import Frame

    picture = first(reach, clock)
    frame = Frame(picture=picture, ui=Ui(), now=picture.then(clock.now()), look=look, still=True)
    width = max(_NARROWEST, get_terminal_size((_USUAL, 24)).columns)
    out = Console(highlight=False, markup=False, emoji=False, width=width)
    for text in still(frame, width):
        text.rstrip()
        out.print(text, no_wrap=True, crop=False, overflow="ignore", end="\n")
