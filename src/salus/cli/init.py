"""``salus init``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", default="salus.yaml", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(path: Path, force: bool) -> None:
    """Look at this machine and write a commented config for it.

    PATH is the file to write, ./salus.yaml unless said otherwise; - prints it.
    """
    from salus.config.init import write_config
    from salus.config.machine import describe_machine

    text = write_config(describe_machine())
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        message = f"{path} is there already; name another file, or replace it with --force"
        raise click.ClickException(message) from None
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise click.ClickException(message) from None
    click.echo(f"wrote {path}\nnext: salus validate {path}, then salus run --config {path}")
