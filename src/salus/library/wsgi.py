"""The WSGI app of a library: each request is handed to Salus' own loop, and its thread waits for the answer.

A live stream would keep a thread of the application's server for as long as a page is open. So here a stream ends after
what is there already, and after a second in any case: the browser comes again a few seconds later, says what it has
seen, and is told what it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from salus.clock import SystemClock
from salus.errors import SalusError
from salus.surfaces.http import App, Message, Scope

_log = logging.getLogger("salus.library")

Environ: TypeAlias = "dict[str, Any]"
StartResponse: TypeAlias = Callable[..., object]

_monotonic = SystemClock().monotonic
_STREAM = b"text/event-stream"
_COME_AGAIN = b"retry: 3000\n\n"
_LOOK_AROUND = 1.0
_LARGEST_BODY = 1 << 20
_PATIENCE = 60.0


class WsgiApp:
    """Answers the health endpoints, the API, the dashboard and the metrics, below wherever it is mounted."""

    def __init__(self, doors: Callable[[], tuple[App, asyncio.AbstractEventLoop]]) -> None:
        """Answer with what ``doors`` returns: the app, and the loop that it lives on."""
        self._doors = doors

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            app, loop = self._doors()
        except SalusError as error:
            _log.error("cannot answer %s: %s", environ.get("PATH_INFO", ""), error)
            return _sorry(environ, start_response, b"Salus does not run here; its log says why\n")
        asked = _Asked(environ)
        work = asked.carry(app)
        try:
            future = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # it has just been stopped
            work.close()
            return _sorry(environ, start_response, b"Salus has just been stopped\n")
        future.add_done_callback(asked.ended)
        head = asked.next(_PATIENCE)
        if head is None or head["type"] != "http.response.start":
            future.cancel()
            return _sorry(environ, start_response, b"Salus did not answer\n")
        code = int(head["status"])
        told = [(name, value) for name, value in head["headers"] if name != b"date"]  # the server says that itself
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in told]
        start_response(f"{code} {HTTPStatus(code).phrase}", headers)
        streams = any(name == b"content-type" and value.startswith(_STREAM) for name, value in head["headers"])
        return _Body(asked, future, streams=streams)


def _sorry(environ: Environ, start_response: StartResponse, said: bytes) -> list[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(said)))]
    start_response("503 Service Unavailable", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [said]


class _Body:
    """The rest of an answer, as the server asks for it."""

    def __init__(self, asked: _Asked, future: Future[None], *, streams: bool) -> None:
        self._asked, self._future, self._streams = asked, future, streams

    def __iter__(self) -> Iterator[bytes]:
        if self._streams:
            yield _COME_AGAIN
        until = _monotonic() + _LOOK_AROUND
        while (message := self._asked.next(until - _monotonic() if self._streams else _PATIENCE)) is not None:
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                return
            if self._streams and _monotonic() >= until:  # there may always be more, where much happens
                break
        self.close()

    def close(self) -> None:
        """End what still runs; a server calls this whatever happened."""
        self._future.cancel()


class _Asked:
    """One request, as an ASGI app sees it."""

    def __init__(self, environ: Environ) -> None:
        self._scope = _scope(environ)
        self._body: bytes | None = _body(environ)
        self._messages: SimpleQueue[Message | None] = SimpleQueue()

    async def carry(self, app: App) -> None:
        await app(self._scope, self._receive, self._send)

    def ended(self, _future: Future[None]) -> None:
        self._messages.put(None)

    def next(self, seconds: float) -> Message | None:
        """Return the next part of the answer; None at its end, and where there is none for that long."""
        try:
            return self._messages.get(timeout=max(0.0, seconds))
        except Empty:
            return None

    async def _receive(self) -> Message:
        if self._body is None:  # whoever asks again wants to know of the end, which comes by cancellation
            await asyncio.get_running_loop().create_future()
        body, self._body = self._body or b"", None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        self._messages.put(message)


def _body(environ: Environ) -> bytes:
    """Read what was sent, up to what is too large anyway; without a length only where the server tells the end."""
    length = str(environ.get("CONTENT_LENGTH") or "")
    wanted = _LARGEST_BODY + 1 if environ.get("wsgi.input_terminated") else 0
    if length.isascii() and length.isdigit():
        wanted = min(int(length[:20]), _LARGEST_BODY + 1)
    parts: list[bytes] = []
    while wanted > 0 and (part := environ["wsgi.input"].read(wanted)):  # a server may give less than it was asked for
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _scope(environ: Environ) -> Scope:
    root = environ.get("SCRIPT_NAME", "").encode("latin-1").decode("utf-8", "replace")
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace") or "/"
    port = environ.get("SERVER_PORT", "80")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": root + path,  # as ASGI has it: the whole path, and where it is mounted
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": root,
        "headers": _headers(environ),
        "server": (environ.get("SERVER_NAME", "localhost"), int(port) if port.isdigit() else 80),
    }
    if address := environ.get("REMOTE_ADDR"):
        remote = environ.get("REMOTE_PORT", "0")
        scope["client"] = (address, int(remote) if str(remote).isdigit() else 0)
    return scope


def _headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    named = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    named |= {key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)}
    return [
        (name.replace("_", "-").lower().encode("latin-1"), str(value).encode("latin-1", "replace"))
        for name, value in named.items()
    ]
