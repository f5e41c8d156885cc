"""The door: a path or a text in, ``Settings`` out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from salus.config import files
from salus.config.sections import Builder
from salus.config.settings import Settings
from salus.config.sources import MEMORY, Sources
from salus.errors import Problem


def load(path: Path | str | Sequence[Path | str], *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read a config.

    Args:
        path: a file, a folder (all its ``*.yaml`` and ``*.yml``), or several of them.
        environ: the variables for ``${VAR}``, ``SALUS_LISTEN``, ``SALUS_LOG_LEVEL`` and ``CREDENTIALS_DIRECTORY``.

    Returns:
        The settings.

    Raises:
        ConfigError: with every problem found, in the order of the files.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    sources = Sources(credentials=_credentials(environ))
    problems: list[Problem] = []
    tree, found = files.read(paths, sources, environ, problems)
    return Builder(sources, environ, problems).settings(tree, found)


def loads(
    text: str, *, name: str = MEMORY, folder: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Read a config from text.

    Args:
        text: YAML.
        name: the name that problems carry as their file.
        folder: where relative paths start; the current folder unless given.
        environ: as for ``load``.

    Returns:
        The settings.

    Raises:
        ConfigError: with every problem found.
    """
    problems: list[Problem] = []
    tree, sources = files.read_text(text, name, environ, problems)
    sources.folders[name] = (folder or Path.cwd()).absolute()
    sources.credentials = _credentials(environ)
    return Builder(sources, environ, problems).settings(tree, ())


def _credentials(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None
