"""What the documentation shows is true: every block of Python below a line `<!-- runnable -->` is run.

The blocks of one page share their names, in the order of the page, as a reader would type them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARKED = re.compile(r"^<!-- runnable -->\n+```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "<!-- runnable -->"


@pytest.fixture(autouse=True)
def _loop_is_never_blocked() -> None:
    """Let it be blocked here: a page may start a whole Salus, which reads its files when it starts."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def runnable(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the line at which each block begins, and the block."""
    text = page.read_text(encoding="utf-8")
    for found in MARKED.finditer(text):
        yield text.count("\n", 0, found.start(1)), found[1]


@pytest.mark.parametrize("page", [page for page in PAGES if MARK in page.read_text(encoding="utf-8")], ids=name_of)
def test_what_a_page_shows_can_be_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("snippet_" + re.sub(r"\W", "_", page.stem))
    monkeypatch.setitem(sys.modules, module.__name__, module)  # structs look up their annotations there
    blocks = list(runnable(page))
    assert len(blocks) == page.read_text(encoding="utf-8").count(MARK), "a mark must stand right above ```python"
    for line, block in blocks:
        code = compile("\n" * line + block, str(page), "exec")
        exec(code, module.__dict__)


def test_the_pages_on_extending_salus_are_among_them() -> None:
    found = {name_of(page) for page in PAGES if MARK in page.read_text(encoding="utf-8")}
    assert {"docs/how-to/write-a-check.md", "docs/how-to/write-an-action.md"} <= found
