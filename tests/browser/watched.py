"""Pages that are watched: whatever goes wrong in one, and whatever it fetches from elsewhere, fails the test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, WebError

Scheme = Literal["light", "dark"]

WIDE = (1440, 900)
NARROW = (390, 844)

_LOCAL = ("data", "blob", "about")
_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  salusViolation(`${event.effectiveDirective} ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""


class Watch:
    """Opens pages, and notes what a person would never see: errors, violations, requests to others."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []
        self.requests: list[str] = []

    async def open(
        self,
        url: str,
        path: str | None = None,
        *,
        script: bool = True,
        scheme: Scheme = "light",
        size: tuple[int, int] = WIDE,
        headers: dict[str, str] | None = None,
    ) -> Page:
        """Return a page of a browser that knows nothing yet.

        Args:
            url: the origin; whatever is fetched from elsewhere is a trouble, and paths are meant below it.
            path: where to go at once; None goes nowhere.
            script: whether scripts run.
            scheme: what the person prefers.
            size: width and height of the window.
            headers: sent with every request, such as a token.
        """
        context = await self._browser.new_context(
            base_url=url,
            java_script_enabled=script,
            color_scheme=scheme,
            viewport={"width": size[0], "height": size[1]},
            extra_http_headers=headers,
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
            ignore_https_errors=True,  # a proxy of ours has a certificate that was made for the test
        )
        self._contexts.append(context)
        context.set_default_timeout(45_000)
        await self._listen(context, _origin(url))
        page = await context.new_page()
        if path is not None:
            await page.goto(path)
        return page

    @asynccontextmanager
    async def expecting(self, *patterns: str) -> AsyncIterator[None]:
        """Let troubles be that match one of the patterns; each of them has to come.

        A browser writes every answer of 400 and above on its console, also one that is asked for on purpose.
        """
        before = len(self.troubles)
        yield
        await self.settle()
        found, self.troubles = self.troubles[before:], self.troubles[:before]
        missing = [one for one in patterns if not any(re.search(one, trouble) for trouble in found)]
        assert not missing, f"expected, and did not come: {missing}; what came: {found}"
        self.troubles += [trouble for trouble in found if not any(re.search(one, trouble) for one in patterns)]

    async def settle(self) -> None:
        """Let everything arrive that the browser has to say about what has happened until now."""
        for context in self._contexts:
            for page in context.pages:
                await page.title()  # what is said before this answer has been heard

    async def finish(self) -> None:
        """Hear what is left to be said, and close every page: before its server ends, which every open page notices."""
        contexts = self._contexts
        try:
            await self.settle()
        finally:
            self._contexts = []
            for context in contexts:
                await context.close()

    async def _listen(self, context: BrowserContext, origin: str) -> None:
        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "assert"):
                self._note("console", f"{message.text} at {message.location.get('url', '')}")

        def error(error: WebError) -> None:
            self._note("page error", str(error.error))

        def request(request: Request) -> None:
            self.requests.append(request.url)
            if urlsplit(request.url).scheme not in _LOCAL and _origin(request.url) != origin:
                self._note("a request to somebody else", request.url)

        def response(response: Response) -> None:
            if response.status >= 500:
                self._note("broken", f"{response.status} {response.url}")

        def crash(page: Page) -> None:
            self._note("crash", page.url)

        async def violation(_source: Any, text: str) -> None:
            self._note("content security policy", text)

        context.on("console", console)
        context.on("weberror", error)
        context.on("request", request)
        context.on("response", response)
        context.on("page", lambda page: page.on("crash", crash))
        await context.expose_binding("salusViolation", violation)
        await context.add_init_script(_VIOLATIONS)

    def _note(self, kind: str, text: str) -> None:
        self.troubles.append(f"{kind}: {text}")


@asynccontextmanager
async def watching(browser: Browser) -> AsyncIterator[Watch]:
    """Watch every page that is opened in this block.

    Raises:
        AssertionError: something went wrong that nobody expected.
    """
    watch = Watch(browser)
    try:
        yield watch
    finally:
        await watch.finish()
    assert not watch.troubles, "\n".join(watch.troubles)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
