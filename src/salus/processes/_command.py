"""What to run, what came of it, and the environment it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MARK = "SALUS_CHILD"
LAUNCH = "SALUS_LAUNCH"

_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NO_EXTRA: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run.

    Attributes:
        argv: the program and its arguments; a name without a slash is looked up in the PATH of ``environment``.
        environment: the complete environment; see ``environment()``.
        directory: working directory, or None for that of Salus.
        user: name or number of the user to become (needs root), or None.
        limits: resource limits by the names of ``ulimit``'s constants in lower case, such as ``nofile``, ``as``,
            ``core``, ``nproc``; both the soft and the hard limit are set.
        stdin: what it reads; ``/dev/null`` when empty.
        group: name or number of the group to become, or None for the user's own.
        umask: its file mode creation mask, or None for that of Salus.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path | None = None
    user: str | None = None
    limits: Mapping[str, int] | None = None
    stdin: bytes = field(default=b"", repr=False)
    group: str | None = None
    umask: int | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended.

    Attributes:
        code: its exit code, or None when a signal ended it or nobody can know.
        signal: the signal that ended it, or None.
        stdout: what it wrote, at most ``max_output`` bytes and a line that says what is left out.
        stderr: likewise.
        truncated: something is left out of ``stdout`` or ``stderr``.
        duration: seconds it ran.
    """

    code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    truncated: bool
    duration: float


def environment(state_id: str, kind: str, name: str, extra: Mapping[str, str] = _NO_EXTRA) -> dict[str, str]:
    """Return a clean environment that carries the mark of Salus' children.

    Args:
        state_id: id of the state folder (``Site.state_id``).
        kind: ``service``, ``check`` or ``action``.
        name: of that service, check or action.
        extra: further variables; they win over the inherited ones, never over the mark.
    """
    clean = {MARK: f"{state_id}:{kind}:{name}", "PATH": _DEFAULT_PATH}
    clean.update((key, os.environ[key]) for key in _INHERITED if key in os.environ)
    clean.update((key, value) for key, value in extra.items() if key not in (MARK, LAUNCH))
    return clean
