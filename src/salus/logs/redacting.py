"""Take out of a line whatever is a secret in use, or looks like one, however it got there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from salus import secret
from salus.secret import Secret

HIDDEN = "***"

_SHORTEST = 6  # what is shorter would be taken out of the middle of words
_TARGET = 12  # of a URL that is a secret: its path and query
_SEGMENT = 16
_VALUE = 8

_USER = re.compile(r"(://)[^\s/@:\"'?#]{0,200}:[^\s/@\"'?#]{1,500}@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=[\w.~+/=-]{0,2000}\d)[\w.~+/=-]{8,2000}")


class _Pattern:
    """Matches every secret in use; made anew when there are others."""

    def __init__(self) -> None:
        self._made = -1
        self._found: re.Pattern[str] | None = None

    def now(self) -> re.Pattern[str] | None:
        if self._made != (made := Secret.made):
            every = {part for text in secret.in_use() for part in _parts(text)}
            ordered = sorted(every, key=len, reverse=True)
            self._found = re.compile("|".join(map(re.escape, ordered))) if ordered else None
            self._made = made  # not before: another thread would take the old pattern for the new one
        return self._found


_pattern = _Pattern()


def redact(text: str) -> str:
    """Return the text with ``***`` for every secret in use, password in a URL, and credential of a header."""
    if (pattern := _pattern.now()) is not None:
        text = pattern.sub(HIDDEN, text)
    if "://" in text:
        text = _USER.sub(rf"\1{HIDDEN}@", text)
    return _BEARER.sub(rf"\1\2{HIDDEN}", text)


def _parts(text: str) -> Iterator[str]:
    """Yield what of a secret would give it away: itself, its words, and what a URL hides."""
    if len(text) >= _SHORTEST:
        yield text
        yield from (word for word in text.split() if len(word) >= _VALUE)
    if "://" not in text:
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if len(target) >= _TARGET:
        yield target
    values = [value for _, value in parse_qsl(parts.query)]
    yield from (value for value in values if len(value) >= _VALUE)
    for segment in parts.path.split("/"):
        if len(segment) >= _SEGMENT:
            yield from {segment, unquote(segment)}
    if parts.password:
        yield from (part for part in {parts.password, unquote(parts.password)} if len(part) >= _SHORTEST)
