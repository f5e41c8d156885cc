"""Every condition that the page on conditions shows can be compiled, and every function has one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from salus.conditions import compile_condition
from salus.conditions.windows import MEASURES
from salus.conditions.words import FUNCTIONS, VARIABLES

TEXT = (Path(__file__).resolve().parents[3] / "docs/reference/conditions.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \|(.*)\| `([^`]*)` \|$", re.MULTILINE)


def blocks(language: str) -> Iterator[str]:
    for found in re.finditer(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        yield found[1]


def conditions() -> Iterator[str]:
    for block in blocks("cel"):
        yield from block.strip().split("\n\n")
    for block in blocks("yaml"):
        yield from (rule["when"] for rule in yaml.safe_load(block)["rules"].values())
    yield from (example for _, _, example in ROW.findall(TEXT))


@pytest.mark.parametrize("text", sorted(set(conditions())))
def test_every_condition_on_the_page_compiles(text: str) -> None:
    assert compile_condition(text).text == text


def test_every_variable_and_every_function_has_its_row() -> None:
    rows = {name: cells for name, cells, _ in ROW.findall(TEXT)}
    assert set(rows) == {*VARIABLES, *FUNCTIONS}


def test_the_looks_that_each_function_needs_are_right() -> None:
    needed = {name: cells.strip().split("|")[-1].strip() for name, cells, _ in ROW.findall(TEXT)}
    assert {name: needed[name] for name in MEASURES} == {name: str(one.fewest) for name, one in MEASURES.items()}
