"""What a browser does without its window: cookies by path and by whether they are secure, redirects, forms, streams."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """An answer, and where it came from.

    Attributes:
        url: of what was asked.
        cookies: as they were set, each with its attributes.
        packed: it was compressed on its way.
    """

    url: str
    code: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]
    packed: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def leads_to(self) -> str:
        """Return the whole address of a redirect."""
        return urljoin(self.url, self.headers["location"])


@dataclass
class Cookie:
    """One cookie of the jar."""

    name: str
    value: str
    path: str = "/"
    secure: bool = False

    def goes_to(self, scheme: str, path: str) -> bool:
        below = path == self.path or path.startswith(self.path.rstrip("/") + "/")
        return below and (scheme == "https" or not self.secure)


@dataclass
class Stream:
    """What was heard of server-sent events."""

    heard: list[tuple[str, Any]] = field(default_factory=list)
    last: str = ""
    at: float = 0.0

    def kinds(self) -> list[str]:
        return [str(told.get("kind", kind)) if kind == "event" else kind for kind, told in self.heard]

    def read(self, response: http.client.HTTPResponse) -> None:
        kind = ""
        while line := _line(response):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.last = value
            elif name == "event":
                kind = value
            elif name == "data":
                self.at = time.monotonic()
                self.heard.append((kind, json.loads(value)))


class Client:
    """Somebody at an origin, with a jar of cookies; comes from the address ``source``."""

    def __init__(self, origin: str, trust: ssl.SSLContext | None = None, *, source: str = "127.0.0.1") -> None:
        self.origin = origin
        self.jar: list[Cookie] = []
        self._trust = trust
        self._source = source

    def ask(self, method: str, url: str, body: bytes = b"", /, **headers: str) -> Reply:
        """Ask once; no redirect is followed."""
        url = urljoin(self.origin, url)
        connection = self._connection(url)
        try:
            response = self._begin(connection, method, url, body, headers)
            read = response.read()
        finally:
            connection.close()
        packed = response.headers.get("content-encoding") == "gzip"
        told = {name.lower(): value for name, value in response.getheaders()}
        cookies = response.headers.get_all("set-cookie") or []
        for one in cookies:
            self.keep(one)
        return Reply(url, response.status, told, gzip.decompress(read) if packed else read, cookies, packed)

    def get(self, url: str, /, **headers: str) -> Reply:
        return self.ask("GET", url, **{"accept": "text/html", **headers})

    def send(self, url: str, fields: dict[str, str], /, **headers: str) -> Reply:
        """Send a form, as the browsers do that tell nothing but where its page came from."""
        headers = {"origin": self.origin, "content-type": FORM, **headers}
        return self.ask("POST", url, urlencode(fields).encode(), **headers)

    @contextmanager
    def listening(self, url: str, stream: Stream, /, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """Listen in a thread of its own, after the last event that was heard."""
        url = urljoin(self.origin, url)
        connection = self._connection(url)
        more = {"last-event-id": stream.last} if stream.last else {}
        response = self._begin(connection, "GET", url, b"", {"accept": "text/event-stream", **headers, **more})
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
        assert response.readline().startswith(b"retry: ")
        reader = threading.Thread(target=stream.read, args=(response,))
        reader.start()
        try:
            yield response
        finally:
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
            reader.join(10)
            connection.close()
            assert not reader.is_alive()

    def _connection(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        assert parts.hostname
        source = (self._source, 0)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=20, source_address=source, context=self._trust
            )
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20, source_address=source)

    def _begin(
        self, connection: http.client.HTTPConnection, method: str, url: str, body: bytes, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        # RFC 6265, 5.4: the cookies of the longest path come first.
        kept = sorted(
            (one for one in self.jar if one.goes_to(parts.scheme, parts.path)), key=lambda one: -len(one.path)
        )
        cookies = {"cookie": "; ".join(f"{one.name}={one.value}" for one in kept)} if kept else {}
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, path, body or None, {**cookies, **headers})
        return connection.getresponse()

    def keep(self, text: str) -> None:
        """Keep a cookie as a browser does."""
        pair, *attributes = text.split("; ")
        name, _, value = pair.partition("=")
        told = {key.lower(): one for key, _, one in (attribute.partition("=") for attribute in attributes)}
        cookie = Cookie(name, value, told.get("path", "/"), "secure" in told)
        self.jar = [one for one in self.jar if (one.name, one.path) != (cookie.name, cookie.path)]
        if told.get("max-age") != "0":
            self.jar.append(cookie)


def _line(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.readline()
    except (OSError, http.client.HTTPException):  # hung up in the middle of a stream
        return b""
