"""The pages of the documentation, and the fenced blocks on them.

What a block is, its fence says: the language, and ``title="shop.py"`` for a file that a reader is to write. Whatever
readers need not see stands in comments right above the fence, one mark each:

``<!-- run -->``
    The commands of a console block are run, and print what the page says.
``<!-- not run: REASON -->``
    The block cannot be tried here. There must be a good reason, and few of them.
``<!-- beside code -->``
    A config that is whole only with what code declares; the next block of Python judges it.
``<!-- examples/fastapi_app.py -->``
    A part of that file, word by word, which is run by tests of its own.
``<!-- wrong -->``
    A config that Salus refuses.
``<!-- prometheus -->``, ``<!-- kubernetes -->``, ...
    YAML that is no config of Salus.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(
    r"^(?P<indent>[ ]*)(?P<fence>`{3,})(?P<language>[\w+-]*)(?P<rest>[^\n`]*)\n"
    r"(?P<text>.*?)^(?P=indent)(?P=fence)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_MARKS = re.compile(r"((?:^[ ]*<!-- [^\n]* -->\n+)+)\Z", re.MULTILINE)
_TITLE = re.compile(r'\btitle="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: its page, from the root of the tree.
        line: the line on which its text begins.
        language: what the fence says it is.
        title: the file that it is, if it is one.
        marks: what the comments above it say.
        text: what is in it, without the indentation of the fence.
    """

    page: str
    line: int
    language: str
    title: str
    marks: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """Say where it stands."""
        return f"{self.page}:{self.line}"

    @property
    def not_run(self) -> str:
        """Return why it cannot be tried, if it cannot."""
        return next((mark.removeprefix("not run: ") for mark in self.marks if mark.startswith("not run: ")), "")


def pages() -> list[str]:
    """Return every page whose blocks must be true."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(str(page.relative_to(ROOT)) for page in found)


@cache
def text(page: str) -> str:
    """Return what a page says."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str | None = None) -> Iterator[Block]:
    """Yield the blocks of a page in their order, all of them or those in one language."""
    whole = text(page)
    for found in _FENCE.finditer(whole):
        if language is not None and found["language"] != language:
            continue
        above = _MARKS.search(whole[: found.start()])
        title = _TITLE.search(found["rest"])
        yield Block(
            page=page,
            line=whole.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            title=title[1] if title else "",
            marks=tuple(re.findall(r"<!-- (.*) -->", above[1])) if above else (),
            text=textwrap.dedent(found["text"]) if found["indent"] else found["text"],
        )


def fences(page: str) -> int:
    """Count the lines that open or close a block."""
    return len(re.findall(r"^ *```", text(page), re.MULTILINE))


def block_with(page: str, language: str, words: str) -> Block:
    """Return the one block of a page that says this."""
    found = [block for block in blocks(page, language) if words in block.text]
    assert len(found) == 1, f"{page}: {len(found)} blocks of {language} with {words!r}"
    return found[0]
