"""Start a program in a session of its own.

``os.posix_spawn`` starts services where it can: a few hundred microseconds less than ``subprocess.Popen`` in a process
whose caches have gone cold, and that is on the way of every restart. ``Popen`` (``vfork`` too) starts checks, actions,
what wants a directory, and everything where Salus is a guest in somebody else's process. Limits, user, group and umask
go through a small launcher, so that no Python runs between fork and exec.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import os
import pwd
import resource
import secrets
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TypedDict

from salus.errors import SalusError
from salus.processes import _launch
from salus.processes._child import Child, living
from salus.processes._command import LAUNCH, Command
from salus.processes._reaper import is_subreaper

LIMITS = tuple(sorted(name.removeprefix("RLIMIT_").lower() for name in dir(resource) if name.startswith("RLIMIT_")))


_STANDARD = 2  # standard error: the last of the three descriptors that every program has
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

# Where a program was last found, by (program, PATH): the search is on the way of every restart.
_MOST_PLACES = 1000
_places: dict[tuple[str, str], str] = {}


class _Settings(TypedDict):
    report: int
    limits: dict[str, int]
    uid: int | None
    gid: int | None
    groups: list[int]
    umask: int | None
    directory: str | None


async def spawn(command: Command, *, stdout: int, stderr: int, stdin: int | None = None, quick: bool = False) -> Child:
    """Start a program in a session of its own, and return once it has replaced Salus' copy.

    Args:
        command: what to run.
        stdout: descriptor it writes to; stays open here.
        stderr: likewise.
        stdin: descriptor it reads from; None takes ``command.stdin``.
        quick: somebody waits for it to serve again: take the shortest way there is.

    Returns:
        The running child, not yet watched.

    Raises:
        FileNotFoundError: no such program or directory; the error names it.
        PermissionError: it may not be run.
        OSError: it could not be started for another reason.
        SalusError: the user, the group or a limit does not exist.
    """
    launch = secrets.token_hex(6)
    environ = {**command.environment, LAUNCH: launch}
    with contextlib.ExitStack() as stack:
        source = stdin if stdin is not None else _stdin(command.stdin, stack)
        streams = (source, stdout, stderr)
        if not (command.user or command.group or command.limits or command.umask is not None):
            program = _resolved(command)
            # Only where the process is Salus' own is it known that nobody opens descriptors a child would inherit.
            if quick and is_subreaper() and command.directory is None and min(streams) > _STANDARD:
                _refuse_odd_arguments(command.argv, environ)
                return _held(_posix_spawn(command.argv, environ, streams, program), launch)
            return _start(command.argv, environ, streams, launch, program=program, directory=command.directory)
        settings = _settings(command)
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        with contextlib.ExitStack() as ours:
            ours.callback(os.close, writer)
            settings["report"] = writer
            argv = (sys.executable, "-I", "-S", _launch.__file__, json.dumps(settings), *command.argv)
            child = _start(argv, environ, streams, launch, program=sys.executable, keep=(writer,))
        await _launched(child, reader, command)
        return child


def _start(  # the arguments of one system call
    argv: tuple[str, ...],
    environ: dict[str, str],
    streams: tuple[int, int, int],
    launch: str,
    *,
    program: str,
    directory: Path | None = None,
    keep: tuple[int, ...] = (),
) -> Child:
    _refuse_odd_arguments(argv, environ)
    popen = subprocess.Popen(
        argv,
        executable=program,
        env=environ,
        cwd=directory,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        start_new_session=True,
        pass_fds=keep,
    )
    # From here on the pidfd is the child's only handle: Popen must neither wait for it nor warn about it.
    popen.returncode = 0
    return _held(popen.pid, launch)


def _posix_spawn(argv: tuple[str, ...], environ: dict[str, str], streams: tuple[int, int, int], program: str) -> int:
    """Start it the short way. What Python opens no child inherits; what Salus itself inherited is closed."""
    actions: list[tuple[int, int, int] | tuple[int, int]] = [
        (os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(streams)
    ]
    actions += [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited()]
    return os.posix_spawn(
        program, argv, environ, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_IGNORED_BY_PYTHON
    )


@cache
def _inherited() -> tuple[int, ...]:
    """Return the descriptors that whoever started Salus left open for it."""
    found: list[int] = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError):
            if int(name) > _STANDARD and os.get_inheritable(int(name)):
                found.append(int(name))
    return tuple(found)


def _held(pid: int, launch: str) -> Child:
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:  # no descriptors left: a child that cannot be watched must not live
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return Child(pid, pidfd, launch=launch, own=True)


def _refuse_odd_arguments(argv: tuple[str, ...], environ: dict[str, str]) -> None:
    for text in (*argv, *environ, *environ.values()):
        if "\0" in text:
            raise OSError(errno.EINVAL, "an argument or a variable holds a zero byte", argv[0])


def _resolved(command: Command) -> str:
    """Look the program up where the child will: in its own PATH, not in ours."""
    program = command.argv[0]
    if "/" in program:
        return program
    denied = False
    path = command.environment.get("PATH", os.defpath)
    if (known := _places.get((program, path))) and os.access(known, os.X_OK):
        return known
    for folder in path.split(os.pathsep):
        candidate = os.path.join(folder or ".", program)  # noqa: PTH118 - a start should cost microseconds
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):  # noqa: PTH112 - as above
            if len(_places) < _MOST_PLACES:
                _places[program, path] = candidate
            return candidate
        denied = denied or os.path.isfile(candidate)  # noqa: PTH113 - as above
    if denied:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), program)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


def _stdin(content: bytes, stack: contextlib.ExitStack) -> int:
    if content:  # in memory, not in a pipe: nobody has to stand there and feed it
        descriptor = os.memfd_create("stdin")
        stack.callback(os.close, descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
    return descriptor


# ── Through the launcher ──────────────────────────────────────────────────────────────────────────────────────────────


def _settings(command: Command) -> _Settings:
    for name in command.limits or {}:
        if name not in LIMITS:
            raise SalusError(f"there is no limit {name!r}", remedy=f"known are {', '.join(LIMITS)}")
    uid, gid, groups = None, None, [os.getgid()]
    if command.user:
        uid, gid, groups = _user(command.user)
    if command.group:
        gid = _group(command.group)
        groups = sorted({*groups, gid}) if command.user else groups
    return {
        "report": -1,
        "limits": dict(command.limits or {}),
        "uid": uid,
        "gid": gid,
        "groups": groups,
        "umask": command.umask,
        "directory": str(command.directory) if command.directory else None,
    }


def _user(name: str) -> tuple[int, int, list[int]]:
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        if name.isdigit():  # a number needs no entry, as in containers
            return int(name), int(name), [int(name)]
        raise SalusError(f"there is no user {name!r} on this machine") from None
    return entry.pw_uid, entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)


def _group(name: str) -> int:
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise SalusError(f"there is no group {name!r} on this machine") from None


async def _launched(child: Child, reader: int, command: Command) -> None:
    """Wait until the launcher has become the program; raise what it reports."""
    loop = asyncio.get_running_loop()
    os.set_blocking(reader, False)
    ready = asyncio.Event()
    loop.add_reader(reader, ready.set)
    try:
        await ready.wait()
        report = os.read(reader, 65536)
    except asyncio.CancelledError:
        _discard(child)
        raise
    finally:
        loop.remove_reader(reader)
    if report:
        _discard(child)
        raise _error(json.loads(report), command)


def _discard(child: Child) -> None:
    """Kill and reap a launcher: it has no children, and dies at once."""
    child.signal(signal.SIGKILL)
    os.waitpid(child.pid, 0)
    living.discard(child.pid)
    child.close()


def _error(told: dict[str, object], command: Command) -> Exception:
    number, stage, message = told["errno"], told["stage"], str(told["message"])
    if stage == "limits":
        limits = ", ".join(f"{name}={value}" for name, value in (command.limits or {}).items())
        return SalusError(f"the limits {limits} cannot be set: {message}", remedy="only root can raise a hard limit")
    if stage == "user":
        who = command.user or command.group
        return SalusError(f"cannot become {who!r}: {message}", remedy="run Salus as root, or leave out the user")
    culprit = command.argv[0] if stage == "program" else str(command.directory)
    if isinstance(number, int):
        return OSError(number, os.strerror(number), culprit)
    return SalusError(f"{culprit}: {message}")
