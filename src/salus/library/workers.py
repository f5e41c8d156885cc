"""Between the processes of one application: the one that leads answers for all, through a socket in the state folder.

Only this user can open that socket, so what comes through it is believed: who asked, and how, stands in one header that
is taken off again.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httptools

from salus.errors import SalusError
from salus.surfaces.http import App, Message, Receive, Scope, Send
from salus.surfaces.local import address
from salus.tasks import begin

SOCKET = "workers.sock"
_ASKED = b"x-salus-asked"
_CHUNK = 65536
# Until an answer begins: a look at what is known, which a leader has ready; and a deed, which may take its time.
LOOKING, _DOING = 2.0, 60.0
_LARGEST_BODY = 1 << 20  # what is larger is refused by the app, which needs no more than that to see it
LOOKS = ("GET", "HEAD")
_BREAKS = re.compile(rb"[\r\n\0]")


class WorkersDoor:
    """Stands before an app and gives each request back what the other process knew of it."""

    def __init__(self, app: App) -> None:
        """Stand before ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of another worker."""
        headers = [(name, value) for name, value in scope["headers"] if name != _ASKED]
        told = next((value for name, value in scope["headers"] if name == _ASKED), b"{}")
        known: dict[str, Any] = json.loads(told)
        for key in ("client", "server"):
            known[key] = tuple(known[key]) if known.get(key) else None
        await self._app({**scope, **known, "headers": headers, "state": {}}, receive, send)

    def close(self) -> None:
        """End what still streams, so that a stopping server waits for nobody."""
        if close := getattr(self._app, "close", None):
            close()


class NobodyError(SalusError):
    """Nobody answers at the socket."""


class SilentError(SalusError):
    """Somebody is there, and does not answer; what was asked may have been done or not."""


class BrokenOffError(SalusError):
    """Somebody was there, and has gone without an answer; what was asked may have been done or not."""


class Proxy:
    """An ASGI app that has everything answered by the app behind a Unix socket."""

    def __init__(self, path: Path, *, told: bool = True, patience: float = LOOKING) -> None:
        """Ask at ``path``.

        Args:
            path: of the socket.
            told: say who asked, and how.
            patience: seconds until the answer to a GET has to begin.
        """
        self._path = path
        self._told = told
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered.

        Raises:
            NobodyError: nobody is there; asking again does no harm.
            SilentError: it does not answer.
            BrokenOffError: it has gone before it answered what is no mere look.
            OSError: the answer broke off in the middle.
        """
        try:
            connection = _connect(self._path)
        except BlockingIOError as error:
            raise SilentError("the process that leads does not take what waits at its socket") from error
        except OSError as error:
            raise NobodyError(f"the process that leads does not answer: {error}") from error
        with connection:
            await self._ask(scope, receive, send, connection)

    async def _ask(self, scope: Scope, receive: Receive, send: Send, connection: socket.socket) -> None:
        looks = scope["method"] in LOOKS
        answer = _Answer(bodiless=scope["method"] == "HEAD")
        body = await _body(receive) if _has_body(scope) else b""
        request = _head(scope, len(body), told=self._told) + body
        asking = begin(_say(connection, request))
        try:
            await _relay(answer, connection, receive, send, self._patience if looks else _DOING)
        except OSError as error:
            if answer.begun:
                raise
            said = "the process that leads broke off before it answered"
            raise (NobodyError(said) if looks and not body else BrokenOffError(said)) from error
        finally:
            await _leave(asking)


def _connect(path: Path) -> socket.socket:
    """Connect, which never waits at a Unix socket: where too many wait there already, it fails at once.

    This is why asyncio does not do it: it would wait until it can be written, and take that for a connection.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.setblocking(False)
        with address(path) as where:
            connection.connect(where)
    except BaseException:
        connection.close()
        raise
    return connection


async def _say(connection: socket.socket, request: bytes) -> None:
    """Send a request, or as much of it as somebody wants: a server may answer, and close, without reading a large body.

    This is why no stream of asyncio is used: one that cannot be written is not read either, and the answer is lost.
    """
    with suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(connection, request)


async def _leave(task: asyncio.Task[Any]) -> None:
    """End a task that waits at a socket, before that is closed: another may be given its number at once."""
    task.cancel()
    await asyncio.wait({task})


async def _relay(answer: _Answer, connection: socket.socket, receive: Receive, send: Send, patience: float) -> None:
    """Hand on what comes in, for as long as somebody wants it; only its beginning has to come within ``patience``."""
    parser = httptools.HttpResponseParser(answer)
    gone = begin(_gone(receive))
    loop = asyncio.get_running_loop()
    read = begin(loop.sock_recv(connection, _CHUNK))
    try:
        while not answer.complete:
            timeout = None if answer.begun else patience
            await asyncio.wait({read, gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not read.done():
                if gone.done():
                    return
                raise SilentError(f"the process that leads has not answered for {patience:g} s")
            if not (data := read.result()):
                raise ConnectionResetError("the answer broke off")
            parser.feed_data(data)
            for message in answer.take(parser):
                await send(message)
            if not answer.complete:
                read = begin(loop.sock_recv(connection, _CHUNK))
    finally:
        gone.cancel()
        await _leave(read)


class _Answer:
    """Hears the parser."""

    def __init__(self, *, bodiless: bool) -> None:
        self.begun = self.complete = False
        self._bodiless = bodiless  # to HEAD: its length is that of a body that never comes
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._headed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._headed = True
        self.complete = self._bodiless

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    def take(self, parser: httptools.HttpResponseParser) -> list[Message]:
        """Return what came in since the last time."""
        messages: list[Message] = []
        if self._headed and not self.begun:
            self.begun = True
            hops = (b"connection", b"transfer-encoding", b"keep-alive")
            kept = [(name, value) for name, value in self._headers if name not in hops]
            messages.append({"type": "http.response.start", "status": parser.get_status_code(), "headers": kept})
        if self._body or self.complete:
            body, self._body = b"".join(self._body), []
            messages.append({"type": "http.response.body", "body": body, "more_body": not self.complete})
        return messages


def _head(scope: Scope, length: int, *, told: bool) -> bytes:
    target = quote(scope["path"]).encode()
    query = b"?" + _BREAKS.sub(b"", scope["query_string"]).replace(b" ", b"%20") if scope.get("query_string") else b""
    lines = [b"%b %b%b HTTP/1.1" % (scope["method"].encode(), target, query)]
    hops = (b"connection", b"content-length", b"transfer-encoding", b"expect", b"upgrade", _ASKED)
    passed = [(name, value) for name, value in scope["headers"] if bytes(name).lower() not in hops]
    # No server lets a line break through; where one did, this would be the place where it becomes a header.
    lines += [b"%b: %b" % one for one in passed if not any(_BREAKS.search(part) for part in one)]
    if not any(bytes(name).lower() == b"host" for name, _ in scope["headers"]):
        lines.append(b"host: localhost")
    if told:
        known = {key: scope.get(key) for key in ("client", "server", "scheme", "root_path", "path")}
        lines.append(b"%b: %b" % (_ASKED, json.dumps(known).encode()))
    lines += [b"content-length: %d" % length, b"connection: close"]
    return b"\r\n".join((*lines, b"", b""))


def _has_body(scope: Scope) -> bool:
    return any(bytes(name).lower() in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while sum(map(len, parts)) <= _LARGEST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionResetError("whoever asked has gone")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)[: _LARGEST_BODY + 1]


async def _gone(receive: Receive) -> None:
    """Return when whoever asked has gone, in whichever way a server says so."""
    with suppress(Exception):
        while (await receive())["type"] != "http.disconnect":
            pass
