"""What the options of checks of other systems share: where it is and as whom, TLS, and what may never be shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from salus.checks._bounds import BoundedOptions, bounded_line
from salus.errors import MissingExtraError
from salus.httpclient import TlsOptions
from salus.httpclient.dial import Endpoint
from salus.httpclient.redaction import Redactor, of_place
from salus.secret import Secret
from salus.units import Duration

# ── Where it is ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a URL's scheme stands for.

    Attributes:
        port: the usual one; 0 where such a URL leads to a unix socket.
        tls: TLS is spoken.
        host: where a URL without a host leads; empty where it must name one.
    """

    port: int
    tls: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL, taken apart.

    Attributes:
        endpoint: host and port, or a unix socket.
        tls: TLS is spoken.
        username: empty where there is none.
        password: empty where there is none.
        path: behind the first slash, decoded; None where there is no slash.
    """

    endpoint: Endpoint
    tls: bool
    username: str = ""
    password: str = field(default="", repr=False)
    path: str | None = None


def target_of(url: str, schemes: Mapping[str, Scheme]) -> Target:
    """Take a URL apart.

    Raises:
        ValueError: it is none of these schemes, or leads nowhere; the message never quotes it.
    """
    shape = " or ".join(f"{name}://host:{one.port}" if one.port else f"{name}:///path" for name, one in schemes.items())
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"that URL cannot be read: write {shape}") from None
    scheme = schemes.get(parts.scheme.lower())
    if scheme is None or port == 0 or not (parts.hostname or scheme.host or (parts.path and not scheme.port)):
        raise ValueError(f"that URL cannot be used here: write {shape}")
    endpoint = Endpoint(parts.hostname or scheme.host, port or scheme.port)
    if not scheme.port:
        endpoint = Endpoint(unix_socket=Path(unquote(f"{parts.netloc.rpartition('@')[2]}{parts.path}")))
    return Target(
        endpoint=endpoint,
        tls=scheme.tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        path=unquote(parts.path[1:]) if parts.path and scheme.port else None,
    )


# ── Options ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class TlsClientOptions(BoundedOptions, frozen=True, kw_only=True):
    """Base of options of a check that may speak TLS.

    Attributes:
        verify_tls: trust only valid certificates.
        ca_file: trust these authorities (PEM) instead of the system's.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        server_name: the name to ask TLS for and to verify, where it is not the host.
    """

    verify_tls: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find a key without its certificate, and bounds that make no sense."""
        found = super().problems()
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        return found

    def tls_options(self) -> TlsOptions:
        """Return how to speak TLS."""
        return TlsOptions(
            verify=self.verify_tls,
            ca_file=self.ca_file,
            client_certificate=self.client_certificate,
            client_key=self.client_key,
            server_name=self.server_name,
        )


class SystemOptions(TlsClientOptions, frozen=True, kw_only=True):
    """Base of options that name a system by URL, and who logs in there.

    Attributes:
        username: who logs in, where it is not in the URL.
        password: of that user, where it is not in the URL.
        latency_below: an answer that takes longer is degraded.
    """

    scalar: ClassVar[str] = "url"
    schemes: ClassVar[Mapping[str, Scheme]] = {}

    url: str
    username: str | None = None
    password: Secret | None = None
    latency_below: Duration | None = None

    def __repr__(self) -> str:
        """Label the check without giving away what its URL may hold."""
        return f"{type(self).__name__}(url={shown_url(self.url)!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find a URL that cannot be used, and a password that is given twice."""
        found = super().problems()
        try:
            target = target_of(self.url, self.schemes)
        except ValueError as error:
            return [*found, ("url", str(error))]
        if target.password and self.password:
            found.append(("password", "the URL holds a password, too: keep one of them"))
        return found

    def target(self) -> Target:
        """Return where to connect to, and as whom.

        Raises:
            ValueError: the URL cannot be used.
        """
        found = target_of(self.url, self.schemes)
        if self.username is not None:
            found = replace(found, username=self.username)
        if self.password is not None:
            found = replace(found, password=self.password.reveal())
        return found

    def redactor(self, *secrets: str) -> Redactor:
        """Return what takes our secrets, and others that are given, out of what a server says."""
        given = [self.password.reveal()] if self.password else []
        return redactor_of(self.url, *given, *secrets)

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(self.target().endpoint)


def lacking(kind: str, extra: str, *modules: str) -> MissingExtraError | None:
    """Return the error for a check whose optional dependency is not installed; None where it is."""
    there = all(find_spec(module) is not None for module in modules)
    return None if there else MissingExtraError(f"check {kind!r}", extra=extra)


def missing(kind: str, extra: str, *modules: str) -> list[tuple[str, str]]:
    """Say the same as a problem of the options; nothing where it is there."""
    error = lacking(kind, extra, *modules)
    return [("", f"{error}: {error.remedy}")] if error else []


# ── What may be shown ─────────────────────────────────────────────────────────────────────────────────────────────────


def shown_url(url: str) -> str:
    """Return a URL as it may be shown: without user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def redactor_of(url: str, *secrets: str) -> Redactor:
    """Return what takes secrets, as they are and as URLs have them, and those of a URL out of what a server says."""
    return Redactor([*secrets, *map(quote, secrets), *_of_secret(url)])


def _of_secret(url: str) -> Iterator[str]:
    """Yield what is secret in a URL: its password as it is written and as it is meant, and long values of its query."""
    try:
        parts = urlsplit(url)
        user = {parts.username or "", unquote(parts.username or "")}
    except ValueError:
        return
    yield from (each for each in of_place(url) if each not in user)


def login_redactor(username: str | None, password: Secret | None) -> Redactor:
    """Return what takes a login out of what a server says, in every spelling in which it travels."""
    if not password:
        return Redactor(())
    text = password.reveal()
    encoded = (b64encode(each.encode()).decode() for each in (text, f"\0{username or ''}\0{text}"))
    return Redactor([text, *encoded])


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
