"""Errors as a person reads them: what, where, the line itself, and the remedy."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import click

from salus.errors import ConfigError, Problem, SalusError

_WIDEST = 160
_LONGEST = 4096
_NAMED = re.compile(
    r"""(?ix) ( ["']? [\w-]* (?: secret | token | passw(?:or)?d | bearer | credentials? | authorization | [-_]key )
    ["']? \s* : \s* ) (?! [\s{\[] ) (?: "[^"]*"? | '[^']*'? | [^\s,}\]]+ )"""
)
_URL = re.compile(r"""(://)([^\s"'/@?\#,}\]]*@)?([^\s"'/@?\#,}\]]*)([^\s"',}\]]*)""")
_WORD = re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{16,}")


def explain(error: SalusError) -> None:
    """Tell an error on standard error: ``salus: what (remedy)``, or every problem of a config at its place."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            click.echo(problem_text(problem), err=True)
        count = len(error.problems)
        click.echo(f"salus: the config has {count} problem{'' if count == 1 else 's'}", err=True)
        return
    click.echo(f"salus: {one_line(error)}", err=True)


def one_line(error: SalusError) -> str:
    """Write an error as ``what (remedy)``."""
    return f"{error} ({error.remedy})" if error.remedy else str(error)


def problem_text(problem: Problem) -> str:
    """Write a problem as ``file:line:column: what (remedy)`` with the line of the file and a caret below it."""
    text = str(problem)
    line = _line(problem)
    if line is None:
        return text
    number = f"{problem.line:>5} | "
    line, at = line.expandtabs(1)[:_LONGEST], max(0, problem.column - 1)
    before, behind = without_secrets(line[:at]), without_secrets(line[at:])
    caret = f"\n{' ' * (len(number) - 2)}| {' ' * len(before)}^" if problem.column and len(before) < _WIDEST else ""
    return f"{text}\n{number}{(before + behind)[:_WIDEST]}{caret}"


def without_secrets(line: str) -> str:
    """Hide in a line of a config whatever may be a secret: it is shown in the logs of whoever starts us, too.

    1. The value of a key that is called like one.
    2. User, path and query of a URL.
    3. A long word of letters and digits, wherever it stands: nobody can know what a config that cannot be read means.
    """
    line = _NAMED.sub(r"\1***", line)
    line = _URL.sub(lambda found: f"{found[1]}{'***@' if found[2] else ''}{found[3]}{'/***' if found[4] else ''}", line)
    return _WORD.sub("***", line)


def _line(problem: Problem) -> str | None:
    if problem.line < 1:
        return None
    try:
        with Path(problem.file).open(encoding="utf-8", errors="replace") as lines:
            found = next(islice(lines, problem.line - 1, None), None)
    except OSError:
        return None
    return found.rstrip("\n") if found is not None else None
