"""Take secrets out of what goes into an error, a log or a database row."""

from __future__ import annotations

from collections.abc import Iterable

from salus.channels._words import clean
from salus.httpclient import redaction

_LINE = 200


class Redactor(redaction.Redactor):
    """Knows the secrets of a channel, and makes a line without them of what somebody said."""

    __slots__ = ()

    def __init__(self, secrets: Iterable[str], *urls: str) -> None:
        """Learn the secrets, and whatever URLs may hide: path, query, user, password."""
        super().__init__([*secrets, *(part for url in urls for part in redaction.of_url(url))])

    def line(self, text: str, limit: int = _LINE, *, truncated: bool = False) -> str:
        """Return the first line that says something, in bounded length.

        Args:
            text: what somebody said.
            limit: the most characters.
            truncated: there was more of it: its last word may be the beginning of a secret.
        """
        if truncated:
            text = " ".join(text.split()[:-1])
        first = next((line for line in self(text).splitlines() if line.strip()), "")
        return clean(first, limit)
