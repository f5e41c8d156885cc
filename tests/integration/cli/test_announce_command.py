"""`salus announce`, against a real control socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.cli.root import WRONG_USAGE, run
from tests.served_agent import Agent

Out = pytest.CaptureFixture[str]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    one = Agent(tmp_path)
    yield one
    one.stop()


def test_something_is_announced_told_more_of_and_over(agent: Agent, capsys: Out) -> None:
    assert run(["announce", "We sort the disks", "--component", "Website", "--impact", "major", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["title"], told["impact"], told["components"]) == ("We sort the disks", "major", ["Website"])
    assert told["by"]
    assert run(["announce", "Half is done", "--update", told["id"][:6]]) == 0
    assert run(["announce", "All is done", "--resolve", told["id"]]) == 0
    out = capsys.readouterr().out
    assert f"({told['id']}, major, of Website)" in out
    assert "announced as over: We sort the disks" in out
    assert run(["announce"]) == 0
    listed = capsys.readouterr().out
    assert "We sort the disks; All is done" in listed
    assert run(["announce", "again", "--update", told["id"]]) == 1
    assert "over already" in capsys.readouterr().err


def test_how_to_tell_more_is_said(agent: Agent, capsys: Out) -> None:
    assert run(["announce", "Slow", "--detail", "We look into it"]) == 0
    out = capsys.readouterr().out
    assert "minor, of the whole" in out
    assert "--resolve" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--update", "a1"],
        ["--impact", "minor"],
        ["x", "--update", "a1", "--resolve", "a1"],
        ["x", "--update", "a1", "--component", "Website"],
        ["x", "--impact", "huge"],
    ],
)
def test_what_makes_no_sense_is_refused(agent: Agent, capsys: Out, words: list[str]) -> None:
    assert run(["announce", *words]) == WRONG_USAGE


def test_a_component_that_the_page_does_not_show_is_refused(agent: Agent, capsys: Out) -> None:
    assert run(["announce", "x", "--component", "Webseite"]) == 1
    assert "did you mean 'Website'?" in capsys.readouterr().err
