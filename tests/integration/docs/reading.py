"""A program that reads pages: ``python -m tests.integration.docs.reading REPORT PAGE...``.

It loads once what pages use, and forks a reader for each: what one page does to the process (settings of Django, a
module named ``shop``) is never seen by another, and none has to wait for the imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from importlib import import_module
from pathlib import Path

from tests.pages import blocks

LONGEST = 120
"""Seconds that a page may take."""
_AT_ONCE = 3  # pages wait more than they work


_PRELOADED = ("fastapi", "httpx", "salus.app.agent", "salus.cli.root", "tests.integration.docs.judges")


def read(page: str, folder: Path) -> list[str]:
    """Read one page, in a process of its own.

    Returns:
        What is wrong, each with its place.
    """
    from salus.errors import SalusError
    from tests.integration.docs.judges import Reader

    problems: list[str] = []
    threading.excepthook = lambda hook: problems.append(
        f"{page}: a thread ended with {hook.exc_type.__name__}: {hook.exc_value}"
    )
    reader = Reader(page, folder)
    for block in blocks(page):
        try:
            reader.read(block)
        except BaseException as error:  # noqa: BLE001 -- SystemExit of a snippet is as wrong as anything else
            plain = isinstance(error, AssertionError | SalusError) and str(error)
            told = str(error) if plain else traceback.format_exc()
            problems.append(f"{block.place} ({block.language}): {told}")
    reader.console.close()
    return problems


def _too_long(*_facts: object) -> None:
    raise TimeoutError(f"the page takes more than {LONGEST} s")


def _child(page: str, folder: Path, answer: Path) -> None:
    """Read a page and end, whatever happens."""
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LONGEST)
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)  # as in pyproject.toml
        warnings.filterwarnings("ignore", "Using `httpx` with `starlette.testclient`")  # its successor is not here yet
        answer.write_text(json.dumps(read(page, folder)), encoding="utf-8")
    except BaseException:  # noqa: BLE001 -- a fork ends here, and says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def main(report: str, *pages: str) -> None:
    """Read pages, a few at once, and write what is wrong with each as JSON."""
    for name in _PRELOADED:
        import_module(name)
    waiting, running = list(pages), dict[int, tuple[str, Path]]()
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="salus-pages-") as top:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                page = waiting.pop(0)
                folder = Path(top, str(len(waiting)))
                folder.mkdir()
                answer = Path(top, f"{len(waiting)}.json")
                child = os.fork()
                if child == 0:
                    _child(page, folder, answer)
                running[child] = page, answer
            ended, _ = os.wait()
            page, answer = running.pop(ended)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(ended, signal.SIGKILL)  # what a snippet has started ends with its page
            lost = [f"{page}: its reader died, or took longer than {LONGEST} s; see what is written above"]
            found[page] = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else lost
    Path(report).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
