"""Whatever bytes arrive, by whatever path, method and header: a client's error at most, told as a problem."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from salus.model import Role
from salus.surfaces.api.door import ROOT
from salus.surfaces.api.endpoints import GROUPS
from tests.fake_api import FakeApi

PATHS = [endpoint.path for group in GROUPS for endpoint in group.endpoints if endpoint.path != "/stream"]
METHODS = st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "X" * 100])
NAMES = st.sampled_from(
    [
        b"authorization",
        b"cookie",
        b"content-type",
        b"x-csrf-token",
        b"x-forwarded-for",
        b"x-forwarded-prefix",
        b"accept",
    ]
)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"Bearer ", b"Bearer TOKEN", b"salus_session=x; salus_session=y", b"application/json", b"10.0.0.1"]
    ),
)
FAKE_NAMES = st.sampled_from(["web", "r1", "aa11bb22cc33dd44", "s1", "log", "..", "%", "\u202e", "a" * 300])
BODIES = st.one_of(st.binary(max_size=60), st.sampled_from([b"{}", b"[]", b'{"seconds": 5}', b"null", b'{"by": 1}']))


@st.composite
def paths(draw: Any) -> str:
    path: str = draw(st.one_of(st.sampled_from(PATHS), st.text(max_size=30)))
    if "{" in path:
        head, _, tail = path.partition("{")
        path = head + draw(st.one_of(FAKE_NAMES, st.text(max_size=20))) + tail.partition("}")[2]
    return ROOT + (path if path.startswith("/") else f"/{path}")


@dataclass(frozen=True)
class Request:
    path: str
    method: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    known: bool


REQUESTS = st.builds(
    Request,
    path=paths(),
    method=METHODS,
    query=st.binary(max_size=60),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    body=BODIES,
    known=st.booleans(),
)


@given(request=REQUESTS)
def test_anything_at_all_is_answered_and_nothing_breaks(request: Request) -> None:
    code, kind = asyncio.run(_ask(request))
    assert 200 <= code < 500
    assert code < 400 or kind == b"application/problem+json"


async def _ask(request: Request) -> tuple[int, bytes]:
    api = FakeApi()
    await api.fill()
    token = (await api.door.token(Role.ADMIN)).encode()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body}

    async def send(message: Any) -> None:
        sent.append(message)

    more = [(name, value.replace(b"TOKEN", token)) for name, value in request.headers]
    if request.known:
        more = [(b"authorization", b"Bearer " + token), *(one for one in more if one[0] != b"authorization")]
    scope = {"type": "http", "method": request.method, "path": request.path, "headers": more}
    await api.app({**scope, "query_string": request.query}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])[b"content-type"]
