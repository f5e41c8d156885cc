"""Tell whether others could make Salus run what they like, by writing to a program or to a folder on the way to it."""

from __future__ import annotations

import grp
import os
import pwd
import re
import shutil
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

_INTERPRETERS = re.compile(r"(python|pypy|perl|ruby|php|lua|node|bash|dash|zsh|ksh|fish|sh)[\d.]*")
_LINKS = 40


def find_program(name: str, environment: Mapping[str, str], directory: Path | None) -> Path | None:
    """Return the file that a command's first word means, or None where there is none that can be executed."""
    if "/" in name:
        path = Path(directory or Path.cwd(), name)
        return path if path.is_file() and os.access(path, os.X_OK) else None
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    return Path(found).absolute() if found else None


def owners_trusted_anyway() -> frozenset[int]:
    """Return root, and who owns the code of Salus itself: that one needs no detour to have it run anything."""
    return frozenset({0, os.stat(__file__).st_uid})  # noqa: PTH116 -- the only call here that needs no path object


def files_that_decide(program: Path, arguments: tuple[str, ...], directory: Path | None) -> list[Path]:
    """Return the program, and the script where the program is an interpreter that is given one."""
    if not _INTERPRETERS.fullmatch(Path(os.path.realpath(program)).name):
        return [program]
    script = next((Path(directory or Path.cwd(), word) for word in arguments if not word.startswith("-")), None)
    return [program, script] if script is not None and script.is_file() else [program]


def why_not_trusted(path: Path, trusted: Collection[int]) -> str | None:
    """Say who else could change what stands at a path, or None.

    Every step from ``/`` to the file counts, through every link: who can write to a folder can put another file in the
    place of this one, except where the folder is sticky and the file somebody's whom we trust.

    Args:
        path: absolute.
        trusted: user ids.
    """
    current, rest = Path("/"), list(path.parts[1:])
    links = 0
    while True:
        if reason := _why_not(current, trusted):
            return reason
        if not rest:
            return None
        step = rest.pop(0)
        if step == "..":
            current = current.parent
            continue
        below = current / step
        if below.is_symlink():
            links += 1
            if links > _LINKS:
                return f"{path} goes through too many links"
            if (owner := below.lstat().st_uid) not in trusted:
                return f"the link {below} belongs to {_user(owner)}"
            target = below.readlink()
            rest = [*target.parts[target.is_absolute() :], *rest]
            current = Path("/") if target.is_absolute() else current
        else:
            current = below


def _why_not(path: Path, trusted: Collection[int]) -> str | None:
    try:
        found = path.lstat()
    except OSError as error:
        return f"{path}: {error.strerror}"
    if found.st_uid not in trusted:
        return f"{path} belongs to {_user(found.st_uid)}"
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        return None
    if found.st_mode & stat.S_IWOTH:
        return f"everybody can write to {path}"
    if found.st_mode & stat.S_IWGRP and (member := _member(found.st_gid, trusted)):
        return f"{member} can write to {path}"
    return None


def _member(group: int, trusted: Collection[int]) -> str | None:
    """Return somebody in a group whom we do not trust."""
    # A group without members is nobody: on Debian /usr/local may be the group staff's.
    if group == 0:
        return None
    try:
        entry = grp.getgrgid(group)
    except KeyError:
        return f"the group {group}"
    for user in pwd.getpwall():
        if user.pw_uid not in trusted and (user.pw_gid == group or user.pw_name in entry.gr_mem):
            return f"the user {user.pw_name} (group {entry.gr_name})"
    return None


def _user(number: int) -> str:
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"
