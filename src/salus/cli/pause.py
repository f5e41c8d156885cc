"""``salus pause``, ``salus resume``: stop all automatic recovery, and let it go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from salus.cli.common import DurationType, config_option, find_state_dir, json_option, state_dir_option


@click.command(short_help="Stop all automatic recovery for a while.")
@click.argument("reason", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Yes, all of it: there is no narrower pause.")
@click.option("--for", "seconds", type=DurationType(), help="For how long: 30m, 2h.  [default: until salus resume]")
@config_option
@state_dir_option
@json_option
def pause(reason: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Stop all automatic recovery: Salus goes on looking and telling, and touches nothing.

    It holds over a restart of Salus. What is being healed already goes on to its end. People may still heal and restart
    by hand. For less than everything, open a maintenance window.

    Example: salus pause --all --for 1h moving the database
    """
    if not wanted["everything"]:
        message = (
            "a pause holds all automatic recovery: say --all if that is meant "
            "(for less: salus maintenance start --for 30m --service NAME)"
        )
        raise click.UsageError(message)
    from salus.cli.client import Client

    body = {"seconds": wanted["seconds"], "reason": " ".join(reason)}
    told = Client(find_state_dir(config, state_dir)).post("pause", body)
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(told))
        return
    from salus.cli.output import local, parse_instant

    until = f"until {local(parse_instant(told['until']))}" if told["until"] else "until somebody says salus resume"
    reason_given = f": {told['reason']}" if told["reason"] else ""
    click.echo(f"all automatic recovery is paused {until}{reason_given}")


@click.command()
@config_option
@state_dir_option
def resume(config: Path | None, state_dir: Path | None) -> None:
    """End the pause, and look at once at what is bad."""
    from salus.cli.client import Client

    click.echo(Client(find_state_dir(config, state_dir)).post("resume", {})["message"])
