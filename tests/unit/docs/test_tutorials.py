"""The tutorials keep the promises of their titles."""

from __future__ import annotations

from tests.pages import blocks


def test_fifteen_lines_are_fifteen() -> None:
    (check,) = (block for block in blocks("docs/tutorial/write-your-own-check.md") if block.title == "spool_check.py")
    assert len([line for line in check.text.splitlines() if line.strip()]) <= 15
