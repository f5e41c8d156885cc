"""What the documentation shows is true: every block of every page is tried as what it is.

Python is executed, configs are read, commands are looked up and, where the page says ``<!-- run -->``, run. How a page
says what a block is, tests/pages.py tells; what is done with each language, judges.py beside this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks, fences, pages

_MOST_NOT_RUN = 3


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Have every page read, and return what is wrong with each."""
    report = tmp_path_factory.mktemp("pages") / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.docs.reading", str(report), *pages()],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(report.read_text(encoding="utf-8"))
    return found if not any(found.values()) else {**found, "output": [done.stdout + done.stderr]}


@pytest.mark.parametrize("page", pages())
def test_every_block_of_a_page_is_true(page: str, problems: dict[str, list[str]]) -> None:
    assert not problems[page], "\n\n".join([*problems[page], *problems.get("output", [])])


def test_every_fence_opens_or_closes_a_block() -> None:
    odd = {page: fences(page) for page in pages() if fences(page) != 2 * len(list(blocks(page)))}
    assert odd == {}


def test_few_blocks_are_not_tried_and_each_says_why() -> None:
    found = {block.place: block.not_run for page in pages() for block in blocks(page) if block.not_run}
    assert all(len(reason) > 20 for reason in found.values()), found
    assert len(found) <= _MOST_NOT_RUN, found
