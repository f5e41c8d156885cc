"""Ask an ASGI app directly, without a server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from salus.surfaces.http import App, Message, Scope


@dataclass
class Answer:
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: App,
    target: str,
    *,
    method: str = "GET",
    accept: str | None = None,
    body: bytes = b"",
    state: dict[str, Any] | None = None,
    more: dict[str, str] | None = None,
) -> Answer:
    path, _, query = target.partition("?")
    headers = [(b"accept", accept.encode())] if accept is not None else []
    headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
    scope: Scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    scope["state"] = state or {}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = sent[0]
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(message.get("body", b"") for message in sent[1:]))
