"""A browser without a window: keeps cookies, reads pages, sends forms, and listens to what stays open."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from salus.model import Role
from tests.asgi import Answer, ask
from tests.fake_api import FakeApi

ROOT = "/health-dashboard"
FORM = "application/x-www-form-urlencoded"


class Visitor:
    """Somebody who looks at the pages of a ``FakeApi``; ``sign_in`` makes them known."""

    def __init__(self, api: FakeApi, **headers: str) -> None:
        self.api = api
        self.cookies: dict[str, str] = {}
        self.headers = headers
        self.csrf = ""

    async def sign_in(self, role: Role) -> Visitor:
        answer = await self.post("/sign-in", token=await self.api.door.token(role))
        assert answer.code == 303, answer.text
        found = re.search(r'data-csrf="([^"]+)"', (await self.get("/")).text)
        assert found
        self.csrf = found[1]
        return self

    async def get(self, path: str, **headers: str) -> Answer:
        return self._keep(await ask(self.api.app, ROOT + path, accept="text/html", more=self._with(headers)))

    async def post(self, path: str, **fields: str) -> Answer:
        return await self.send(path, {"csrf": self.csrf, **fields})

    async def send(self, path: str, fields: dict[str, str], media: str = FORM, **headers: str) -> Answer:
        more = self._with({"content-type": media, **headers})
        body = urlencode(fields).encode()
        return self._keep(await ask(self.api.app, ROOT + path, method="POST", body=body, more=more))

    async def page(self, path: str) -> Html:
        answer = await self.get(path)
        assert answer.code == 200, (answer.code, answer.text[:500])
        return Html(answer.text)

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**({"cookie": cookies} if cookies else {}), **self.headers, **headers}

    def _keep(self, answer: Answer) -> Answer:
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    @asynccontextmanager
    async def looking(self, path: str, mark: str = "") -> AsyncIterator[Looking]:
        """Have a page open."""
        one = Looking(self, path, mark)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(one.run())
            await one.until("retry")
            yield one
            one.gone.set()
            await asyncio.wait([task], timeout=5)


class Looking:
    """An open page."""

    def __init__(self, visitor: Visitor, path: str, mark: str) -> None:
        self.visitor = visitor
        self.query = f"view={quote(path, safe='')}&mark={mark}"
        self.code = 0
        self.text = ""
        self.gone = asyncio.Event()
        self._news = asyncio.Event()

    async def run(self) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self.visitor._with({}).items()]
        query = self.query.encode()
        scope = {"type": "http", "method": "GET", "path": f"{ROOT}/live", "headers": headers, "query_string": query}
        await self.visitor.api.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
        else:
            self.text += message["body"].decode()
        self._news.set()

    async def until(self, what: str) -> None:
        async with asyncio.timeout(5):
            while what not in self.text:
                self._news.clear()
                await self._news.wait()

    @property
    def patches(self) -> list[tuple[str, Any]]:
        """Return the mark and what has changed, of every patch."""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields.get("event") == "patch":
                found.append((fields["id"], json.loads(fields["data"])))
        return found


class Html(HTMLParser):
    """A page as a browser without a window sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.links: list[str] = []
        self.forms: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "form":
            self.forms.append(found.get("action") or "")
        self.links += [value for name in ("href", "src", "action") if (value := found.get(name))]
        if called := found.get("id"):
            self.ids.append(called)

    def handle_data(self, data: str) -> None:
        if not self.tags or self.tags[-1][0] != "time":  # how long ago something was is told as it is read
            self._words.append(data)

    @property
    def words(self) -> str:
        """Return what one reads."""
        return " ".join(" ".join(self._words).split())
