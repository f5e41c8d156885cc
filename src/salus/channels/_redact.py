"""Take secrets out of what goes into an error, a log or a database row."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

from salus.channels._words import clean
from salus.httpclient.prepare import basic

_SHORTEST = 4  # what is shorter than this is no secret, and taking it out would make words unreadable
_SEGMENT = 6
_LINE = 200


class Redactor:
    """Knows some secrets, and writes ``***`` in their place."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str], *urls: str) -> None:
        """Learn the secrets, and whatever URLs may hide: path, query, user, password."""
        found = {*secrets, *(part for url in urls for part in _of_url(url))}
        self._secrets = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

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


def _of_url(url: str) -> Iterable[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    found = [url, target, parts.query, parts.fragment, parts.username or "", parts.password or "", user, password]
    found += [value for pair in parse_qsl(parts.query) for value in pair]
    if parts.username is not None:
        found.append(basic(user, password).removeprefix("Basic "))
    segments = [segment for segment in parts.path.split("/") if len(segment) >= _SEGMENT]
    return [*found, *segments, *map(unquote, segments)]
