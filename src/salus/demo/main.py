"""``salus demo``: open the shop, break it, close it, and say how it went."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from salus.demo import table
from salus.demo.agent import RunningSalus
from salus.demo.faults import Fault, all_faults
from salus.demo.shop import Shop, wait_until
from salus.demo.tour import Tour
from salus.errors import SalusError
from salus.units import Duration

_INTERRUPTED = 130
_LEAVE_WITHIN = 3.0


def main(arguments: Sequence[str]) -> int:
    """Run the demo.

    Args:
        arguments: what stands after ``salus demo``.

    Returns:
        0 when every fault was healed and verified and nothing healthy was touched, 1 when not, 130 after Ctrl-C.
    """
    options = _parse(arguments)
    faults = [fault for fault in all_faults() if not options.only or fault.key in options.only]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # so that nothing is left behind then either
    try:
        demo = Demo(faults, options)
        return demo.run()
    except SalusError as error:
        click.echo(f"salus demo: {error}{f' (remedy: {error.remedy})' if error.remedy else ''}", err=True)
        return 1


class Demo:
    """One evening at the shop."""

    def __init__(self, faults: Sequence[Fault], options: argparse.Namespace) -> None:
        """Do what the options ask for."""
        self._faults = faults
        self._options = options
        self._began = time.monotonic()
        self._troubles: list[str] = []
        self._quiet = bool(options.json)

    def run(self) -> int:
        """Open, break, close, and tell; returns the exit code."""
        interrupted = False
        tour: Tour | None = None
        with self._folder() as folder:
            shop = Shop(folder)
            salus = RunningSalus(shop.config, folder / "state", folder / "salus.log", heal=not self._options.no_heal)
            try:
                self._welcome(shop)
                salus.start()
                tour = Tour(shop, salus)
                tour.wait_for_opening()
                self._go_through(tour, shop, salus)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                self._close(shop, salus)
        return self._tell(tour, interrupted=interrupted)

    # ── the parts of it ───────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="salus-demo-")))
        try:
            yield folder
        finally:
            if self._options.keep:
                self._say(f"Kept: {folder} (config, log and ledger)")
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def _welcome(self, shop: Shop) -> None:
        self._say("A small shop of real processes opens, and is broken on purpose. Salus looks after it.")
        self._say(f"  config   {shop.config}")
        self._say(
            f"  shop     http://127.0.0.1:{shop.ports['web']}/     health   http://127.0.0.1:{shop.ports['salus']}/health"
        )
        if self._options.no_heal:
            self._say("  healing is switched off: Salus sees everything and may do nothing")
        self._say("")

    def _go_through(self, tour: Tour, shop: Shop, salus: RunningSalus) -> None:
        if self._live:
            from salus.demo.view import View

            with View(tour, shop, salus):
                self._rounds(tour)
        else:
            self._say(table.head())
            for fault in self._faults:
                result = tour.run(fault)
                self._say(table.row(result))
                if result.healed is None:
                    return  # nothing can be learnt from breaking what is broken

    def _rounds(self, tour: Tour) -> None:
        """Go round and round, until somebody presses Ctrl-C or something is not healed."""
        while True:
            for fault in self._faults:
                time.sleep(self._options.pause)
                if tour.run(fault).healed is None:
                    return

    def _close(self, shop: Shop, salus: RunningSalus) -> None:
        """Leave nothing behind, and say so if that could not be done in good order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not salus.stop():
            self._troubles.append("Salus did not stop in good order")
        if not wait_until(lambda: not shop.remains(), _LEAVE_WITHIN):
            left = shop.remains()
            self._troubles.append(f"{len(left)} processes of the shop were left behind, and killed")
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _tell(self, tour: Tour | None, *, interrupted: bool) -> int:
        results = tour.results if tour else []
        seconds = time.monotonic() - self._began
        wanted = len(self._faults)
        if self._live:
            wanted = len(results)
            if results:
                self._say(table.head())
            for result in results[-len(self._faults) :]:
                self._say(table.row(result))
        if self._options.json:
            click.echo(json.dumps(table.as_json(results, wanted, self._troubles, seconds), indent=2))
        elif results or not interrupted:
            self._say("")
            self._say(table.verdict(results, wanted, self._troubles, seconds))
        if interrupted and not self._live:
            return _INTERRUPTED
        return 0 if table.all_well(results, wanted, self._troubles) else 1

    @property
    def _live(self) -> bool:
        return not self._options.once and not self._options.json and sys.stdout.isatty()

    def _say(self, text: str) -> None:
        if not self._quiet:
            click.echo(text)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    keys = [fault.key for fault in all_faults()]
    parser = _Parser(
        prog="salus demo",
        description="A small shop of real processes is broken in every ordinary way, and Salus heals it. "
        "Without --once it goes on in a live view until Ctrl-C.",
        epilog="Exit code: 0 when every fault was healed and verified and nothing healthy was touched, 1 when not.",
    )
    parser.add_argument("--once", action="store_true", help="go through all faults once; needs no terminal")
    parser.add_argument(
        "--only", action="append", choices=keys, metavar="FAULT", help=f"only this one: {', '.join(keys)}"
    )
    parser.add_argument("--pause", type=_duration, default=2.0, help="between two faults of the live view (2s)")
    parser.add_argument("--keep", action="store_true", help="keep the folder, with config, log and ledger")
    parser.add_argument("--json", action="store_true", help="like --once, as one JSON document")
    parser.add_argument("--no-heal", action="store_true", help="Salus watches and may not act: what would be missing")
    return parser.parse_args(arguments)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def _duration(text: str) -> float:
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
