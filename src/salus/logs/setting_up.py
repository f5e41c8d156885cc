"""Set up the log of a process, or of one logger."""

from __future__ import annotations

import logging
from typing import IO

from salus.logs.lines import ConsoleLines, JsonLines

FORMATS = ("console", "json")

_QUIET = ("asyncio", "uvicorn.error", "opentelemetry")


def set_up(
    form: str = "console", level: str | int = "info", *, logger: str = "", stream: IO[str] | None = None
) -> logging.Handler:
    """Write a log, one line a record.

    Calling it again replaces what it set up before; handlers that others gave to the logger are left alone, except at
    the root, which then has this one only.

    Args:
        form: ``console`` (text for people) or ``json``.
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``, or one of ``logging``'s numbers.
        logger: which logger and those below it; the root, so the whole process, unless told otherwise. One that is
            named here is not written by the handlers above it any more.
        stream: where to; standard error unless told otherwise.

    Returns:
        The handler, for those who want to add a filter to it.

    Raises:
        ValueError: there is no such form, or no such level.
    """
    if form not in FORMATS:
        message = f"there is no log format {form!r}: write {' or '.join(FORMATS)}"
        raise ValueError(message)
    handler = _Handler(stream)
    handler.setFormatter(JsonLines() if form == "json" else ConsoleLines())
    target = logging.getLogger(logger or None)
    target.setLevel(level.upper() if isinstance(level, str) else level)
    for old in list(target.handlers):
        if isinstance(old, _Handler) or not logger:
            target.removeHandler(old)
    target.addHandler(handler)
    if logger:
        target.propagate = False
        return handler
    # Other people's libraries speak only when something is wrong.
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


class _Handler(logging.StreamHandler[IO[str]]):
    """Told apart from the handlers of others by its class."""
