"""``salus pause``, ``salus resume``: stop all automatic recovery or set one check aside, and let it go on."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

import click

from salus.cli.common import DurationType, config_option, find_state_dir, json_option, state_dir_option


@click.command(short_help="Stop all automatic recovery, or set one check aside.")
@click.argument("words", nargs=-1, metavar="[REASON]...")
@click.option("--all", "everything", is_flag=True, help="All automatic recovery.")
@click.option("--check", "check", metavar="NAME", help="Only this check: do not even look at it.")
@click.option("--for", "seconds", type=DurationType(), help="For how long: 30m, 2h.  [default: until salus resume]")
@click.option("--reason", default="", metavar="TEXT", help="Why; it may as well stand at the end.")
@config_option
@state_dir_option
@json_option
def pause(words: tuple[str, ...], config: Path | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Stop all automatic recovery: Salus goes on looking and telling, and touches nothing.

    With --check, set one check aside instead: nobody looks at it, its alerts end, nothing is healed for it, it holds no
    other check back and does not count in the whole. Other checks of the same service are not touched by that: to leave
    a service alone while it is worked on, open a maintenance window.

    Both hold over a restart of Salus. What is being healed already goes on to its end (salus cancel ends it). People
    may still look, heal and restart by hand.

    Example: salus pause --check web --for 1h the test page is being rebuilt
    """
    check = wanted["check"]
    if (check is not None) == wanted["everything"]:
        message = (
            "say --all to stop all automatic recovery, or --check NAME to set one check aside "
            "(for a service that is worked on: salus maintenance start --for 30m --service NAME)"
        )
        raise click.UsageError("either --all or --check, not both" if wanted["everything"] else message)
    from salus.cli.client import Client

    client = Client(find_state_dir(config, state_dir))
    body = {"seconds": wanted["seconds"], "reason": wanted["reason"] or " ".join(words)}
    told = client.post("pause", body) if check is None else client.act("checks", check, "pause", body)
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(told))
        return
    from salus.cli.output import local, parse_instant

    what = "all automatic recovery" if check is None else f"check {check}"
    command = "salus resume" if check is None else f"salus resume --check {quote(check)}"
    until = f"until {local(parse_instant(told['until']))}" if told["until"] else f"until somebody says {command}"
    reason_given = f": {told['reason']}" if told["reason"] else ""
    click.echo(f"{what} is paused {until}{reason_given}")


@click.command(short_help="End a pause, and look at once at what is bad.")
@click.option("--check", "check", metavar="NAME", help="The pause of this check, not that of everything.")
@config_option
@state_dir_option
def resume(check: str | None, config: Path | None, state_dir: Path | None) -> None:
    """End the pause of all recovery, or with --check that of one check, and look at once at what is bad."""
    from salus.cli.client import Client

    client = Client(find_state_dir(config, state_dir))
    told = client.post("resume", {}) if check is None else client.act("checks", check, "resume", {})
    click.echo(told["message"])
