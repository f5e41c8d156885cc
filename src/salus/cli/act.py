"""``salus heal``, ``salus cancel``, ``salus reset``, ``salus reload``: what a person asks of a running Salus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from salus.cli.common import config_option, find_state_dir, json_option, state_dir_option


@click.command()
@click.argument("rule")
@config_option
@state_dir_option
@json_option
def heal(rule: str, config: Path | None, state_dir: Path | None, as_json: bool) -> int:
    """Run a rule now, and wait for how it ends.

    Thresholds, cooldown and budgets do not count for a person. That only one recovery works on a target at a time, and
    that only a passing check is success, holds as ever. Exits with 0 when the check passes in the end, else with 1.
    """
    from salus.cli.client import Client

    record = Client(find_state_dir(config, state_dir)).act("rules", rule, "heal")
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(record))
    else:
        show_recovery(record)
    return 0 if record["outcome"] == "recovered" else 1


@click.command(short_help="Call a recovery off that runs.")
@click.argument("recovery", metavar="RECOVERY|RULE")
@config_option
@state_dir_option
@json_option
def cancel(recovery: str, config: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Call a recovery off that runs, by its id or the name of its rule, and wait until what it did has ended.

    The action that runs is ended, with all that it started, and no further one begins. It counts as an attempt, and the
    cooldown begins: nothing is healed again at once. To keep it so for longer, pause or switch the rule off.

    Example: salus cancel web
    """
    from salus.cli.client import Client

    record = Client(find_state_dir(config, state_dir)).act("recoveries", recovery, "cancel", {})
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty(record))
    else:
        show_recovery(record)


def show_recovery(record: dict[str, Any]) -> None:
    """Print a recovery and its steps."""
    from salus.cli.output import Table, Word, say, span

    words = f": {record['message']}" if record["message"] else ""
    took = f" after {span(record['duration'])}" if record["duration"] is not None else ""
    say(f"{record['rule']} ", Word(record["outcome"] or "running"), f"{took}{words}")
    table = Table(["step", "action", "result", "took", "check after", "message"])
    for step in record["steps"]:
        passed = {True: "passes", False: "still fails", None: ""}[step["verified"]]
        table.rows.append(
            [
                str(step["position"]),
                step["action"],
                Word(step["result"]),
                span(step["duration"]),
                passed,
                step["message"],
            ]
        )
    table.show()


@click.command(short_help="Give a rule all its attempts back.")
@click.argument("rule")
@config_option
@state_dir_option
def reset(rule: str, config: Path | None, state_dir: Path | None) -> None:
    """Give a rule all its attempts back, also after it has given up."""
    from salus.cli.client import Client

    click.echo(Client(find_state_dir(config, state_dir)).act("rules", rule, "reset")["message"])


@click.command()
@config_option
@state_dir_option
def reload(config: Path | None, state_dir: Path | None) -> None:
    """Have a running Salus read its config again.

    A config with a problem in it is refused, and the last good one stays in force.
    """
    from salus.cli.client import Client

    click.echo(f"reloaded: {Client(find_state_dir(config, state_dir)).reload()}")
