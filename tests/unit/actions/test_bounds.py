from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.bounds import bounded

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text() | st.integers(), inner, max_size=30),
    max_leaves=60,
)
TEXT = st.text(st.characters(codec="utf-8"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXT, inner, max_size=8),
    max_leaves=30,
)


def size(value: object) -> int:
    return len(json.dumps(value, allow_nan=False))


@given(VALUES, st.integers(64, 2000))
def test_whatever_comes_in_the_json_stays_within_the_limit(value: object, limit: int) -> None:
    assert size(bounded(value, limit)) <= limit


@given(VALUES, st.integers(64, 500))
def test_what_was_bounded_once_is_left_alone_the_second_time(value: object, limit: int) -> None:
    once = bounded(value, limit)
    assert bounded(once, limit) == once


@given(PLAIN)
def test_plain_json_that_fits_comes_back_unchanged(value: object) -> None:
    assert bounded(value, 64 + 2 * size(value)) == value


@given(st.text(min_size=1000), st.integers(200, 400))
def test_a_long_text_keeps_its_beginning_and_its_end(text: str, limit: int) -> None:
    cut = bounded("<begin>" + text + "<end>", limit)
    assert isinstance(cut, str)
    assert cut.startswith("<begin>")
    assert cut.endswith("<end>")
    assert "characters left out" in cut


def test_lines_of_a_log_keep_the_first_and_the_last_and_say_how_many_are_gone() -> None:
    lines = [f"line {number}" for number in range(10_000)]
    cut = bounded(lines, 4096)
    assert isinstance(cut, list)
    assert cut[0] == "line 0"
    assert cut[-1] == "line 9999"
    assert any(isinstance(line, str) and "members left out" in line for line in cut)
    assert 3000 < size(cut) <= 4096


def test_one_huge_member_does_not_push_out_the_small_ones() -> None:
    cut = bounded({"pid": 4711, "output": "x" * 1_000_000, "state": "sleeping"}, 1000)
    assert cut["pid"] == 4711
    assert cut["state"] == "sleeping"
    assert size(cut) > 900


def test_a_container_inside_itself_ends() -> None:
    ring: list[object] = [1]
    ring.extend([ring] * 100)
    assert size(bounded(ring, 1000)) <= 1000


def test_a_broken_repr_loses_nothing_else() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    assert bounded({"good": 1, "bad": Broken()}) == {"good": 1, "bad": "<Broken>"}


def test_other_types_become_text() -> None:
    cut = bounded({"path": Path("/a"), "error": ValueError("no"), "number": float("nan"), 3: (1, 2)})
    assert cut == {"path": "/a", "error": "ValueError('no')", "number": "nan", "3": [1, 2]}


def test_a_limit_too_small_to_say_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        bounded("x", 63)
