"""Everything that has no kind of its own, through Apprise."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, ClassVar
from urllib.parse import urlsplit

from salus.channels._urgency import urgency
from salus.channels._words import clean, lines, title
from salus.errors import CheckBrokenError, DeliveryError, MissingExtraError
from salus.model import AlertState, Level, Notification
from salus.options import ChannelOptions
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret
from salus.threads import Threads
from salus.units import format_duration

_KINDS = {Level.CRITICAL: "failure", Level.WARNING: "warning", Level.INFO: "info"}
_THREADS = 4
_REMEMBERED = 100


class Apprise(ChannelOptions, frozen=True, kw_only=True):
    """Tell any of the services that Apprise knows, as text. Needs the extra ``apprise``.

    Apprise says only whether it worked, and not why; so whatever fails is tried again until the channel gives up. It
    connects wherever its URLs lead: ``targets`` does not guard them. What it logs is dropped, as it may quote them.

    Attributes:
        url: as Apprise writes it, such as ``ntfy://topic`` or ``tgram://token/chat``. Only its scheme is ever shown.
        urls: further ones. A try after a failure tells only those that have not taken it yet.
    """

    scalar: ClassVar[str] = "url"

    url: Secret | None = None
    urls: tuple[Secret, ...] = ()

    @property
    def every(self) -> tuple[Secret, ...]:
        """Return all URLs."""
        return (*([self.url] if self.url else []), *self.urls)

    def __repr__(self) -> str:
        """Show what kinds of services it tells."""
        return f"{type(self).__name__}({', '.join(_scheme(url) for url in self.every)})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what Apprise cannot use."""
        if find_spec("apprise") is None:
            missing = _missing()
            return [("", f"{missing}: {missing.remedy}")]
        if not self.every:
            return [("url", "there is no URL: give url or urls")]
        named = [*([("url", self.url)] if self.url else []), *(("urls", url) for url in self.urls)]
        return [
            (field, f"Apprise cannot use the URL {_scheme(url)}: its documentation says how to write it")
            for field, url in named
            if _service(url) is None
        ]

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel.

        Raises:
            MissingExtraError: the extra ``apprise`` is not installed.
        """
        if find_spec("apprise") is None:
            raise _missing()
        return AppriseChannel(self)


class AppriseChannel:
    """Services that are told one after the other, each in a thread: Apprise blocks."""

    resend = None

    def __init__(self, options: Apprise) -> None:
        """Load nothing yet."""
        self._urls = options.every
        self._threads = Threads(_THREADS, "salus-apprise")
        self._taken: OrderedDict[str, set[int]] = OrderedDict()

    async def send(self, letter: Letter) -> str:
        """Tell every service that has not taken it at an earlier try."""
        taken = self._taken.setdefault(letter.notification.id, set())
        while len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        failed = []
        try:
            async with asyncio.timeout(letter.timeout):
                for place, url in enumerate(self._urls):
                    if place in taken:
                        continue
                    if await self._threads.run(_tell, url, letter):
                        taken.add(place)
                    else:
                        failed.append(_scheme(url))
        except TimeoutError:
            raise DeliveryError(f"Apprise did not end within {format_duration(letter.timeout)}") from None
        except CheckBrokenError as error:
            raise DeliveryError(f"Apprise cannot be asked: {error}", remedy=error.remedy) from None
        if failed:
            raise DeliveryError(
                f"Apprise could not tell {', '.join(failed)}",
                remedy="it does not say why: look at the URL and the service",
            )
        self._taken.pop(letter.notification.id, None)
        return f"Apprise told {', '.join(_scheme(url) for url in self._urls)}"

    async def aclose(self) -> None:
        """Nothing is kept."""


def _missing() -> MissingExtraError:
    return MissingExtraError("the channel 'apprise'", extra="apprise")


def _scheme(url: Secret) -> str:
    """Return what may be shown of a URL."""
    try:
        return f"{clean(urlsplit(url.reveal()).scheme, 20) or 'nothing'}://"
    except ValueError:
        return "nothing://"


# ── In the thread ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(url: Secret, letter: Letter) -> bool:
    """Tell one service. Returns whether it took it; nothing that Apprise raises gets out, as it may quote the URL."""
    service = _service(url)
    if service is None:
        return False
    with _quietly():
        try:
            return bool(
                service.notify(
                    body="\n".join(lines(letter)),
                    title=title(letter),
                    notify_type=_kind(letter.notification),
                    body_format="text",
                )
            )
        except Exception:  # noqa: BLE001 -- a plugin of Apprise may raise anything
            return False


def _service(url: Secret) -> Any:
    """Load what is behind a URL; None where Apprise cannot use it."""
    import apprise

    with _quietly():
        try:
            # In this very thread, one after the other, and with no pool of its own that would outlive us.
            asset = apprise.AppriseAsset(app_id="Salus", app_desc="Salus", async_mode=False, service_timeout=0)
            service = apprise.Apprise(asset=asset)
            return service if service.add(url.reveal()) else None
        except Exception:  # noqa: BLE001 -- as above
            return None


def _kind(told: Notification) -> str:
    level = urgency(told)
    if told.state is AlertState.RESOLVED and level is None:
        return "success"
    return _KINDS[level or Level.INFO]


_quiet: ContextVar[bool] = ContextVar("salus_apprise_quiet", default=False)


def _audible(_: logging.LogRecord) -> bool:
    return not _quiet.get()


@contextmanager
def _quietly() -> Iterator[None]:
    """Drop what anybody logs in this thread meanwhile: Apprise, and what it connects with, may quote a URL.

    Other threads, and other users of Apprise, hear what they always heard.
    """
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        if isinstance(logger, logging.Logger):
            logger.addFilter(_audible)  # adding it again changes nothing
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)
