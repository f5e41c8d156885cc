"""Dead-man's switches: somebody elsewhere hears again and again that Salus is well, and raises the alarm if not.

Only a well Salus reports: its loop turns (the reports are sent on it), and its check of itself is healthy and fresh. A
report that does not arrive is tried again, at growing distances up to the interval, and said once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

from salus import __version__, httpclient
from salus.config.pings import PingShape
from salus.httpclient import redaction, urls
from salus.ports import Clock
from salus.tasks import Nursery
from salus.units import format_duration

_log = logging.getLogger("salus.pings")

LONGEST = 300
"""Characters of the body: one line for people."""

RETRY_FIRST = 1.0
LOOK_AGAIN = 0.5
"""Seconds after which an unwell Salus sees whether it is well again."""


class Pings:
    """All switches of one Salus."""

    def __init__(self, unwell: Callable[[], str | None], whole: Callable[[], tuple[bool, str]], clock: Clock) -> None:
        """Tell nobody yet.

        Args:
            unwell: says why Salus itself is not well, or nothing; None while it cannot tell yet.
            whole: tells whether the whole is unhealthy, and how it is in one line.
            clock: time.
        """
        self._unwell = unwell
        self._whole = whole
        self._clock = clock
        self._tasks = Nursery(_crashed)
        self._running: dict[str, tuple[PingShape, asyncio.Task[None]]] = {}

    def configure(self, wanted: Mapping[str, PingShape]) -> None:
        """Tell these from now on, and no others; those that did not change go on undisturbed."""
        for name, (shape, task) in list(self._running.items()):
            if wanted.get(name) != shape:
                task.cancel()
                del self._running[name]
        for name, shape in wanted.items():
            if name not in self._running:
                switch = Switch(name, shape, self._unwell, self._whole, self._clock)
                self._running[name] = shape, self._tasks.start(f"ping {name}", switch.run())

    async def stop(self) -> None:
        """Fall silent: that Salus was ended is what the switch is there to notice."""
        for _, task in self._running.values():
            task.cancel()
        self._running.clear()
        await self._tasks.stop(0.0)


class Switch:
    """One switch."""

    def __init__(
        self,
        name: str,
        shape: PingShape,
        unwell: Callable[[], str | None],
        whole: Callable[[], tuple[bool, str]],
        clock: Clock,
    ) -> None:
        """Report as the shape says; the rest is as ``Pings`` has it."""
        self._name = name
        self._shape = shape
        self._unwell = unwell
        self._whole = whole
        self._clock = clock
        url = shape.url.reveal()
        self._redact = redaction.Redactor(redaction.of_url(url))
        parsed = urls.parse(url)
        self._place = f"{parsed.host}:{parsed.port}"
        self._failed = 0

    async def run(self) -> None:
        """Report until cancelled."""
        interval = self._shape.interval
        if self._shape.start:
            await self._report("start", f"Salus {__version__} starts")
        due = self._clock.monotonic()
        while True:
            how, said = self._now()
            if how is None:
                await self._clock.sleep(min(LOOK_AGAIN, interval))
                due = self._clock.monotonic()
                continue
            if await self._report(how, said):
                due = max(due + interval, self._clock.monotonic())
                await self._clock.sleep(due - self._clock.monotonic())
            else:
                due = self._clock.monotonic()
                await self._clock.sleep(min(RETRY_FIRST * 2 ** (self._failed - 1), interval))

    def _now(self) -> tuple[str | None, str]:
        """Return what is to be reported (``None``: nothing), and one line about it."""
        failing, said = self._whole()
        why = self._unwell()
        if why is None:
            return None, "Salus has not looked at itself yet"
        if why:
            return ("fail" if self._shape.report_failures else None), f"Salus itself is not well: {why}"
        if failing and self._shape.report_failures:
            return "fail", said
        return "", said

    async def _report(self, how: str, said: str) -> bool:
        """Send one report; true when it was taken."""
        why = await self._send(how, " ".join(said.split())[:LONGEST])
        if why:
            self._failed = min(self._failed + 1, 20)
            if self._failed == 1:
                what = "the switch %s at %s does not hear that Salus is well: %s; tried again until it does"
                _log.warning(what, self._name, self._place, why)
            return False
        if self._failed:
            _log.info("the switch %s at %s hears from Salus again", self._name, self._place)
        self._failed = 0
        return True

    async def _send(self, how: str, said: str) -> str:
        """Return why it did not arrive, without a secret; an empty string where it did."""
        within = self._shape.timeout
        request = httpclient.Request(
            url=_with(self._shape.url.reveal(), how),
            method="POST",
            headers=(("User-Agent", f"salus/{__version__}"), ("Content-Type", "text/plain; charset=utf-8")),
            body=said.encode(),
            max_body=1024,
            proxy="environment",
        )
        try:
            async with asyncio.timeout(within):
                answer = await httpclient.fetch(request, resolve_within=within / 2)
        except TimeoutError:
            return f"no answer within {format_duration(within)}"
        except httpclient.HttpError as error:
            return self._redact(str(error))[:LONGEST]
        return (
            "" if 200 <= answer.status < 300 else self._redact(f"it answers {answer.status} {answer.reason}")[:LONGEST]
        )


def _with(url: str, how: str) -> str:
    """Add a word to the path of a URL, before its query."""
    if not how:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{how}"))


def _crashed(name: str, error: BaseException) -> None:
    _log.error("the task %r failed in Salus itself", name, exc_info=error)
