"""The recipe for databases, caches, mail servers and WebSockets: its table leads to its sections."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/check-other-systems.md").read_text(encoding="utf-8")


def test_every_system_of_the_table_has_its_section() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    linked = re.findall(r"^\| \[.*?\]\(#([\w-]+)\)", PAGE, re.MULTILINE)
    assert linked
    assert set(linked) <= places
