"""The command line of Salus inside that of a framework: it asks the process that leads."""

from __future__ import annotations

import os
from typing import Any

import click

from salus.cli.check import VERDICTS, plugin_line
from salus.cli.client import FILE, Client
from salus.cli.errors import explain
from salus.cli.root import WRONG_USAGE, run
from salus.errors import SalusError
from salus.library.life import read_look
from salus.library.system import HealthSystem
from salus.model import CheckSpec

_WHERE = "SALUS_STATE_DIR"
_UNKNOWN = 3


def salus_command(health: HealthSystem, arguments: list[str]) -> int:
    """Run ``salus ARGUMENTS`` for a system; returns the exit code. A state folder that the environment names wins.

    ``check`` looks in the process that leads: what it needs (pools, settings, connections) is there and not here.
    """
    if arguments[:1] == ["check"]:
        try:
            return _check.main(arguments[1:], prog_name="salus check", standalone_mode=False, obj=health) or 0
        except click.ClickException as error:
            error.show()
            return WRONG_USAGE
    if arguments[:1] == ["health"] and not _says_where(arguments):
        arguments = ["health", f"--host={health.state_dir / FILE}", *arguments[1:]]  # it need not listen anywhere else
    if _WHERE in os.environ:
        return run(arguments)
    os.environ[_WHERE] = str(health.state_dir)
    try:
        return run(arguments)
    finally:
        del os.environ[_WHERE]


def _says_where(arguments: list[str]) -> bool:
    """Tell whether ``salus health`` is told whom to ask."""
    named = ("-H", "-p", "--host", "--port", "--state-dir")
    return not os.environ.keys().isdisjoint(("SALUS_LISTEN", _WHERE)) or any(
        each.startswith(named) for each in arguments
    )


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Look at every check.")
@click.pass_obj
def _check(health: HealthSystem, names: tuple[str, ...], everything: bool) -> int:
    """Look once, in the process that leads, and tell it as Nagios, Icinga and Checkmk expect it."""
    if bool(names) == everything:
        raise click.UsageError("name the checks to look at, or say --all")
    found: set[str] = set()
    try:
        client = Client(health.state_dir)
        for name in names or [check["name"] for check in client.status()["checks"]]:
            told: dict[str, Any] = client.act("checks", name, "run")
            look = read_look(told)
            click.echo(plugin_line(CheckSpec(name=name, kind=""), look))
            found.add(look.status.value)
    except SalusError as error:
        explain(error)
        click.echo(f"SALUS UNKNOWN - {' '.join(str(error).split())}")
        return _UNKNOWN
    return next((code for status, (_, code) in VERDICTS.items() if status in found), 0)
