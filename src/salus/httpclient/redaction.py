"""Take secrets out of what another side said, before it goes into an error, a log or a database row.

Many servers repeat what they were asked: in the page of an error, in a reason, in a redirect. So whoever quotes an
answer to a request that held a secret has it redacted first, and before it is cut: half a secret is not found any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

from salus.httpclient.prepare import basic

_SHORTEST = 4  # what is shorter than this is no secret, and taking it out would make words unreadable
_PLAIN_VALUE = 8  # in the query of a URL that is not a secret as a whole
_SEGMENT = 6
_OPEN = frozenset(
    {"host", "unix_socket", "sslmode", "sslrootcert", "ssl_ca"}
)  # where a database is: to be read in messages


class Redactor:
    """Knows some secrets, and writes ``***`` in their place."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str]) -> None:
        """Learn the secrets."""
        self._secrets = sorted({each for each in secrets if len(each) >= _SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def words(*secrets: str) -> list[str]:
    """Return the secrets and their words: of ``Bearer x`` it is ``x`` that may be repeated."""
    return [*secrets, *(word for secret in secrets for word in secret.split())]


def of_url(url: str) -> list[str]:
    """Return whatever a URL that is itself a secret may hide: path, query, user, password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    segments = [segment for segment in parts.path.split("/") if len(segment) >= _SEGMENT]
    values = [value for pair in parse_qsl(parts.query) for value in pair]
    found = [url, target, parts.query, parts.fragment, *values, *segments, *map(unquote, segments)]
    return [*found, *_of_user(url)]


def of_place(url: str) -> list[str]:
    """Return what may be secret in a URL that is no secret: user, password, and the longer values of the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    values = [value for name, value in parse_qsl(parts.query) if name not in _OPEN]
    raw = [value for name, _, value in (pair.partition("=") for pair in parts.query.split("&")) if name not in _OPEN]
    return [*(value for value in (*values, *raw) if len(value) >= _PLAIN_VALUE), *_of_user(url)]


def _of_user(url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.username is None:
        return []
    user, password = unquote(parts.username), unquote(parts.password or "")
    return [parts.username, parts.password or "", user, password, basic(user, password).removeprefix("Basic ")]
