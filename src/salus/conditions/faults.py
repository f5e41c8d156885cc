"""What the compiler complains of, in words that help."""

from __future__ import annotations

import re

from salus.conditions.words import FUNCTIONS, STANDARD, VARIABLES, nearest, usage
from salus.errors import ConditionError

_COMPLAINT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_NO_PARTS = re.compile(r"expression of type '([^']*)' cannot be the operand of a select operation")
_SYNTAX = re.compile(r"Syntax error: (.*)")
_INPUT = re.compile(r"(?:input|token recognition error at:|missing .* at|alternative at input) '(.+?)'(?: |$|,)")
# What people write who come from another language, and what CEL wants.
_FOREIGN = {
    "and": "write && instead of and",
    "or": "write || instead of or",
    "not": "write ! instead of not",
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
}


def explain(complaint: str, text: str) -> ConditionError:
    """Turn what the compiler said into an error that points at its place and names the remedy.

    Args:
        complaint: the compiler's words.
        text: the expression.
    """
    found = _COMPLAINT.search(complaint)
    if not found:
        return ConditionError("this condition is too deeply nested", remedy="split it, or write it flatter")
    line, column, what = max(1, int(found[1])), max(1, int(found[2])), found[3].removesuffix(" [INVALID_ARGUMENT]")
    if int(found[1]) < 0:
        return ConditionError("this condition is too deeply nested", remedy="split it, or write it flatter")
    if match := _UNDECLARED.search(what):
        return _unknown(match[1], text, line, column)
    if match := _NO_OVERLOAD.search(what):
        return _mismatch(match[1], match[2], line, column)
    if match := _SYNTAX.search(what):
        return _syntax(match[1], line, column)
    if match := _NO_PARTS.search(what):
        return ConditionError(
            f"a {match[1]} has no parts", line=line, column=column, remedy="remove this dot and its word"
        )
    return ConditionError(what[:1].lower() + what[1:], line=line, column=column)


def _unknown(name: str, text: str, line: int, column: int) -> ConditionError:
    lines = text.split("\n")
    rest = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    if not rest.startswith("("):
        remedy = nearest(name, VARIABLES) or f"known are {', '.join(VARIABLES)}; a metric is metrics.{name}"
        return ConditionError(f"there is no variable {name!r}", line=line, column=column, remedy=remedy)
    column = max(1, column - len(name))  # a call is told at its bracket
    if name in FUNCTIONS:
        return ConditionError(f"{name}() does not take that", line=line, column=column, remedy=usage(name))
    remedy = nearest(name, (*FUNCTIONS, *STANDARD)) or f"Salus' own are {', '.join(FUNCTIONS)}"
    return ConditionError(f"there is no function {name!r}", line=line, column=column, remedy=remedy)


def _mismatch(name: str, types: str, line: int, column: int) -> ConditionError:
    if name in FUNCTIONS:
        problem = f"{name}() does not take ({types})"
        return ConditionError(problem, line=line, column=max(1, column - len(name)), remedy=usage(name))
    sign = {"@in": "in", "_?_:_": "? :", "_[_]": "[ ]"}.get(name) or name.strip("_@")
    remedy = "both sides must be of one kind: a text stands in quotes, a number does not"
    if sign in {"&&", "||", "!", "? :"}:
        remedy = "only what is true or false can be joined: compare it first"
    return ConditionError(f"{sign!r} does not take ({types})", line=line, column=column, remedy=remedy)


def _syntax(what: str, line: int, column: int) -> ConditionError:
    what = what.split(" expecting ", maxsplit=1)[0]
    met = _INPUT.search(what)
    word = met[1].strip() if met else ""
    first = word.split(" ", maxsplit=1)[0]
    if word == "<EOF>":
        problem, remedy = "the condition ends too early", "complete it, and close every bracket and quote"
    elif word[:1] in {"'", '"'}:
        problem, remedy = "this text is never closed", "close the quote"
    elif first in _FOREIGN:
        problem, remedy = f"{first!r} is not understood here", _FOREIGN[first]
    elif word:
        problem, remedy = f"{word[:40]!r} is not understood here", "look at what stands before it, too"
    else:
        problem, remedy = f"this is no expression: {what}", "see the page on conditions"
    return ConditionError(problem, line=line, column=column, remedy=remedy)
