"""What an application is called and where its files are, as it says when it declares itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def name_of_application(name: object) -> str:
    """Return a name that can be a folder's.

    Raises:
        ConfigError: it cannot.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    from salus.errors import ConfigError, Problem
    from salus.library.declarations import called_from

    file, line = called_from()
    what = f"{name!r:.120} cannot be the name of an application: a folder is called after it"
    remedy = "use letters, digits, '-', '_' and '.', at most 100, and begin with a letter or digit"
    raise ConfigError((Problem(file=file, line=line, column=1, path="HealthSystem", what=what, remedy=remedy),))


def config_files(config: str | Path | Sequence[str | Path] | None) -> list[Path]:
    """Return the files, wherever the application goes later."""
    if config is None:
        return []
    given = [config] if isinstance(config, str | Path) else config
    return [Path(one).absolute() for one in given]


def sections(settings: object) -> Mapping[str, object]:
    """Return further sections of a config.

    Raises:
        TypeError: they are no mapping.
    """
    if settings is None or isinstance(settings, Mapping):
        return settings or {}
    message = f"settings is {type(settings).__name__}: give a mapping of sections, such as {{'limits': {{...}}}}"
    raise TypeError(message)
