"""What several commands share: the config they read, and JSON on request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from salus.errors import ConfigError, SalusError
from salus.units import Duration

if TYPE_CHECKING:
    from salus.config import Settings

_APPLICATIONS = 3  # named where there is no config
_LONGEST = 366 * 86400.0
PLACES = (Path("salus.yaml"), Path("/etc/salus/salus.yaml"))

_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """Add ``--config`` to a command."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        envvar="SALUS_CONFIG",
        show_envvar=True,
        help="The config: a YAML file, or a folder of them.  [default: ./salus.yaml, /etc/salus/salus.yaml]",
    )(command)


def json_option(command: _Command) -> _Command:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def state_dir_option(command: _Command) -> _Command:
    """Add ``--state-dir`` to a command."""
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        envvar="SALUS_STATE_DIR",
        show_envvar=True,
        help="The state folder of the Salus that is meant; no config is read then.",
    )(command)


class DurationType(click.ParamType[float]):
    """A length of time as people write it: more than nothing, and no more than anybody means."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read ``30m`` as 1800."""
        try:
            seconds = float(Duration.parse(value))
        except ValueError as error:
            self.fail(str(error))
        if not 0 < seconds <= _LONGEST:
            self.fail("it must be longer than nothing, and a year at most")
        return seconds


def find_config(given: Path | None) -> Path:
    """Return the config to read: the one that was named, or the first that is there.

    Raises:
        SalusError: there is none.
    """
    if given is not None:
        return given
    for place in PLACES:
        if place.exists():
            return place
    looked = " nor ".join(f"{'./' if not place.is_absolute() else ''}{place}" for place in PLACES)
    message = f"there is no config: neither {looked} is there"
    raise SalusError(message, remedy="`salus init` writes one; or name it with --config or SALUS_CONFIG")


def load_settings(given: Path | None) -> Settings:
    """Read the config.

    Raises:
        ConfigError: with every problem in it.
        SalusError: there is none.
    """
    from salus.config import load

    return load(find_config(given))


def find_state_dir(config: Path | None, state_dir: Path | None) -> Path:
    """Return the state folder of the Salus that is meant.

    A config that was broken while Salus runs, or that needs variables and secrets which only Salus has, does not keep
    anybody from asking it.

    Raises:
        ConfigError: the config that should name it cannot be used, and there is no state folder where it should be.
        SalusError: there is neither a folder nor a config.
    """
    if state_dir:
        return state_dir.absolute()
    try:
        place = find_config(config)
    except SalusError as error:
        raise SalusError(str(error), remedy="; ".join((error.remedy or "", *_applications()))) from None
    try:
        return load_settings(place).agent.state_dir
    except ConfigError as error:
        folder = _state_dir_of_broken(place, error)
        if folder is None:
            raise
        count = len(error.problems)
    problems = f"{count} problem{'' if count == 1 else 's'}"
    click.echo(f"salus: the config has {problems} (salus validate names them); this is about {folder}", err=True)
    return folder


def _applications(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Say how to ask the applications of this user that have Salus in them, those that ran last first."""
    base = Path(environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser(), "salus")
    try:
        found = sorted(base.glob("*/ledger.sqlite"), key=os.path.getmtime, reverse=True)
    except OSError:
        return
    for ledger in found[:_APPLICATIONS]:
        yield f"--state-dir {ledger.parent} asks the application {ledger.parent.name!r}"


def _state_dir_of_broken(config: Path, error: ConfigError) -> Path | None:
    from salus.config import state_dir

    if any(not problem.line for problem in error.problems):
        return None  # not there, not readable, or not to be trusted: what stands in it says nothing
    folder = state_dir(config)
    return folder if os.path.isdir(folder) else None  # noqa: PTH112  says no where Path.is_dir would raise


def terminal() -> bool:
    """Tell whether a person looks at standard output."""
    return os.isatty(1) and os.environ.get("TERM") != "dumb"
