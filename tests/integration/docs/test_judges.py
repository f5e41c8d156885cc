"""The judges of the documentation refuse what is not true."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.integration.docs.console import agree
from tests.integration.docs.judges import Reader
from tests.integration.docs.typed import commands
from tests.pages import Block


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("HOME", "COLUMNS", "PYTHONPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(tmp_path)
    return Reader("no/page.md", tmp_path)


def block(language: str, text: str, *marks: str, title: str = "") -> Block:
    return Block(page="no/page.md", line=1, language=language, title=title, marks=marks, text=text)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (block("", "whatever\n"), "nobody knows"),
        (block("rust", "fn main() {}\n"), "nobody knows"),
        (block("text", "x\n", "untested"), "nobody knows the mark"),
        (block("python", "assert 1 == 2\n"), ""),
        (block("yaml", "checks: {disk: {disk: {pth: /}}}\n"), "pth"),
        (block("yaml", "rules: {nobody: {actions: [log]}}\n"), "nobody"),
        (block("yaml", "jobs: {test: {steps: []}}\n", "github"), "runs-on"),
        (block("yaml", "livenessProbe: {httpGet: {path: /alive, port: 1}}\n", "kubernetes"), "no path of ours"),
        (block("yaml", "scrape_konfigs: []\n", "prometheus"), "knows nothing"),
        (block("console", "$ salus chek disk\n"), "chek"),
        (block("console", "$ salus history | frobnicate\n"), "frobnicate"),
        (block("console", "$ salus history --lines 3\n"), "--lines"),
        (block("sh", "make tests\n"), "tests"),
        (block("sh", "pip install 'salus[fastapy]'\n"), "fastapy"),
        (block("sh", "uvicorn shop:app\n"), "no shop.py"),
        (block("sh", "#!/bin/sh\nif true; then\n"), ""),
        (block("console", "$ echo one\ntwo\n", "run"), "prints"),
        (block("toml", "[a\n"), ""),
        (block("json", "{]\n"), ""),
        (block("cel", "metrics.rss_bytes >\n"), ""),
        (block("dockerfile", 'HEALTHCHECK CMD ["salus", "helth"]\n'), "helth"),
        (block("nginx", "location / {\n"), ""),
    ],
    ids=lambda value: value.text.splitlines()[0] if isinstance(value, Block) else "",
)
def test_what_is_wrong_is_refused(reader: Reader, wrong: Block, said: str) -> None:
    with pytest.raises(Exception, match=said or None):
        reader.read(wrong)


def test_a_file_of_a_page_is_a_module_for_what_follows(reader: Reader) -> None:
    reader.read(block("python", "answer = 42\n", title="inner/module.py"))
    reader.read(block("python", "from inner.module import answer\nassert answer == 42\n"))


def test_a_block_that_is_not_run_is_written_down_all_the_same(reader: Reader) -> None:
    reader.read(block("python", "raise SystemExit\n", "not run: it ends the process", title="ends.py"))
    assert (reader.folder / "ends.py").exists()


def test_commands_are_found_behind_variables_pipes_and_redirections() -> None:
    line = "A=b salus top 2>&1 > x.log | grep -c y && (sleep 1; echo 'a | b')  # why"
    assert list(commands(line)) == [["salus", "top"], ["grep", "-c", "y"], ["sleep", "1"], ["echo", "a | b"]]


def test_times_and_ids_may_differ_and_nothing_else() -> None:
    page = ["at 2026-01-01T00:00:00Z after 1.5 s, id 422e11ac", "...", "end"]
    assert agree(page, ["at 2027-02-02T01:01:01.5Z after 17 ms, id 0badcafe", "more", "and more", "end"])
    assert not agree(page, ["at 2027-02-02T01:01:01.5Z before 17 ms, id 0badcafe", "end"])
    assert not agree(page, ["at 2027-02-02T01:01:01.5Z after 17 ms, id 0badcafe", "end", "of it"])
