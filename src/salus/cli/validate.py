"""``salus validate``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from salus.cli.common import config_option, find_config, json_option
from salus.errors import ConfigError, Problem

_OF_ITS_OWN = ("alert_rules", "channels")


@click.command(short_help="Read a config and say everything that is wrong with it.")
@click.argument("path", required=False, type=click.Path(path_type=Path, allow_dash=True))
@config_option
@json_option
def validate(path: Path | None, config: Path | None, as_json: bool) -> int:
    """Read a config and say everything that is wrong with it; - reads standard input.

    Exits with 0 when it is valid, with 1 when it is not.
    """
    from salus.app.build import resolve
    from salus.config import load, loads
    from salus.config.alert_defaults import implied

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    settings = None
    counts = {"checks": 0, "services": 0, "rules": 0, "alert_rules": 0, "channels": 0}
    try:
        settings = loads(_standard_input(), name="<stdin>") if str(path) == "-" else load(find_config(path or config))
        resolved = resolve(settings)
    except ConfigError as error:
        problems = error.problems
    else:
        warnings = (*settings.warnings, *([] if resolved.checks else [_nothing_watched(path or config)]))
        counts = {
            "checks": len(resolved.checks),
            "services": len(resolved.services),
            "rules": len(resolved.rules),
            "alert_rules": sum(not rule.builtin for rule in settings.alerts.rules),
            "channels": sum(not implied(channel) for channel in settings.alerts.channels.values()),
        }
    if as_json:
        _show_json(problems, warnings, counts)
    else:
        _show_text(problems, warnings, counts, whole=settings is not None)
    return 1 if problems else 0


def _nothing_watched(path: Path | None) -> Problem:
    return Problem(
        file="<stdin>" if str(path) == "-" else str(find_config(path)),
        line=0,
        column=0,
        path="",
        what="nothing is watched: there is no check in it",
        remedy="add one, such as checks: {memory: memory}; what an application declares in code is not looked at here",
    )


def _standard_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _show_json(problems: tuple[Problem, ...], warnings: tuple[Problem, ...], counts: dict[str, int]) -> None:
    from salus.surfaces import wire

    told = {"valid": not problems, "problems": problems, "warnings": warnings, **({} if problems else counts)}
    click.echo(wire.pretty(told))


def _show_text(
    problems: tuple[Problem, ...], warnings: tuple[Problem, ...], counts: dict[str, int], *, whole: bool
) -> None:
    """Print what was found; ``whole``: kinds, their options and conditions were looked at too, which come second."""
    from salus.cli.errors import problem_text

    for problem in problems:
        click.echo(problem_text(problem))
    for warning in warnings:
        click.echo(f"warning: {problem_text(warning)}")
    if problems:
        more = "" if whole else "; more may show once that is mended"
        click.echo(f"not valid: {_count(len(problems), 'problems')}{more}")
    else:
        # Alert rules and channels are there without being written: "0 alert rules" would say that nobody is told.
        shown = {what: number for what, number in counts.items() if number or what not in _OF_ITS_OWN}
        click.echo("valid: " + ", ".join(_count(number, what) for what, number in shown.items()))


def _count(number: int, what: str) -> str:
    noun = what.removesuffix("s") if number == 1 else what
    return f"{number} {noun.replace('_', ' ')}"
