"""The page on the notification document has every field, and its example is what is really sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from salus.channels._document import VERSION, document
from tests.letters import healed

TEXT = (Path(__file__).resolve().parents[3] / "docs/reference/notification-document.md").read_text(encoding="utf-8")


def fields(heading: str) -> list[str]:
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_field_has_its_row_in_the_order_it_is_sent() -> None:
    sent: Any = document(healed())
    assert fields("The notification") == list(sent)
    assert fields("An alert") == list(sent["alerts"][0])
    assert fields("A deed") == list(sent["alerts"][0]["deeds"][0])


def test_the_example_is_what_is_sent() -> None:
    example = json.loads(TEXT.split("```json\n")[1].split("```")[0])
    assert example == document(healed())
    assert example["version"] == VERSION
