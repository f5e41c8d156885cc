"""The little of HTTP and ASGI that our two apps share: requests, responses, problems, and what ``Accept`` asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias

from salus.model import Json
from salus.surfaces import wire

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

JSON = "application/json"
HEALTH_JSON = "application/health+json"
TEXT = "text/plain"
PROBLEM = "application/problem+json"
LINES = "application/x-ndjson"
_LONGEST_COOKIES = 4096
_MOST_COOKIES = 200
_CHARSETS = {TEXT: "; charset=utf-8"}

SERVER = (b"server", b"salus")

# An answer of ours is no page: it loads nothing, stands in no frame, and other sites may not read it.
_SAFETY = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class App(Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, ready to be sent as often as one likes."""

    code: int
    media: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send, now: datetime, *, head: bool = False) -> None:
        """Send it; to HEAD without its body, and with the length the body would have."""
        headers = [date_header(now), *self._headers()]
        await send({"type": "http.response.start", "status": self.code, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else self.body})

    def written(self) -> tuple[bytes, bytes]:
        """Return the whole answer to GET as it goes over the wire: what stands before its date, and what after it."""
        before = b"HTTP/1.1 %d %b\r\n%b: %b\r\n" % (self.code, HTTPStatus(self.code).phrase.encode(), *SERVER)
        lines = [b"%b: %b\r\n" % one for one in self._headers()]
        return before, b"".join((*lines, b"\r\n", self.body))

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """Return all headers but the date; what an answer says itself goes before what all of them say."""
        usual = _usual_headers(self.media)
        if self.headers:
            own = {name for name, _ in self.headers}
            usual = tuple(one for one in usual if one[0] not in own)
        return [*usual, (b"content-length", b"%d" % len(self.body)), *self.headers]


def basic_headers(media: str, now: datetime) -> list[tuple[bytes, bytes]]:
    """Return the headers of every answer: nothing of ours may be kept by a cache, or run by a browser."""
    return [date_header(now), *_usual_headers(media)]


def date_header(now: datetime) -> tuple[bytes, bytes]:
    """Return the header ``date``, which is written once a second."""
    return b"date", _date(now.replace(microsecond=0))


@lru_cache(maxsize=1)
def _date(second: datetime) -> bytes:
    return format_datetime(second, usegmt=True).encode()


@lru_cache(maxsize=32)
def _usual_headers(media: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"content-type", (media + _CHARSETS.get(media, "")).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        *_SAFETY,
    )


def json_response(value: Json, code: int = 200) -> Response:
    """Answer with JSON."""
    return Response(code, JSON, wire.encode(value) + b"\n")


@dataclass(slots=True, eq=False)  # not frozen: Python itself writes where an exception came from
class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """A request that is answered with a problem."""

    code: int
    detail: str
    remedy: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the problem as an answer."""
        headers = tuple((name.lower().encode(), value.encode()) for name, value in self.headers.items())
        return Response(
            self.code, PROBLEM, wire.encode(wire.problem(self.code, self.detail, self.remedy)) + b"\n", headers
        )


def not_allowed(method: str, path: str, allowed: str) -> Refused:
    """Refuse a method, and say which ones there are."""
    return Refused(405, f"{path} does not answer {method[:32]}", f"use {allowed}", {"Allow": allowed})


def header(scope: Scope, name: bytes) -> bytes:
    """Return a request header (its parts joined), or nothing."""
    return b", ".join(value for key, value in scope["headers"] if key == name)


def cookies(scope: Scope, name: str) -> list[str]:
    """Return every value of a cookie, as they were sent: the one of the longest path comes first (RFC 6265, 5.4).

    There can be several: a browser tells hosts and paths apart, and not ports.
    """
    sent = b"; ".join(value for key, value in scope["headers"] if key == b"cookie")[:_LONGEST_COOKIES]
    # By hand: Python's own reader takes 60 ms for four kilobytes of backslashes, and anybody may send them.
    pairs = (one.strip().partition("=") for one in sent.decode("latin-1").split(";", _MOST_COOKIES)[:_MOST_COOKIES])
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def negotiate(accept: bytes, offers: Sequence[str]) -> str:
    """Choose what to answer with (RFC 9110, 12.5.1).

    1. The most specific range that matches an offer gives its weight; no ``Accept`` weighs everything 1.
    2. The heaviest offer wins; among equals the one offered first.

    Raises:
        Refused: 406, nothing on offer is acceptable.
    """
    ranges = [_range(part) for part in accept.decode("latin-1")[:4096].split(",") if part.strip()]
    if not ranges:
        return offers[0]
    weights = {offer: _weight(offer, ranges) for offer in offers}
    best = max(offers, key=lambda offer: weights[offer])
    if weights[best] <= 0:
        raise Refused(406, f"{accept.decode('latin-1')[:200]} is not on offer", f"ask for {', '.join(offers)}")
    return best


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = min(1.0, max(0.0, float(value)))
            except ValueError:
                weight = 0.0
    return media.lower(), weight


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    whole = offer.partition("/")[0] + "/*"
    for wanted in (offer, whole, "*/*"):
        for media, weight in ranges:
            if media == wanted:
                return weight
    return 0.0


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read at most ``limit`` bytes of the body, and let the rest go by."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        part: bytes = message.get("body", b"")
        body = (body + part)[:limit]
        if not message.get("more_body") or len(body) >= limit:
            return body


async def whole_body(receive: Receive, limit: int) -> bytes:
    """Read a body that is to be understood: all of it or none.

    Raises:
        Refused: 413, it is larger than ``limit`` bytes; 400, the sender went away in the middle of it.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "the body did not arrive as a whole", "send it again")
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > limit:
            raise Refused(413, f"the body is larger than {limit // 1024} KiB", "say it shorter")
        if not message.get("more_body"):
            return body
