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
from typing import TypeAlias

from salus.processes._command import Command

Complaint: TypeAlias = "tuple[str, str]"
"""What is wrong, and what to do about it."""

_INTERPRETERS = re.compile(r"(python|pypy|perl|ruby|php|lua|node|bash|dash|zsh|ksh|fish|sh)[\d.]*")
_LINKS = 40


def complaint(command: Command) -> Complaint | None:
    """Say why a command should not be run, or None: nothing is there, or as root others could change what runs.

    It reads folders and files: not for the event loop.
    """
    name, directory = command.argv[0], command.directory
    if directory is not None and not directory.is_dir():
        return f"there is no folder {directory}", "correct `directory`, or make the folder"
    program = find_program(name, command.environment, directory)
    if program is None:
        where = "" if "/" in name else f" in PATH ({command.environment.get('PATH', '')})"
        remedy = "correct the name, write the full path, or make it executable (chmod +x)"
        return f"there is no program {name!r}{where}", remedy
    if os.geteuid() != 0:
        return None
    user = _user_id(command.user)
    if user is None:
        return f"there is no user {command.user!r}", "correct `user`, or make the user"
    trusted = owners_trusted_anyway() | {user}
    for file in files_that_decide(program, command.argv[1:], directory):
        if reason := why_not_trusted(file, trusted):
            remedy = "give it and its folders to root and chmod go-w, or run it as its owner with `user`"
            return f"refused to run {file} as root: {reason}", remedy
    return None


def problems(argv: tuple[str, ...], environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Find what can never be run: pairs of ``command`` or ``environment``, and what is wrong."""
    found = []
    if not argv or not argv[0]:
        found.append(("command", "no program is named: write it as a list, such as [/usr/local/bin/heal, --fast]"))
    if any("\0" in word for word in argv):
        found.append(("command", "an argument cannot hold NUL"))
    if len(argv) == 1 and " " in argv[0] and not Path(argv[0]).exists():
        words = ", ".join(argv[0].split())
        found.append(("command", f"no shell takes this apart: write one entry for each argument, [{words}]"))
    found += [
        ("environment", f"{name!r} cannot be the name of a variable, or its value holds NUL")
        for name, value in environment.items()
        if not name or "=" in name or "\0" in name + value
    ]
    return found


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


def _user_id(user: str | None) -> int | None:
    """Return whom a command runs as, and None where there is no such user."""
    if user is None:
        return 0
    try:
        return int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
