from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.errors import MatcherError
from salus.matchers import OF_ALERTS, in_words, matches, parse_matchers
from salus.model import Matcher, Matching

LABELS = {"level": "critical", "component": "web-1", "said": 'a "quoted" \\ word\nand another'}


@pytest.mark.parametrize(
    "text, expected",
    [
        ('level="critical"', True),
        ("level=critical", True),
        ('{level="critical", component=~"web-."}', True),
        ('level="critical",component="db"', False),
        ('component=~"web"', False),  # the whole value must match
        ('component!~"db.*"', True),
        ('missing=""', True),
        ('missing!="x" ,  level = "critical" , ', True),
        (r'said="a \"quoted\" \\ word\nand another"', True),
    ],
)
def test_matchers_compare_labels_as_alertmanager_does(text: str, *, expected: bool) -> None:
    assert matches(parse_matchers(text), LABELS) is expected


@pytest.mark.parametrize(
    "text, column, part",
    [
        ("", 1, "no matcher"),
        ("{}", 1, "no matcher"),
        ('level "critical"', 7, "expected ="),
        ('level="critical', 7, "not closed"),
        ("level=", 7, "value is missing"),
        ('level="a" component="b"', 11, "comma"),
        ('{level="a"', 10, "brace"),
        ('=~"x"', 1, "label"),
        ('level=~"("', 8, "regular expression"),
        ('level=~"(a+)+b"', 8, "for ever"),
        ("x" * 3000, 2000, "longer"),
    ],
)
def test_a_bad_matcher_says_where_and_what_to_do(text: str, column: int, part: str) -> None:
    with pytest.raises(MatcherError, match=part) as caught:
        parse_matchers(text)
    assert caught.value.column == column
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text", ["level=critcal", 'level="Critical"', "level!=crit", "a=b, level=~crit", 'level!~"x.*"']
)
def test_a_level_that_no_alert_has_is_a_mistake_and_not_a_route_that_never_matches(text: str) -> None:
    assert parse_matchers(text), "labels of others have any value"
    with pytest.raises(MatcherError, match="no level") as caught:
        parse_matchers(text, OF_ALERTS)
    assert caught.value.column == text.index("level") + 1
    assert caught.value.remedy
    assert "info, warning, critical" in caught.value.remedy


@pytest.mark.parametrize("text", ["level=info", "level!=info", 'level=~"crit.*|warning"', 'level=~".*"', 'level!=""'])
def test_what_some_level_matches_is_a_matcher(text: str) -> None:
    assert parse_matchers(text, OF_ALERTS) == parse_matchers(text)


NAMES = st.from_regex(r"[a-z_]{1,9}", fullmatch=True)
MADE = st.builds(Matcher, NAMES, st.sampled_from([Matching.EQUAL, Matching.NOT_EQUAL]), st.text(max_size=30))


@given(st.lists(MADE, min_size=1, max_size=5))
def test_what_is_written_is_read_again_as_the_same(made: list[Matcher]) -> None:
    assert parse_matchers(in_words(tuple(made))) == tuple(made)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        column = 1 if parse_matchers(text) else 0
    except MatcherError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
