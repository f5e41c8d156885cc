"""``salus ledger``: look after the file in which Salus remembers."""

from __future__ import annotations

from pathlib import Path

import click

from salus.cli.common import config_option, find_state_dir, state_dir_option
from salus.errors import SalusError, StoreError

LOCK = "salus.lock"


@click.group()
def ledger() -> None:
    """Look after the ledger, the file in which Salus remembers."""


@ledger.command("check")
@config_option
@state_dir_option
def check_ledger(config: Path | None, state_dir: Path | None) -> int:
    """Say whether the ledger is sound; exits with 1 when it is not."""
    from salus.cli.errors import one_line
    from salus.store.ledger import inspect
    from salus.store.schema import SCHEMA

    path = ledger_path(find_state_dir(config, state_dir))
    try:
        revision = inspect(path, SCHEMA, check_seconds=3600.0)
    except StoreError as error:
        click.echo(f"not sound: {one_line(error)}")
        return 1
    click.echo(f"sound: {path} (revision {revision})" if revision else f"there is no ledger yet at {path}")
    return 0


@ledger.command("reset")
@config_option
@state_dir_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset_ledger(config: Path | None, state_dir: Path | None, yes: bool) -> None:
    """Set a broken ledger aside, so that the next start begins a new one.

    Nothing is deleted: the file gets another name. What Salus remembered (attempts, cooldowns, history) is not known to
    the new one. Salus must not be running.
    """
    from salus.store.lock import Lock
    from salus.store.sqlite import set_aside

    folder = find_state_dir(config, state_dir)
    path = ledger_path(folder)
    if not path.exists():
        message = f"there is no ledger at {path}"
        raise SalusError(message, remedy="nothing needs to be set aside")
    if not yes:
        click.confirm(f"Set {path} aside and begin a new one?", abort=True)
    # Held until it is done, not merely looked at: no Salus can start in between.
    with Lock(folder / LOCK):
        aside = set_aside(path)
    click.echo(f"set aside as {aside}; the next `salus run` begins a new ledger")


def ledger_path(state_dir: Path) -> Path:
    """Return where the ledger of a state folder lies."""
    from salus.app.ledger import FILE

    return state_dir / FILE
