"""Which folders may never be cleaned, whatever a config says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from salus.errors import ActionError

# Nothing at or below these is temporary.
_TREES = tuple(
    PurePosixPath(tree)
    for tree in (
        "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys",
        "/usr/bin", "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/sbin", "/usr/share",
        "/usr/local/bin", "/usr/local/include", "/usr/local/lib", "/usr/local/sbin", "/usr/local/share",
        "/var/lib/dpkg", "/var/lib/rpm", "/var/lib/systemd",
    )
)  # fmt: skip

# These hold other people's things; a folder below them may be cleaned.
_TOPS = frozenset(
    PurePosixPath(top)
    for top in (
        "/", "/home", "/media", "/mnt", "/nix", "/opt", "/root", "/run", "/snap", "/srv", "/usr", "/usr/local",
        "/usr/src", "/var", "/var/backups", "/var/cache", "/var/lib", "/var/local", "/var/lock", "/var/log",
        "/var/mail", "/var/opt", "/var/run", "/var/spool",
    )
)  # fmt: skip

_ALLOWED = (PurePosixPath("/dev/shm"),)  # noqa: S108 -- a folder of temporary files is what this is about


def why_never(folder: PurePosixPath) -> str | None:
    """Say why a folder may never be cleaned, or None when it may. Looks at its name only.

    Args:
        folder: as configured, or as it really is.
    """
    if not folder.is_absolute():
        return f"{str(folder)!r} is not absolute"
    if ".." in folder.parts:
        return f"{str(folder)!r} goes up (..): name the folder itself"
    folder = PurePosixPath("/", *folder.parts[1:])  # //x is /x
    if folder in _TOPS:
        return f"{folder} holds more than temporary files: name a folder below it"
    if tree := next((tree for tree in _TREES if folder.is_relative_to(tree)), None):
        if any(folder.is_relative_to(allowed) for allowed in _ALLOWED):
            return None
        return f"{folder} is part of the system ({tree}): nothing in it is temporary"
    if folder in _homes() or folder.parent == PurePosixPath("/home"):
        return f"{folder} is somebody's home: name a folder below it"
    return None


def _homes() -> Iterable[PurePosixPath]:
    return [PurePosixPath(home) for home in (os.environ.get("HOME"), os.path.expanduser("~")) if home]  # noqa: PTH111 -- never raises


def make_sure(folder: Path, state_dir: Path) -> None:
    """Look at a folder as it really is.

    Raises:
        ActionError: it is reached through a link, may never be cleaned, or belongs to Salus itself.
    """
    real = Path(os.path.realpath(folder))
    if real != Path(os.path.normpath(folder)):
        raise ActionError(f"{folder} is reached through a link", remedy=f"name it as it really is: {real}")
    if reason := why_never(PurePosixPath(real)):
        raise ActionError(reason)
    if real.is_relative_to(os.path.realpath(state_dir)):
        raise ActionError(f"{folder} belongs to Salus itself", remedy="what Salus keeps there it removes by itself")
