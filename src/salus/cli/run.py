"""``salus run``."""

from __future__ import annotations

from pathlib import Path

import click

from salus.cli.common import config_option, find_config

FORMATS = ["console", "json"]
LEVELS = ["debug", "info", "warning", "error", "critical"]


@click.command()
@config_option
@click.option("--no-heal", is_flag=True, help="Watch and tell, but never act on a rule by itself.")
@click.option(
    "--log-format", type=click.Choice(FORMATS), help="Form of the log.  [default: from the config, or console]"
)
@click.option("--log-level", type=click.Choice(LEVELS), help="How much to log.  [default: from the config, or info]")
def run(config: Path | None, no_heal: bool, log_format: str | None, log_level: str | None) -> None:
    """Watch and heal, until SIGTERM or Ctrl-C.

    The log goes to standard error. SIGHUP, or a change of the config, has it read again; a config with a problem in it
    is refused, and the last good one stays in force.
    """
    import asyncio

    from salus.config import load
    from salus.logs import log_event, set_up

    path = find_config(config)
    settings = load(path)
    set_up(log_format or settings.agent.log_format, log_level or settings.agent.log_level)
    from salus.app.agent import Agent

    agent = Agent(settings, config_path=path, heal=not no_heal, listeners=(log_event,))
    try:
        import uvloop
    except ImportError:  # no wheel for this platform: slower, and otherwise the same
        asyncio.run(agent.run())
    else:
        uvloop.run(agent.run())
