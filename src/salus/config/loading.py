"""The door: a path or a text in, ``Settings`` out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salus.config import files
from salus.config.sections import Builder
from salus.config.settings import Settings
from salus.config.shapes import AgentShape
from salus.config.sources import MEMORY, Sources
from salus.errors import ConfigError, Problem

if TYPE_CHECKING:  # loaded where a program declares something
    from salus.config.declared import Declared


def load(
    path: Path | str | Sequence[Path | str],
    *,
    environ: Mapping[str, str] = os.environ,
    declared: Declared | None = None,
) -> Settings:
    """Read a config.

    Args:
        path: a file, a folder (all its ``*.yaml`` and ``*.yml``), or several of them; none where a program declares
            everything itself.
        declared: what a program declares beside it.
        environ: the variables for ``${VAR}``, ``SALUS_LISTEN``, ``SALUS_LOG_LEVEL`` and ``CREDENTIALS_DIRECTORY``.

    Returns:
        The settings.

    Raises:
        ConfigError: with every problem found, in the order of the files.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(one) for one in path]
    sources = Sources(credentials=_credentials(environ))
    problems: list[Problem] = []
    tree, found = files.read(paths, sources, environ, problems) if paths else (None, ())
    if declared is not None:
        from salus.config.declared import join

        tree = join(tree, declared, sources, problems)
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


def state_dir(path: Path, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the state folder that a config names, where the config as a whole is wrong.

    Whoever wants to ask a running Salus needs no more of its config than this.

    Args:
        path: a file, or a folder of them.
        environ: the variables for ``${VAR}``.

    Returns:
        The folder, or where Salus puts it by itself when nothing can be read.
    """
    sources, problems = Sources(), list[Problem]()
    try:
        tree, _ = files.read([path], sources, environ, problems)
    except ConfigError:
        tree = None
    agent = tree.get("salus") if isinstance(tree, dict) else None
    named = agent.get("state_dir") if isinstance(agent, dict) else None
    beside = path if path.is_dir() else path.parent
    folder = sources.folder(("salus", "state_dir")) if sources.folders else beside.absolute()
    return folder / (named if isinstance(named, str) and named else AgentShape().state_dir)


def _credentials(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None
