"""Addresses, tokens, and the messages of a stream."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.cli.top.feed import Message, messages, outcome
from salus.cli.top.keys import Deed
from salus.cli.top.reach import at, find_token
from salus.errors import SalusError

SECRET = "salus_1f2e3d4c_do-not-tell"


@pytest.mark.parametrize(
    "url, name",
    [
        ("http://host:8787", "http://host:8787"),
        ("http://host:8787/", "http://host:8787"),
        ("https://shop.example.org/salus/", "https://shop.example.org/salus"),
        ("https://shop.example.org/salus/api/v1", "https://shop.example.org/salus"),
        ("http://[::1]:8787", "http://[::1]:8787"),
    ],
)
def test_an_address_may_have_a_port_and_a_prefix(url: str, name: str) -> None:
    assert at(url, None).name == name


@pytest.mark.parametrize(
    "url", ["host:8787", "ftp://host", "http://", "http://host:port", "http://u:p@host", "http://host?x", "http://a\nb"]
)
def test_what_is_no_address_is_refused_with_what_one_looks_like(url: str) -> None:
    with pytest.raises(SalusError) as caught:
        at(url, None)
    assert caught.value.remedy
    assert "http" in caught.value.remedy


def test_a_token_comes_from_the_file_that_is_named_or_else_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SALUS_TOKEN", raising=False)
    assert find_token(None) is None
    monkeypatch.setenv("SALUS_TOKEN", "from-the-environment")
    found = find_token(None)
    assert found is not None
    assert found.reveal() == "from-the-environment"
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    found = find_token(file)
    assert found is not None
    assert found.reveal() == SECRET
    assert SECRET not in f"{found} {found!r} {at('http://host', found)!r}"


@pytest.mark.parametrize("text", ["", f"{SECRET} {SECRET}", f"{SECRET}\nX-Evil: 1", f"{SECRET}é"])
def test_a_file_without_a_token_is_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(SalusError) as caught:
        find_token(file)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


# ── the stream ────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(text: str) -> Iterator[bytes]:
    return iter(text.encode().splitlines(keepends=True))


def test_messages_are_read_with_their_ids_and_kinds() -> None:
    text = 'retry: 2000\n\n: still here\n\nid: 7\nevent: event\ndata: {"a":1}\n\nid: 8\nevent: reset\ndata: {}\n\n'
    assert list(messages(lines(text))) == [Message("event", "7", '{"a":1}'), Message("reset", "8", "{}")]


def test_a_message_that_broke_off_is_not_told_and_its_id_is_not_taken() -> None:
    assert list(messages(lines("id: 7\ndata: x\n\nid: 8\ndata: y\n"))) == [Message("message", "7", "x")]


@given(st.lists(st.binary(max_size=20)))
def test_no_stream_breaks_the_reader(sent: list[bytes]) -> None:
    for one in messages(sent):
        assert one.data is not None


# ── what became of it ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_became_of_a_deed_is_said_in_one_line() -> None:
    run = Deed(path="/checks/web/run", doing="", done="web")
    look = {"status": "unhealthy", "message": "got 500", "duration": 0.012, "metrics": {}}
    assert outcome(run, look) == "web looks unhealthy: got 500 (12 ms)"
    heal = Deed(path="/rules/web/heal", doing="", done="web")
    record = {"outcome": "not_recovered", "duration": 2.5, "message": "still down", "steps": []}
    assert outcome(heal, record) == "rule web: not recovered after 2.5 s: still down"
    resume = Deed(path="/resume", doing="")
    assert outcome(resume, {"message": "automatic recovery goes on"}) == "automatic recovery goes on"
