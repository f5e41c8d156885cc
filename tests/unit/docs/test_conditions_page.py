"""The tables of the page on conditions are whole, and their examples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from salus.conditions import compile_condition
from salus.conditions.windows import MEASURES
from salus.conditions.words import FUNCTIONS, VARIABLES

TEXT = (Path(__file__).resolve().parents[3] / "docs/reference/conditions.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \|(.*)\| `([^`]*)` \|$", re.MULTILINE)


@pytest.mark.parametrize("text", sorted({example for _, _, example in ROW.findall(TEXT)}))
def test_every_example_in_a_table_compiles(text: str) -> None:
    assert compile_condition(text).text == text


def test_every_variable_and_every_function_has_its_row() -> None:
    rows = {name: cells for name, cells, _ in ROW.findall(TEXT)}
    assert set(rows) == {*VARIABLES, *FUNCTIONS}


def test_the_looks_that_each_function_needs_are_right() -> None:
    needed = {name: cells.strip().split("|")[-1].strip() for name, cells, _ in ROW.findall(TEXT)}
    assert {name: needed[name] for name in MEASURES} == {name: str(one.fewest) for name, one in MEASURES.items()}
