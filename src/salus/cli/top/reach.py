"""How an agent is reached: by the control socket of this machine, or by its address and a token."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from salus.cli.client import NotRunningError, SocketConnection
from salus.cli.top.picture import clean
from salus.errors import SalusError
from salus.secret import Secret

ROOT = "/api/v1"
TOKEN = "SALUS_TOKEN"  # noqa: S105 - the name of a variable, no secret
READING = 5.0
_LARGEST = 64 << 20
_FORM = re.compile(r"[\x21-\x7e]{1,512}")


class RefusedError(SalusError):
    """The agent answered, and would not.

    Attributes:
        code: its status code.
    """

    def __init__(self, code: int, message: str, *, remedy: str | None = None) -> None:
        """Say what it said."""
        super().__init__(message, remedy=remedy)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an agent is, and who asks it.

    Attributes:
        socket: its control socket; None where it is reached over the network.
        scheme: ``http`` or ``https``.
        host: its name or address.
        port: None: the usual one.
        prefix: the path below which a proxy offers it.
        token: proves who asks.
    """

    socket: Path | None = None
    scheme: str = "http"
    host: str = ""
    port: int | None = None
    prefix: str = ""
    token: Secret | None = None

    @property
    def name(self) -> str:
        """Return where it is, for a person."""
        if self.socket:
            return str(self.socket)
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.prefix}"

    def connection(self, timeout: float | None) -> http.client.HTTPConnection:
        """Return a connection that is opened by its first request."""
        if self.socket:
            return SocketConnection(self.socket, timeout)
        if self.scheme == "https":
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def begin(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        *,
        body: object = None,
        more: Mapping[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """Ask, and return the answer before it is read.

        Raises:
            SalusError: nobody answers, or refuses; never with the token in it.
        """
        headers = {"Accept": "application/json", **(more or {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        sent = None if body is None else json.dumps(body)
        if sent is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, f"{self.prefix}{ROOT}{path}", sent, headers)
            response = connection.getresponse()
            if response.status == 200:
                return response
            raise _refused(response.status, response.getheader("Location", ""), response.read(_LARGEST), self.name)
        except (OSError, http.client.HTTPException) as error:
            raise self.lost(error) from None

    def ask(
        self, connection: http.client.HTTPConnection, path: str, *, method: str = "GET", body: object = None
    ) -> Any:
        """Ask, and return what was answered, harmless to a terminal.

        Raises:
            SalusError: nobody answers, refuses, or it is no Salus.
        """
        response = self.begin(connection, method, path, body=body)
        try:
            return clean(json.loads(response.read(_LARGEST)))
        except (OSError, http.client.HTTPException) as error:
            raise self.lost(error) from None
        except (ValueError, RecursionError):
            raise SalusError(f"what answers at {self.name} is no Salus", remedy="look at the address") from None

    def once(self, path: str, *, method: str = "GET", body: object = None, timeout: float | None = READING) -> Any:
        """Ask over a connection of its own."""
        with closing(self.connection(timeout)) as connection:
            return self.ask(connection, path, method=method, body=body)

    def lost(self, error: Exception) -> SalusError:
        """Say why nobody answers."""
        remedy = (
            "start it with `salus run`, or the application that it is in"
            if self.socket
            else "look at the address, and whether it runs there"
        )
        if isinstance(error, PermissionError):
            return SalusError(f"you may not talk to the Salus at {self.name}", remedy="use the user that runs it")
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"the certificate of {self.name} is not trusted: {error.verify_message}"
            return SalusError(why, remedy="SSL_CERT_FILE names the authorities to trust")
        if isinstance(error, TimeoutError):
            return SalusError(f"{self.name} does not answer in time", remedy="look at its log")
        why = f": {error.strerror}" if isinstance(error, OSError) and error.strerror and not self.socket else ""
        return NotRunningError(f"no Salus answers at {self.name}{why}", remedy=remedy)


def _refused(code: int, location: str, body: bytes, name: str) -> SalusError:
    if 300 <= code < 400:
        where = clean(location)[:200]
        return RefusedError(code, f"{name} sends elsewhere", remedy=f"if you trust it, use --url {where}")
    try:
        told = clean(json.loads(body))
        detail, remedy = str(told["detail"]), told.get("remedy")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return RefusedError(code, f"what answers at {name} is no Salus: it said {code}", remedy="look at the address")
    if code == 401:
        remedy = "make one with `salus token create NAME`, and name it with --token-file or SALUS_TOKEN"
    return RefusedError(code, detail, remedy=str(remedy) if remedy else None)


def at(url: str, token: Secret | None) -> Reach:
    """Return how an agent is reached at an address.

    Raises:
        SalusError: it is no address.
    """
    remedy = "write http://host:port, or https://host/prefix behind a proxy"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SalusError("--url is no address", remedy=remedy) from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise SalusError("--url is no address", remedy=remedy)
    if parts.username is not None or parts.query or parts.fragment:
        raise SalusError("--url has more in it than an address", remedy=f"{remedy}; a token goes into --token-file")
    prefix = parts.path.rstrip("/").removesuffix(ROOT)
    return Reach(None, parts.scheme, host, port, prefix, token)


def find_token(file: Path | None) -> Secret | None:
    """Read the token: from a file that was named, else from the environment.

    Raises:
        SalusError: there is none in the file, or it cannot be one; it is never shown.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace") if file else os.environ.get(TOKEN, "")
    except OSError as error:
        raise SalusError(f"the token file cannot be read: {error.strerror}", remedy=f"look at {file}") from None
    text = text.strip()
    if not text and file is None:
        return None
    if not _FORM.fullmatch(text):
        where = file or TOKEN
        raise SalusError(f"there is no token in {where}", remedy="it is one word, as `salus token create` printed it")
    return Secret(text)
