"""``salus service``: start, stop and restart by hand."""

from __future__ import annotations

from pathlib import Path

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option


@click.group()
def service() -> None:
    """Start, stop or restart a service of a running Salus."""


def _ask(verb: str, name: str, config: Path | None, state_dir: Path | None, *, as_json: bool) -> None:
    from salus.cli.client import Client
    from salus.cli.output import Word, say

    told = Client(find_state_dir(config, state_dir)).act("services", name, verb)
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(told))
        return
    pid = f", pid {told['pid']}" if told["pid"] and not told["message"] else ""
    message = f": {told['message']}" if told["message"] else ""
    say(f"{name} ", Word(told["state"]), f"{pid}{message}")


@service.command()
@click.argument("name")
@config_option
@state_dir_option
@json_option
def start(name: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Start a service, and wait until it is ready."""
    _ask("start", name, config, state_dir, as_json=as_json)


@service.command(short_help="Stop a service, until a person starts it.")
@click.argument("name")
@config_option
@state_dir_option
@json_option
def stop(name: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Stop a service; Salus leaves it stopped until a person starts it again."""
    _ask("stop", name, config, state_dir, as_json=as_json)


@service.command()
@click.argument("name")
@config_option
@state_dir_option
@json_option
def restart(name: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Replace the running copy of a service by a new one."""
    _ask("restart", name, config, state_dir, as_json=as_json)
