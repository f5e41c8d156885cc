r"""Matchers over labels, as Prometheus and Alertmanager users write them: ``level="critical", component=~"web.*"``.

Grammar: matchers parted by commas, perhaps in braces. A matcher is a label, one of ``=``, ``!=``, ``=~``, ``!~``, and a
value in double quotes (with ``\"``, ``\\`` and ``\n``) or a bare word. A regular expression must match the whole value;
a label that is missing is the empty string.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

from salus.errors import MatcherError
from salus.model import Level, Matcher, Matchers, Matching

LONGEST = 2000
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_OPERATOR = re.compile(r"!=|=~|!~|=")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r'[^\s,{}"=!~]+')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BLANK = re.compile(r"\s*")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_MARKS = {one.value: one for one in Matching}

Known = Mapping[str, Collection[str]]
OF_ALERTS: Known = {"level": tuple(Level)}
"""The labels of Salus' own alerts of which all values are known."""
# Nested repetition, as in (a+)+, can take for ever on a value that almost matches.
_RUNAWAY = re.compile(r"\([^()]*[+*][^()]*\)\s*(?:[+*]|\{\d*,)")


def parse_matchers(text: str, known: Known | None = None) -> Matchers:
    """Read matchers.

    Args:
        text: as people write them.
        known: labels of which all values are known, such as ``OF_ALERTS``. What can match none of them, or excludes
            none, is a mistake that would be seen only when nobody is told.

    Returns:
        At least one matcher.

    Raises:
        MatcherError: that is none; says at which column, and the remedy.
    """
    if len(text) > LONGEST:
        raise MatcherError(f"these matchers are longer than {LONGEST} characters", column=LONGEST, remedy="say less")
    begin, end = _inside(text)
    found: list[Matcher] = []
    place = _skip(text, begin)
    while place < end:
        begins = place
        matcher, place = _matcher(text, place, end)
        _see_value(matcher, (known or {}).get(matcher.label, ()), begins + 1)
        found.append(matcher)
        place = _skip(text, place)
        if place < end:
            if text[place] != ",":
                raise MatcherError(
                    f"expected a comma, got {text[place]!r}", column=place + 1, remedy="part matchers by commas"
                )
            place = _skip(text, place + 1)
    if not found:
        raise MatcherError("no matcher is given", column=1, remedy='write one such as level="critical"')
    return tuple(found)


def _inside(text: str) -> tuple[int, int]:
    """Return where the matchers begin and end: without the braces, if there are any."""
    begin, end = _skip(text, 0), len(text.rstrip())
    if begin < end and text[begin] == "{":
        if text[end - 1] != "}":
            raise MatcherError("the brace is not closed", column=end, remedy="add } at the end, or leave out the {")
        return begin + 1, end - 1
    return begin, end


def _skip(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place


def _matcher(text: str, place: int, end: int) -> tuple[Matcher, int]:
    label = _LABEL.match(text, place, end)
    if label is None:
        raise MatcherError(
            f"expected a label, got {text[place : place + 10]!r}",
            column=place + 1,
            remedy='write label="value", such as level="critical"',
        )
    place = _skip(text, label.end())
    mark = _OPERATOR.match(text, place, end)
    if mark is None:
        raise MatcherError(
            f"expected =, !=, =~ or !~ after {label.group()!r}", column=place + 1, remedy=f'write {label.group()}="..."'
        )
    place = _skip(text, mark.end())
    value, after = _value(text, place, end)
    matcher = Matcher(label.group(), _MARKS[mark.group()], value)
    if matcher.matching in (Matching.REGEX, Matching.NOT_REGEX):
        _see_regex(value, place + 1)
    return matcher, after


def _value(text: str, place: int, end: int) -> tuple[str, int]:
    if place < end and text[place] == '"':
        quoted = _QUOTED.match(text, place, end)
        if quoted is None:
            raise MatcherError("the quote is not closed", column=place + 1, remedy='add " after the value')
        return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[0]), quoted[1]), quoted.end()
    bare = _BARE.match(text, place, end)
    if bare is None:
        raise MatcherError("the value is missing", column=place + 1, remedy='write it in double quotes: label="value"')
    return bare.group(), bare.end()


def _see_value(matcher: Matcher, known: Collection[str], column: int) -> None:
    if not known or not matcher.value:  # the empty value asks whether there is such a label
        return
    wanted = matcher.matching in (Matching.EQUAL, Matching.REGEX)
    if any(_matches(matcher, value) is wanted for value in known):
        return
    regex = matcher.matching in (Matching.REGEX, Matching.NOT_REGEX)
    whole = "a regular expression must match the whole of it; " if regex else ""
    what = f"no {matcher.label} {'matches' if regex else 'is'} {matcher.value!r}"
    raise MatcherError(what, column=column, remedy=f"{whole}known are {', '.join(known)}")


def _see_regex(pattern: str, column: int) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise MatcherError(
            f"{pattern!r} is no regular expression: {error}", column=column, remedy="correct it, or compare with ="
        ) from error
    if _RUNAWAY.search(pattern):
        raise MatcherError(
            f"{pattern!r} repeats what repeats itself, which may take for ever",
            column=column,
            remedy="write it without a repetition inside a repeated group",
        )


def matches(matchers: Matchers, labels: Mapping[str, str]) -> bool:
    """Tell whether all matchers match; no matcher at all matches everything."""
    return all(_matches(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _matches(matcher: Matcher, value: str) -> bool:
    if matcher.matching is Matching.EQUAL:
        return value == matcher.value
    if matcher.matching is Matching.NOT_EQUAL:
        return value != matcher.value
    found = _compiled(matcher.value).fullmatch(value) is not None
    return found if matcher.matching is Matching.REGEX else not found


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def in_words(matchers: Matchers) -> str:
    """Write matchers as they are read; ``everything`` for none."""
    return ", ".join(str(matcher) for matcher in matchers) or "everything"
