"""The tutorial is true: what the demo prints looks as it says."""

from __future__ import annotations

from pathlib import Path

from salus.demo import table
from salus.demo.faults import all_faults

PAGE = (Path(__file__).resolve().parents[3] / "docs/tutorial/first-steps.md").read_text(encoding="utf-8")


def test_the_table_in_the_tutorial_is_the_one_that_the_demo_prints() -> None:
    assert table.head() in PAGE
    for fault in all_faults():
        assert f"\n{fault.title}  " in PAGE
