"""One HTTP/1.1 connection: bytes in, one response at a time out. No policy, no clock of its own, everything bounded."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import httptools

from salus.httpclient.dial import Peer
from salus.httpclient.faults import AnswerError, ConnectError, HttpError, explain

RawHeaders: TypeAlias = "list[tuple[bytes, bytes]]"

# Status line and headers together. nginx and Apache accept 8 KiB per header; nobody sane sends a quarter of this.
MAX_HEAD = 256 * 1024
# Chunks of one byte cost six bytes each; whoever sends more than this around a body sends rubbish.
_FRAMING = 8


class Raw(NamedTuple):
    """One response as it came.

    Attributes:
        status: the status code.
        reason: the reason phrase.
        headers: names and values in order, names as sent.
        body: at most ``max_body`` bytes.
        truncated: the body was longer.
        first_byte: monotonic instant of the first byte.
        reusable: the connection can take another request.
    """

    status: int
    reason: bytes
    headers: RawHeaders
    body: bytes
    truncated: bool
    first_byte: float
    reusable: bool


class Wire(Peer):
    """A connection to an HTTP server (or to a proxy)."""

    __slots__ = (
        "_body", "_done", "_framed", "_head", "_headers", "_loop", "_max_body", "_monotonic", "_parser",
        "_reason", "_received", "_size", "_status", "_waiter", "closed", "first_byte", "place", "reused",
    )  # fmt: skip

    def __init__(self, loop: AbstractEventLoop, monotonic: Callable[[], float], place: str) -> None:
        """Stand ready for ``connection_made``; ``place`` is named in errors."""
        super().__init__()
        self.closed = False
        self.reused = False
        self.place = place
        self.first_byte = 0.0
        self._loop = loop
        self._monotonic = monotonic
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: Future[Raw] | None = None

    def ask(self, request: bytes, *, head: bool, max_body: int) -> Future[Raw]:
        """Send a request, and return the future of its response. One at a time.

        Args:
            request: the bytes to send.
            head: the response has no body whatever its headers say (``HEAD``, or 2xx to ``CONNECT``).
            max_body: bytes of body to keep; reading stops there.
        """
        self._head = head
        self._max_body = max_body
        self._done = self._framed = False
        self._status = self._size = self._received = 0
        self._reason = b""
        self._headers: RawHeaders = []
        self._body: list[bytes] = []
        self.first_byte = 0.0
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        waiter = self._waiter = self._loop.create_future()
        if self.closed or self.transport is None:
            self._fail(ConnectError(f"{self.place} closed the connection"))
        else:
            self.transport.write(request)
        return waiter

    # What the loop calls.

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        waiter = self._waiter
        if waiter is None or self._parser is None:
            self.abort()  # Nobody asked: whatever it is, this connection is of no use.
            return
        if not self.first_byte:
            self.first_byte = self._monotonic()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish(reusable=False)
        except httptools.HttpParserError as error:
            self._garbage(data, error)
        if not self._done and self._received > MAX_HEAD + (_FRAMING * self._max_body if self._status else 0):
            self._fail(AnswerError(f"{self.place} sends headers or framing without end"))

    def eof_received(self) -> None:
        """Let the transport close; ``connection_lost`` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what is still waited for."""
        self.closed = True
        if self._waiter is not None:
            if isinstance(exc, OSError):
                self._fail(explain(exc, self.place))
            elif self._status and not self._framed and exc is None:
                self._finish(reusable=False)  # A body without length ends with the connection.
            else:
                self._fail(self._cut_short())
        self._parser = None  # It holds our methods: without it no cycle waits for the collector.

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Notice an answer that follows on the one we asked for: nobody could tell later whose it is."""
        if self._done:
            self.closed = True
            self.abort()

    def on_status(self, reason: bytes) -> None:
        """Keep a part of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        if not self._done:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Learn the status; a response that has no body ends here."""
        parser = self._parser
        if parser is None or self._done:
            return
        status = parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        self._status = status
        for name, _ in self._headers:
            if len(name) in (14, 17) and name.lower() in (b"content-length", b"transfer-encoding"):
                self._framed = True
                break
        if self._head:
            self._parser = None  # It still waits for a body; the next response gets a parser of its own.
            self._finish(reusable=parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Keep what fits."""
        if self._done:
            return
        self._size += len(body)
        if self._size > self._max_body:
            self._body.append(body[: len(body) - (self._size - self._max_body)])
            self._finish(reusable=False, truncated=True)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand over the response; an interim one (1xx) only makes room for the final one."""
        if self._status and self._parser is not None:
            self._finish(reusable=self._parser.should_keep_alive())
        elif not self._done:
            self._headers = []
            self._reason = b""

    # How a response ends.

    def _finish(self, *, reusable: bool, truncated: bool = False) -> None:
        waiter, self._waiter = self._waiter, None
        self._done = True
        if waiter is None or waiter.done():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        waiter.set_result(Raw(self._status, self._reason, self._headers, body, truncated, self.first_byte, reusable))

    def _fail(self, error: HttpError) -> None:
        waiter, self._waiter = self._waiter, None
        self._done = True
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self.abort()

    def _garbage(self, data: bytes, error: Exception) -> None:
        if self._done:
            self.abort()
            return
        if self._status:
            self._fail(AnswerError(f"{self.place} broke its answer off with what is not HTTP: {error}"))
        elif data[:2] == b"\x15\x03":
            remedy = "ask with https://"
            self._fail(AnswerError(f"{self.place} speaks TLS and was asked without", remedy=remedy))
        else:
            self._fail(
                AnswerError(f"{self.place} does not answer in HTTP: {data[:40]!r}", remedy="is it the right port?")
            )

    def _cut_short(self) -> HttpError:
        if not self._received:
            return AnswerError(f"{self.place} closed the connection without an answer")
        if not self._status:
            return AnswerError(f"{self.place} closed the connection in the middle of its headers")
        length = next(
            (value.decode("latin-1") for name, value in self._headers if name.lower() == b"content-length"), ""
        )
        of = f" of {length}" if length else ""
        return AnswerError(f"{self.place} closed the connection after {self._size}{of} bytes of its body")
