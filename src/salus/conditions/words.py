"""The words of the language: what a condition may name, and how to call what looks back."""

from __future__ import annotations

from collections.abc import Collection

from salus.conditions.windows import MEASURES

# What every check has: the variables, and the same words below `checks.<name>`.
FIELDS = ("status", "message", "metrics", "metadata", "cause", "failures", "flapping")
VARIABLES = (*FIELDS, "checks")
COUNT_BAD = "count_bad"
FUNCTIONS = (*MEASURES, COUNT_BAD)

# What CEL brings along and is of use here; for "did you mean".
STANDARD = (
    "all", "bool", "contains", "double", "duration", "endsWith", "exists", "exists_one", "filter", "getHours", "has",
    "int", "map", "matches", "size", "startsWith", "string", "timestamp", "uint",
)  # fmt: skip


def usage(function: str) -> str:
    """Say how one of Salus' functions is called."""
    if function == COUNT_BAD:
        return f"write {COUNT_BAD}(['web', 'api', 'db']) with the names of checks in quotes"
    return f"write {function}('metric', '10m') or {function}('check', 'metric', '10m'), each in quotes"


def nearest(word: str, known: Collection[str]) -> str:
    """Return ``did you mean 'x'?`` for the known word that is nearest, or an empty string."""
    from difflib import get_close_matches

    matches = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""
