"""The time that a message says it was made at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from salus.checks import _json_path

# Beyond this a number is milliseconds: as seconds it would be the year 5138.
_MILLISECONDS = 1e11


def time_of(payload: bytes, path: str) -> float:
    """Return the seconds since 1970 that a message holds.

    Args:
        payload: the message.
        path: where its time is, as ``_json_path`` has it; ``$`` for all of it, which need not be JSON.

    Raises:
        ValueError: there is no time, said so that it can follow "the message".
    """
    text = payload.decode("utf-8", "replace").strip()
    steps = _json_path.parse(path)
    value: Any = text
    if steps:
        try:
            value = _json_path.find(json.loads(text), steps)
        except json.JSONDecodeError:
            raise ValueError("is not JSON") from None
        except _json_path.MissingValueError:
            raise ValueError(f"has no {path}") from None
    return _seconds(value)


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                read = datetime.fromisoformat(value.strip('"'))
            except ValueError:
                raise ValueError("holds no time there") from None
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("holds no time there")  # noqa: TRY004 - what is wrong is the message, not a type
    return value / 1000 if abs(value) > _MILLISECONDS else float(value)
