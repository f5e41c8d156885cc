"""What the options of checks of databases, caches and brokers share: a URL, and a login that is never shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from salus.checks._bounds import BoundedOptions, bounded_line
from salus.checks._dialled import shown_url
from salus.errors import MissingExtraError
from salus.httpclient.dial import Endpoint
from salus.httpclient.redaction import Redactor, of_place
from salus.secret import Secret


class SystemOptions(BoundedOptions, frozen=True, kw_only=True):
    """Base of options with a ``url`` that may hold a password, and a ``password`` that may stand in its place."""

    def __repr__(self) -> str:
        """Label the check without giving away what its URL may hold."""
        url = getattr(self, "url", "")
        return f"{type(self).__name__}(url={shown_url(url)!r})"

    def redactor(self) -> Redactor:
        """Return what takes our secrets out of what a server says."""
        password: Secret | None = getattr(self, "password", None)
        given = [password.reveal()] if password else []
        return Redactor([*given, *map(quote, given), *of_secret(getattr(self, "url", ""))])


def of_secret(url: str) -> Iterator[str]:
    """Yield what is secret in a URL: its password as it is written and as it is meant, and long values of its query."""
    try:
        parts = urlsplit(url)
        user = {parts.username or "", unquote(parts.username or "")}
    except ValueError:
        return
    yield from (each for each in of_place(url) if each not in user)


def parted(url: str, ports: Mapping[str, int]) -> SplitResult:
    """Take a URL apart.

    Args:
        url: the URL.
        ports: the schemes that there are, with their usual ports.

    Raises:
        ValueError: it is not such a URL; the message never quotes it.
    """
    form = f"write it like {next(iter(ports))}://host:port"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"that URL cannot be read: {form}") from None
    if parts.scheme not in ports:
        raise ValueError(f"the URL must start with {' or '.join(f'{each}://' for each in ports)}")
    if port == 0:
        raise ValueError(f"the port of that URL must be 1 to 65535: {form}")
    return parts


def placed(parts: SplitResult, ports: Mapping[str, int]) -> Endpoint:
    """Return where a URL leads: to a host and port, or to a unix socket where its scheme has no port."""
    if not ports[parts.scheme]:
        return Endpoint(unix_socket=Path(unquote(f"{parts.netloc.rpartition('@')[2]}{parts.path}")))
    return Endpoint(parts.hostname or "localhost", parts.port or ports[parts.scheme])


def without(module: str, what: str, extra: str) -> list[tuple[str, str]]:
    """Say that an optional dependency is missing, as a problem of the options; nothing where it is there."""
    if find_spec(module) is not None:
        return []
    missing = MissingExtraError(what, extra=extra)
    return [("", f"{missing}: {missing.remedy}")]


def number(value: Any) -> float | None:
    """Return a number, also where a server writes it as text; else None."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def quoted(value: Any, limit: int = 80) -> str:
    """Write a value for a message: text in quotes, bounded."""
    text = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray | memoryview) else value
    return bounded_line(repr(text) if isinstance(text, str) else str(text), limit)


def login_redactor(username: str | None, password: Secret | None) -> Redactor:
    """Return what takes a login out of what a server says, in every spelling in which it travels."""
    if not password:
        return Redactor(())
    text = password.reveal()
    encoded = (b64encode(each.encode()).decode() for each in (text, f"\0{username or ''}\0{text}"))
    return Redactor([text, *encoded])
