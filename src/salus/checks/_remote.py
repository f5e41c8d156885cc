"""What the options of checks of message brokers share: a URL with or without a password, TLS, and a latency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from salus.checks._bounds import BoundedOptions
from salus.errors import CheckBrokenError, MissingExtraError
from salus.httpclient import HttpError, TlsOptions
from salus.httpclient.dial import Endpoint
from salus.httpclient.redaction import Redactor, of_place
from salus.model import NO_METRICS, Metric, Observation, Status
from salus.ports import Look
from salus.secret import Secret
from salus.units import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a URL's scheme stands for: its port, and whether TLS is spoken."""

    port: int
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL, taken apart.

    Attributes:
        endpoint: host and port.
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


def target(url: str, schemes: Mapping[str, Scheme]) -> Target:
    """Take a URL apart.

    Raises:
        ValueError: it is none of these schemes, or names no host.
    """
    shape = " or ".join(f"{name}://host:{scheme.port}" for name, scheme in schemes.items())
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"that URL cannot be read: write {shape}") from None
    scheme = schemes.get(parts.scheme.lower())
    if scheme is None or not parts.hostname:
        raise ValueError(f"that URL cannot be used here: write {shape}")
    return Target(
        endpoint=Endpoint(parts.hostname, port or scheme.port),
        tls=scheme.tls,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        path=unquote(parts.path[1:]) if parts.path else None,
    )


class RemoteOptions(BoundedOptions, frozen=True, kw_only=True):
    """Base of options that name a broker by URL.

    Attributes:
        username: instead of the one in the URL.
        password: instead of the one in the URL.
        verify_tls: trust only valid certificates.
        ca_file: trust these authorities (PEM) instead of the system's.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        server_name: the name to ask TLS for and to verify, where it is not the host.
        latency_below: slower than this is degraded.
    """

    scalar: ClassVar[str] = "url"
    schemes: ClassVar[Mapping[str, Scheme]] = {}

    url: str
    username: str | None = None
    password: Secret | None = None
    verify_tls: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    latency_below: Duration | None = None

    def __repr__(self) -> str:
        """Label the check without giving away what its URL may hold."""
        scheme = self.url.partition("://")[0]
        try:
            place = str(self.target().endpoint)
        except ValueError:
            place = "..."
        return f"{type(self).__name__}(url='{scheme}://{place}')"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = BoundedOptions.problems(self)
        try:
            self.target()
        except ValueError as error:
            found.append(("url", str(error)))
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        return found

    def target(self) -> Target:
        """Return where to connect to, and as whom.

        Raises:
            ValueError: the URL cannot be used.
        """
        found = target(self.url, self.schemes)
        if self.username is not None:
            found = replace(found, username=self.username)
        if self.password is not None:
            found = replace(found, password=self.password.reveal())
        return found

    def tls(self) -> TlsOptions:
        """Return how to speak TLS."""
        return TlsOptions(
            verify=self.verify_tls,
            ca_file=self.ca_file,
            client_certificate=self.client_certificate,
            client_key=self.client_key,
            server_name=self.server_name,
        )

    def redactor(self, *secrets: Secret | None) -> Redactor:
        """Return what takes our secrets out of what a server says."""
        given = (self.password, *secrets)
        hidden = [one for one in of_place(self.url) if one != self.target().username]
        return Redactor([*hidden, *(one.reveal() for one in given if one)])

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(self.target().endpoint)


def failure(look: Look, error: HttpError, redact: Redactor, metrics: Mapping[str, Metric] = NO_METRICS) -> Observation:
    """Answer a failure, without the secrets that a server may repeat.

    Raises:
        CheckBrokenError: it says nothing about the target.
    """
    if error.ours:
        raise CheckBrokenError(redact(str(error)), remedy=error.remedy, cause=error.cause) from error
    return look.observe(Status.UNHEALTHY, redact(told(error)), metrics=metrics, cause=error.cause)


def missing(extra: str, *modules: str) -> MissingExtraError | None:
    """Return the error for a check whose optional dependency is not installed; None where it is."""
    there = all(find_spec(module) is not None for module in modules)
    return None if there else MissingExtraError(f"the check {extra!r}", extra=extra)


def told(error: HttpError) -> str:
    """Say what is wrong, with the remedy where there is one."""
    return f"{error} ({error.remedy})" if error.remedy else str(error)
