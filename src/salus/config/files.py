"""Config files: which ones, whether they can be trusted, and how several make one."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from salus.config.reading import Reader
from salus.config.sources import Keys, Place, Sources
from salus.errors import ConfigError, Problem
from salus.model import Json

MAX_BYTES = 4 * 2**20
_SUFFIXES = (".yaml", ".yml")


def read(
    paths: Sequence[Path], sources: Sources, environ: Mapping[str, str], problems: list[Problem]
) -> tuple[Json, tuple[Path, ...]]:
    """Read files and folders of files into one tree.

    Args:
        paths: files, or folders whose ``*.yaml`` and ``*.yml`` are read in the order of their names.
        sources: takes the places.
        environ: the variables for ``${VAR}``.
        problems: takes those that leave the rest readable.

    Returns:
        The tree and the files it came from.

    Raises:
        ConfigError: a file cannot be read, so that what depends on it cannot be judged.
    """
    unreadable: list[Problem] = []
    files: list[Path] = []
    trees: list[tuple[Json, Sources]] = []
    for path in paths:
        try:
            files += _files_of(path)
        except ConfigError as error:
            unreadable += error.problems
    for file in files:
        try:
            trees.append(_read_one(file, environ, problems))
        except ConfigError as error:
            unreadable += error.problems
    if unreadable:
        raise ConfigError((*unreadable, *problems))
    return _merge(trees, sources, problems), tuple(files)


def read_text(text: str, name: str, environ: Mapping[str, str], problems: list[Problem]) -> tuple[Json, Sources]:
    """Read one text; problems that leave the rest readable are added to ``problems``."""
    reader = Reader(Sources(), environ)
    tree = reader.read(text.removeprefix("\ufeff"), name)
    problems += reader.problems
    return tree, reader.sources


def _files_of(path: Path) -> list[Path]:
    if not os.path.isdir(path):  # noqa: PTH112  says no where Path.is_dir would raise; reading then tells why
        return [path]
    try:
        _trust(path, path.stat(), "folder")
        found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))
    except OSError as error:
        raise _refuse(
            path, f"this folder cannot be read: {error.strerror}", "let the user that runs Salus read it"
        ) from None
    if not found:
        raise _refuse(path, "this folder holds no *.yaml file", "put the config there, or name the file itself")
    return found


def _read_one(path: Path, environ: Mapping[str, str], problems: list[Problem]) -> tuple[Json, Sources]:
    content = _content(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise _refuse(path, "this is not UTF-8 text", "save the file as UTF-8", line, column) from None
    tree, sources = read_text(text, str(path), environ, problems)
    sources.folders[str(path)] = path.absolute().parent
    return tree, sources


def _content(path: Path) -> bytes:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _refuse(path, "there is no such file", "name an existing file, or write one with `salus init`") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refuse(path, f"this file cannot be read: {reason}", "let the user that runs Salus read it") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor, so that what was judged is what is read
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _refuse(path, "this is not a regular file", "name a file, or a folder of *.yaml files")
        _trust(path, found, "file")
        _trust_folder_of(path)
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _refuse(path, f"this file is larger than {MAX_BYTES} bytes", "split it into a folder of files")
    return content


def _trust_folder_of(path: Path) -> None:
    """Whoever can write to the folder can put another file in the place of this one."""
    folder = path.resolve().parent
    _trust(folder, folder.stat(), "folder")


def _trust(path: Path, found: os.stat_result, what: str) -> None:
    """Refuse what others could have written, when it would be carried out as root."""
    if os.geteuid() != 0:
        return
    if found.st_uid != 0:
        message = f"this {what} belongs to user {found.st_uid}, who could have Salus run anything as root"
        raise _refuse(path, message, f"chown root {path}")
    sticky = what == "folder" and found.st_mode & stat.S_ISVTX
    others = found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid != 0)
    if others and not sticky:
        message = f"others can write to this {what}, and so have Salus run anything as root"
        raise _refuse(path, message, f"chmod go-w {path}")


def _refuse(path: Path, what: str, remedy: str, line: int = 0, column: int = 0) -> ConfigError:
    return ConfigError((Problem(file=str(path), line=line, column=column, path="", what=what, remedy=remedy),))


# ── Several files make one ────────────────────────────────────────────────────────────────────────────────────────────


def _merge(trees: Sequence[tuple[Json, Sources]], sources: Sources, problems: list[Problem]) -> Json:
    """Join trees section by section; what two of them say is a problem that names both places."""
    if len(trees) == 1:
        _take(sources, trees[0][1], ())
        return trees[0][0]
    merged: dict[str, Json] = {}
    for tree, own in trees:
        sources.folders.update(own.folders)
        if tree is None:
            continue
        if not isinstance(tree, dict):
            problems.append(_not_sections(own))
            continue
        sources.places.setdefault((), own.places[()])
        for section, content in tree.items():
            _merge_section(merged, section, content, (own, sources, problems))
    return merged


def _merge_section(
    merged: dict[str, Json], section: str, content: Json, where: tuple[Sources, Sources, list[Problem]]
) -> None:
    own, sources, problems = where
    present = merged.get(section)
    if present is None:
        merged[section] = content
        _take(sources, own, (section,))
    elif content is None:
        return
    elif isinstance(present, dict) and isinstance(content, dict):
        joined = dict(present)
        for name, value in content.items():
            path = (section, name)
            if name in present:
                problems.append(_twice(path, sources.places[path], own))
            else:
                joined[name] = value
                _take(sources, own, path)
        merged[section] = joined
    else:
        problems.append(_twice((section,), sources.places[(section,)], own))


def _twice(path: Keys, first: Place, own: Sources) -> Problem:
    what = f"{path[-1]!r} stands in two files; the first is at {first.file}:{first.line}:{first.column}"
    return own.problem(path, what, "keep one of them")


def _not_sections(own: Sources) -> Problem:
    return own.problem((), "expected sections such as checks: and services:", "see `salus init` for an example")


def _take(sources: Sources, own: Sources, root: Keys) -> None:
    """Take over the places at and below ``root``."""
    depth = len(root)
    sources.places.update({path: place for path, place in own.places.items() if path[:depth] == root})
    sources.words.update({path: word for path, word in own.words.items() if path[:depth] == root})
    sources.folders.update(own.folders)
