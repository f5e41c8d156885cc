"""``salus schema``."""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the config, for editors.

    With the YAML language server: salus schema > salus.schema.json, and this as the first line of the config:
    # yaml-language-server: $schema=salus.schema.json
    """
    from salus.app.kinds import everything
    from salus.config.schema import schema as describe
    from salus.surfaces import wire

    click.echo(wire.pretty(describe(everything())))
