"""Errors as a person reads them: what, where, the line itself, and the remedy."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from salus.errors import ConfigError, Problem, SalusError

_WIDEST = 160


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
    shown = line.expandtabs(1)[:_WIDEST]
    caret = f"\n{' ' * (len(number) - 2)}| {' ' * (problem.column - 1)}^" if 0 < problem.column <= _WIDEST else ""
    return f"{text}\n{number}{shown}{caret}"


def _line(problem: Problem) -> str | None:
    if problem.line < 1:
        return None
    try:
        with Path(problem.file).open(encoding="utf-8", errors="replace") as lines:
            found = next(islice(lines, problem.line - 1, None), None)
    except OSError:
        return None
    return found.rstrip("\n") if found is not None else None
