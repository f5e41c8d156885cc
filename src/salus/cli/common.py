"""What several commands share: the config they read, and JSON on request."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from salus.errors import SalusError
from salus.units import Duration

if TYPE_CHECKING:
    from salus.config import Settings

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

    Raises:
        ConfigError: the config that should name it cannot be used.
        SalusError: there is neither a folder nor a config.
    """
    return state_dir.absolute() if state_dir else load_settings(config).agent.state_dir


def terminal() -> bool:
    """Tell whether a person looks at standard output."""
    return os.isatty(1) and os.environ.get("TERM") != "dumb"
