"""A live stream under WSGI ends soon, also where there is always more to tell."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any

import pytest

from salus.library import wsgi
from salus.library.host import Host
from salus.surfaces.http import Receive, Scope, Send

MOST = 1000


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host("a loop for a stream")
    made.start()
    yield made
    made.stop()


def test_a_stream_without_an_end_ends_after_a_moment(host: Host) -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/live", "wsgi.input": io.BytesIO()}
    parts = 0
    for _ in wsgi.WsgiApp(lambda: (app, host.loop))(environ, lambda *_: None):
        parts += 1
        assert parts < MOST, "it goes on for ever"
    assert parts > 1
    host.call(ended.wait(), 30.0)
