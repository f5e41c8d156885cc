"""What was written once and is served as bytes: with an ETag, and packed where the other side can unpack it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from salus.surfaces.http import Response, Scope, Send, basic_headers, header

WORTH_PACKING = 512

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """One answer.

    Attributes:
        code: its status.
        media: what it is.
        body: as it is.
        packed: by gzip; the same where that saves nothing.
        etag: of the body, without quotes.
        headers: further ones.
    """

    code: int
    media: str
    body: bytes
    packed: bytes
    etag: str
    headers: Headers

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""
        return len(self.body) + len(self.packed)

    @classmethod
    def of(cls, body: bytes, media: str, kept: bytes, *, headers: Headers = (), code: int = 200) -> Copy:
        """Make one; ``kept`` says how long others may keep it."""
        packed = gzip.compress(body, 6, mtime=0) if len(body) >= WORTH_PACKING else body
        etag = sha256(body).hexdigest()[:20]
        varies = (b"vary", b"Accept, Accept-Encoding")
        return cls(code, media, body, packed, etag, ((b"cache-control", kept), varies, *headers))


class _NotModified(Response):
    """Says that the other side has it already."""

    async def send(self, send: Send, now: datetime, *, head: bool = False) -> None:
        """Send it: without a body, and without the length of one."""
        own = {name for name, _ in self.headers}
        basic = [one for one in basic_headers(self.media, now) if one[0] not in own]
        headers = [one for one in (*basic, *self.headers) if one[0] != b"content-type"]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def answer(scope: Scope, copy: Copy) -> Response:
    """Answer with a copy: packed where that is understood, and not at all where the other side has it."""
    pack = copy.packed is not copy.body and _unpacks(header(scope, b"accept-encoding"))
    tag = f'"{copy.etag}-gzip"' if pack else f'"{copy.etag}"'
    headers = (*copy.headers, (b"etag", tag.encode()))
    if copy.code == 200 and _known(header(scope, b"if-none-match"), tag):
        return _NotModified(304, copy.media, b"", headers)
    if pack:
        return Response(copy.code, copy.media, copy.packed, (*headers, (b"content-encoding", b"gzip")))
    return Response(copy.code, copy.media, copy.body, headers)


def _unpacks(accepted: bytes) -> bool:
    """Tell whether gzip is understood (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in accepted.decode("latin-1")[:1024].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights[name] = not any(_zero(parameter) for parameter in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def _zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and not value.strip().strip("0.")


def _known(given: bytes, tag: str) -> bool:
    """Tell whether a tag is among those given; a weak one will do (RFC 9110, 13.1.2)."""
    tags = [one.strip().removeprefix("W/") for one in given.decode("latin-1")[:4096].split(",")]
    return "*" in tags or tag in tags
