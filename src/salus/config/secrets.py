"""Secrets that stand in files of their own (``x_file``): container secrets, systemd credentials."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from salus.config.leaves import Refused
from salus.secret import Secret

MAX_BYTES = 65536


def holds_secret(wanted: Any) -> bool:
    """Tell whether a field is a secret, or may be one."""
    return wanted is Secret or (get_origin(wanted) in (Union, types.UnionType) and Secret in get_args(wanted))


def read_secret(name: str, folder: Path, credentials: Path | None) -> Secret:
    """Read a secret from its file, without the one newline that editors add.

    Args:
        name: the path; a relative one names a file among the credentials or, if there is none, below ``folder``.
        folder: where relative paths start.
        credentials: the folder named by ``CREDENTIALS_DIRECTORY``, or None.

    Raises:
        Refused: the file cannot be read, is too large, or holds no text.
    """
    path = folder / name
    if credentials and not Path(name).is_absolute() and (credentials / name).is_file():
        path = credentials / name
    remedy = "let the user that runs Salus read it, or correct the path"
    try:
        if path.exists() and not path.is_file():  # a pipe would keep us waiting for ever
            raise Refused(f"the secret cannot be read from {path}: it is not a regular file", "name a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"the secret cannot be read from {path}: {reason}", remedy) from None
    if len(content) > MAX_BYTES:
        raise Refused(f"the secret in {path} is larger than {MAX_BYTES} bytes", "name the file of the secret itself")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Refused(f"the secret in {path} is not UTF-8 text", "name the file of the secret itself") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise Refused(f"the secret in {path} is empty", "put the secret into it")
    return Secret(text)
