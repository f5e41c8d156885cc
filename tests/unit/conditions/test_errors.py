"""A condition that cannot be understood says where, and what to do."""

from __future__ import annotations

import sys

import pytest

from salus.conditions import compile_condition, language
from salus.errors import ConditionError, MissingExtraError

USAGE = "write avg('metric', '10m') or avg('check', 'metric', '10m'), each in quotes"
ONE_KIND = "both sides must be of one kind: a text stands in quotes, a number does not"
COMPARE = "compare it with something, as in metrics.rss_bytes > 1e9"


@pytest.mark.parametrize(
    "text, place, what, remedy",
    [
        ("statuss == 'healthy'", (1, 1), "there is no variable 'statuss'", "did you mean 'status'?"),
        ("failures > 1 && flaping", (1, 17), "there is no variable 'flaping'", "did you mean 'flapping'?"),
        ("'ä' == mesage", (1, 8), "there is no variable 'mesage'", "did you mean 'message'?"),
        ("failures > 1 &&\n  flaping", (2, 3), "there is no variable 'flaping'", "did you mean 'flapping'?"),
        ("1 < avrg('x', '10m')", (1, 5), "there is no function 'avrg'", "did you mean 'avg'?"),
        ("avg('x') > 1", (1, 1), "avg() does not take that", USAGE),
        ("1 < avg('x', 10)", (1, 5), "avg() does not take (string, int)", USAGE),
        ("avg('x', message) > 1", (1, 1), "avg() takes texts that stand in the condition", USAGE),
        (
            "avg('x', '10 min') > 1",
            (1, 10),
            "'10 min' is not a duration: write it like 500ms, 30s, 5m or 1h30m",
            USAGE,
        ),
        ("avg('x', '0s') > 1", (1, 10), "a window must be longer than nothing", USAGE),
        (
            "count_bad(metadata.names) > 1",
            (1, 1),
            "count_bad() takes a list of names",
            "write count_bad(['web', 'api', 'db']) with the names of checks in quotes",
        ),
        (
            "true && checks.db",
            (1, 9),
            "checks stands here without the name of a check and what is asked of it",
            "write checks.web.status or checks['web-1'].metrics.rss_bytes",
        ),
        (
            "checks.all(name, checks[name].failures > 1)",
            (1, 1),
            "checks stands here without the name of a check and what is asked of it",
            "write checks.web.status or checks['web-1'].metrics.rss_bytes",
        ),
        ("checks['db-1'].metric.x > 1", (1, 1), "a check has no 'metric'", "did you mean 'metrics'?"),
        ("status == 1", (1, 8), "'==' does not take (string, int)", ONE_KIND),
        ("metrics.x > '1'", (1, 11), "'>' does not take (double, string)", ONE_KIND),
        (
            "failures && flapping",
            (1, 10),
            "'&&' does not take (int, bool)",
            "only what is true or false can be joined: compare it first",
        ),
        ("failures > 1 and flapping", (1, 14), "'and' is not understood here", "write && instead of and"),
        ("failures = 1", (1, 10), "'=' is not understood here", "write == to compare"),
        ("flapping & flapping", (1, 10), "'&' is not understood here", "write && for and"),
        (
            "(failures > 1",
            (1, 14),
            "the condition ends too early",
            "complete it, and close every bracket and quote",
        ),
        ("failures >", (1, 11), "the condition ends too early", "complete it, and close every bracket and quote"),
        ("status == 'healthy", (1, 11), "this text is never closed", "close the quote"),
        ("metrics.x", (1, 1), "a condition is true or false, and this is of type double", COMPARE),
        ("'healthy'", (1, 1), "a condition is true or false, and this is of type string", COMPARE),
        (
            "metrics.cpu.x > 1",
            (1, 12),
            "a double has no parts",
            "remove this dot and its word",
        ),
        (" ", (1, 1), "the condition is empty", "write one, such as metrics.rss_bytes > 1e9"),
        (
            "failures > 1 || " * 200 + "true",
            (1, 1),
            "the condition is longer than 2000 characters",
            "split it over several rules",
        ),
        (
            "(" * 200 + "true" + ")" * 200,
            (1, 1),
            "this condition is too deeply nested",
            "split it, or write it flatter",
        ),
        (
            "[" * 99 + "]" * 99 + " == []",
            (1, 1),
            "this condition is too deeply nested",
            "split it, or write it flatter",
        ),
    ],
)
def test_an_error_names_the_place_the_trouble_and_the_remedy(
    text: str, place: tuple[int, int], what: str, remedy: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(text)
    error = caught.value
    assert ((error.line, error.column), str(error), error.remedy) == (place, what, remedy)


def test_an_unknown_word_alone_is_taken_for_a_metric() -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition("rss_bytes > 1e9")
    assert caught.value.remedy is not None
    assert caught.value.remedy.endswith("a metric is metrics.rss_bytes")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    language.environment.cache_clear()
    with pytest.raises(MissingExtraError) as caught:
        compile_condition("failures > 1")
    assert caught.value.remedy == "pip install 'salus[conditions]'"
