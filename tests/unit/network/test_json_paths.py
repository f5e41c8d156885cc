"""Paths into JSON documents, and what is expected there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.checks._json_path import MissingValueError, expectation, find, parse

DOCUMENT = {"a": {"b": [1, {"c": "x"}, [2, 3]]}, "odd key": {"d.e": True}, "": 0, "7": "seven", "n": None}


@pytest.mark.parametrize(
    "path,steps",
    [
        ("$", ()),
        ("", ()),
        ("$.a.b", ("a", "b")),
        ("a.b[0]", ("a", "b", 0)),
        ("a.b[-1][0]", ("a", "b", -1, 0)),
        ("$['odd key'][\"d.e\"]", ("odd key", "d.e")),
        ("$[2].x", (2, "x")),
    ],
)
def test_paths_are_read(path: str, steps: tuple[str | int, ...]) -> None:
    assert parse(path) == steps


@pytest.mark.parametrize("path", ["a..b", "a[", "a[x]", "a.b.", "a[0]b", "$$", "a['x]", "a]", "a.*[?(1)]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        parse(path)


@pytest.mark.parametrize(
    "path,value",
    [("a.b[1].c", "x"), ("a.b.1.c", "x"), ("['odd key']['d.e']", True), ("7", "seven"), ("[7]", "seven"), ("n", None)],
)
def test_values_are_found(path: str, value: object) -> None:
    assert find(DOCUMENT, parse(path)) == value


@pytest.mark.parametrize("path", ["b", "a.b[9]", "a.b[-9]", "a.b.c", "a.b[0].c", "n.x", "a['b']['c']"])
def test_what_is_not_there_is_missing(path: str) -> None:
    with pytest.raises(MissingValueError):
        find(DOCUMENT, parse(path))


@pytest.mark.parametrize(
    "wanted,value,met",
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (None, None, True),
        (["a"], ["a"], True),
        ({"equals": {"x": 1}}, {"x": 1}, True),
        ({"not_equals": "down"}, "up", True),
        ({"not_equals": "down"}, "down", False),
        ({"above": 1, "below": 3}, 2, True),
        ({"above": 1, "below": 3}, 3, False),
        ({"above": 0}, "5", False),
        ({"above": 0}, True, False),
        ({"matches": "^v[0-9]+"}, "v12", True),
        ({"matches": "^v[0-9]+"}, 12, False),
        ({"exists": True}, None, True),
        ({"exists": False}, None, False),
    ],
)
def test_values_are_compared(wanted: Any, value: Any, met: bool) -> None:
    assert (expectation("x", wanted).unmet({"x": value}) == "") is met


@pytest.mark.parametrize("wanted", [{"abov": 1}, {"above": "1"}, {"matches": "("}, {"matches": 1}, {"exists": 1}])
def test_comparisons_that_cannot_be_are_refused(wanted: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        expectation("x", wanted)


@given(st.text())
def test_any_text_is_a_path_or_refused(path: str) -> None:
    try:
        steps = parse(path)
    except ValueError:
        return
    assert all(isinstance(step, str | int) for step in steps)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_JSON, st.lists(st.text() | st.integers(-5, 5)), _JSON)
def test_looking_into_any_document_never_breaks(document: Any, steps: list[str | int], wanted: Any) -> None:
    with suppress(MissingValueError):
        find(document, tuple(steps))
    assert expectation("$", {"equals": wanted}).unmet(wanted) == ""
