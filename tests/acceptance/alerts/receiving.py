"""A receiver of webhooks in a process of its own, and what it took."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.salus_process import eventually, free_port

PROGRAM = Path(__file__).parent / "receiver.py"


@dataclass(frozen=True)
class Posted:
    """One request.

    Attributes:
        line: method, path and version.
        headers: by their names in lower case.
        body: as text.
        taken: it was answered with 200.
    """

    line: str
    headers: dict[str, str]
    body: str
    taken: bool

    @property
    def id(self) -> str:
        """Return the id of the notification: the same at every try."""
        return self.headers["idempotency-key"]

    @property
    def delivery(self) -> str:
        """Return the id of the try."""
        return self.headers["x-salus-delivery"]

    @property
    def path(self) -> str:
        return self.line.split()[1]

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def news(self) -> list[tuple[str, str]]:
        """Return (id of the alert, its state) of all that it brings news of."""
        return [(alert["id"], alert["state"]) for alert in self.document["alerts"] if alert["new"]]


class Receiver:
    """``receiver.py`` in a folder; ended by ``close``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen([sys.executable, "-I", "-S", str(PROGRAM), str(self.port), str(folder)])
        eventually((folder / "obeys").exists, what="the receiver")

    def be(self, how: str) -> None:
        """Tell it how to be, and wait until it is."""
        self.tell(how)
        eventually(lambda: (self.folder / "obeys").read_text() == how, what=f"a receiver that is {how}")

    def tell(self, how: str) -> None:
        """Tell it how to be."""
        (self.folder / "trouble.new").write_text(how)
        (self.folder / "trouble.new").rename(self.folder / "trouble")

    def requests(self) -> list[Posted]:
        """Return all that came, also what it did not take."""
        try:
            text = (self.folder / "requests").read_text()
        except FileNotFoundError:
            return []
        return [Posted(**json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def taken(self) -> list[Posted]:
        """Return what it took."""
        return [each for each in self.requests() if each.taken]

    def close(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)


def once(posted: Iterable[Posted]) -> list[Posted]:
    """Return what a receiver that knows ids would keep: each notification once."""
    return list({each.id: each for each in reversed(list(posted))}.values())[::-1]


def courses(posted: Iterable[Posted]) -> dict[str, list[str]]:
    """Return what was told of each alert, by its id, in the order in which it came."""
    found: dict[str, list[str]] = {}
    for each in posted:
        for alert, state in each.news():
            found.setdefault(alert, []).append(state)
    return found
