"""Asks Celery workers through their broker: what the ``celery`` check does in its thread."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from celery import Celery as App
from celery.app.control import Control
from kombu.exceptions import ChannelError, OperationalError

from salus.checks._objects import imported
from salus.checks.celery import Celery, Seen
from salus.clock import SystemClock
from salus.errors import CheckBrokenError
from salus.model import Cause

_monotonic = SystemClock().monotonic
_LOOK_AROUND = 10  # every so many looks all replies are waited for, so that workers that are new are found


class Broker:
    """One connection to a broker, kept from look to look."""

    def __init__(self, options: Celery, app: Any = None) -> None:
        """Take the options; ``app`` is the Celery application, where somebody has it in hand."""
        self._options = options
        self._app = app
        self._connection: Any = None
        self._control: Any = None
        self._known: frozenset[str] = frozenset()
        self._looks = 0

    def ask(self, within: float) -> Seen:
        """Ask all workers.

        Raises:
            OSError: the broker cannot be reached.
            CheckBrokenError: the app cannot be imported.
        """
        app = self._app = self._app or _application(self._options)
        if self._control is None:
            self._control = Control(app)
            self._control.mailbox.producer_pool = None  # ask over our own connection, and none of the application's
        try:
            if self._connection is None:
                self._connection = app.connection_for_write(connect_timeout=within)
                self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=within)
            return self._seen(within)
        except Exception as error:
            lost = getattr(self._connection, "connection_errors", ())  # those of the transport
            self.close()
            if isinstance(error, (OperationalError, *lost)):
                raise ConnectionError(str(error)) from error
            raise

    def _seen(self, within: float) -> Seen:
        """Ping; as soon as everybody has answered who did so before, that is all."""
        control = self._control
        self._looks += 1
        wanted = self._known | set(self._options.workers)
        all_of_them = not self._known or self._looks % _LOOK_AROUND == 0
        began = last = _monotonic()

        def heard(_reply: object) -> None:
            nonlocal last
            last = _monotonic()

        replies = control.broadcast(
            "ping",
            reply=True,
            timeout=within,
            limit=None if all_of_them else len(wanted),
            connection=self._connection,
            callback=heard,
        )
        control.mailbox.unclaimed.clear()  # replies that came too late for their look
        answered = {name for reply in replies or () for name, said in reply.items() if said == {"ok": "pong"}}
        self._known = frozenset(answered)
        lengths = {name: self._length(name) for name in self._options.queues}
        return Seen(tuple(sorted(answered)), last - began, lengths)

    def _length(self, queue: str) -> int:
        try:
            with self._connection.channel() as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:  # nobody has made it yet, or it is empty: Redis does not tell these apart
            return 0

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection, self._known = self._connection, None, frozenset()
        if connection is not None:
            with suppress(Exception):  # it is given up in any case
                connection.release()


def _application(options: Celery) -> Any:
    if options.broker is not None:
        return App("salus", broker=options.broker.reveal(), set_as_current=False)
    found = imported(options.app or "")
    if not isinstance(found, App):
        raise CheckBrokenError(f"{options.app} is no Celery app, but {type(found).__name__}", cause=Cause.NOT_KNOWN)
    return found
