"""The place of ``salus health`` among the commands, for ``--help`` and shell completion; ``main`` runs it directly."""

from __future__ import annotations

import click


@click.command(
    short_help="Ask whether all is well (for Docker's HEALTHCHECK).",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.option("-H", "--host")
@click.option("-p", "--port")
@click.option("--state-dir")
@click.option("-t", "--timeout")
@click.option("--path")
@click.option("-v", "--verbose", is_flag=True)
@click.option("--help", "wants_help", is_flag=True)
def health(**options: str | bool | None) -> int:
    """Ask a running Salus whether all is well (for Docker's HEALTHCHECK)."""
    from salus.cli.health import main

    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if isinstance(value, str)]
    arguments += ["--verbose"] if options["verbose"] else []
    arguments += ["--help"] if options["wants_help"] else []
    return main(arguments)
