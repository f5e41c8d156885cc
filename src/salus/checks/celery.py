"""The ``celery`` check: workers answer a ping through the broker, and no task is run for it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from celery import Celery as App
from kombu.exceptions import ChannelError, OperationalError

from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.clock import SystemClock
from salus.errors import CheckBrokenError
from salus.model import Cause, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.threads import Keeper
from salus.units import Duration, format_duration

_monotonic = SystemClock().monotonic
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_LOOK_AROUND = 10  # every so many looks all replies are waited for, so that workers that are new are found


class Celery(BoundedOptions, frozen=True, kw_only=True):
    """Celery workers that answer a ping through their broker; no task is run, none is queued.

    A worker answers from its main process, so one whose pool is busy answers, too. Only with ``--pool=solo`` a running
    task keeps it from answering for as long as it takes.

    Metrics: ``workers``, ``answer_seconds``, and ``queue_<name>`` for each of ``queues``.

    Attributes:
        app: the application, ``package.module:app``; it must be importable by Salus.
        broker: the URL of the broker instead, where the application's code is elsewhere.
        workers: names that must answer, such as ``celery@web1``; unhealthy for each that does not.
        workers_above: unhealthy unless more workers than this answer.
        warn_workers_above: degraded unless more workers than this answer.
        reply_timeout: how long to wait for a reply. Once all workers that are known have answered, nothing is waited
            for any more.
        queues: queues whose waiting messages are counted; those that are there in Redis and AMQP.
        queue_length_below: unhealthy unless each of them is shorter.
        warn_queue_length_below: degraded unless each of them is shorter.
    """

    scalar = "app"

    app: str | None = None
    broker: Secret | None = None
    workers: tuple[str, ...] = ()
    workers_above: float = 0
    warn_workers_above: float | None = None
    reply_timeout: Duration = Duration(1.0)
    queues: tuple[str, ...] = ()
    queue_length_below: float | None = None
    warn_queue_length_below: float | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that it can be found, and that bounds have something to be held against."""
        found = super().problems()
        if (self.app is None) == (self.broker is None):
            found.append(("app", "give either the app (package.module:app) or the broker's URL"))
        if self.app is not None and not _NAME.fullmatch(self.app):
            found.append(("app", f"{self.app!r} names no app: write it like package.module:app"))
        if self.bounds("queue_length") and not self.queues:
            found.append(("queues", "a bound on their length needs the names of queues"))
        if not 0 < self.reply_timeout <= 60:
            found.append(("reply_timeout", "must be more than nothing, and a minute at most"))
        return found

    @property
    def shares(self) -> str | None:
        """Name the broker, or the app that knows it."""
        return self.app or "the broker"

    def build(self, site: Site) -> Check:
        """Make a check that connects when it first looks."""
        return CeleryCheck(self)


@dataclass(slots=True)
class _Seen:
    """What one look saw."""

    workers: tuple[str, ...] = ()
    took: float = 0.0
    queues: dict[str, int] = field(default_factory=dict)


class CeleryCheck:
    """A ``celery`` check with its connection, which stays in a thread of its own."""

    def __init__(self, options: Celery, app: Any = None) -> None:
        """Take the options; ``app`` is the Celery application, where somebody has it in hand."""
        self._options = options
        self._app = app
        self._connection: Any = None
        self._known: frozenset[str] = frozenset()
        self._looks = 0
        self._keeper = Keeper("salus-celery")

    async def look(self, look: Look) -> Observation:
        """Ask all workers, and hold the answers against what is expected.

        Raises:
            CheckBrokenError: the app cannot be imported.
        """
        if self._keeper.busy:
            return look.unhealthy("the broker has not answered the look before yet")
        within = min(self._options.reply_timeout, look.spec.timeout * 0.8)
        try:
            seen = await self._keeper.run(lambda: self._ask(within))
        except (OperationalError, OSError) as error:
            cause = Cause.REFUSED if "refused" in str(error).lower() else Cause.UNREACHABLE
            said = bounded_line(f"the broker cannot be reached: {str(error) or type(error).__name__}")
            return look.observe(Status.UNHEALTHY, said, cause=cause)
        return self._judge(look, seen, within)

    async def aclose(self) -> None:
        """Close the connection, in its thread."""
        self._keeper.stop(self._close)

    def _judge(self, look: Look, seen: _Seen, within: float) -> Observation:
        findings, options = Findings(), self._options
        count = len(seen.workers)
        if missing := sorted(set(options.workers) - set(seen.workers)):
            findings.unhealthy(f"{', '.join(missing)} did not answer within {format_duration(within)}")
        said = f"{count} {'worker' if count == 1 else 'workers'} answered"
        findings.judge(options, "workers", count, said)
        metrics = {"workers": Metric(count), "answer_seconds": Metric(seen.took, "seconds")}
        for name, length in seen.queues.items():
            metrics[f"queue_{name}"] = Metric(length)
            findings.judge(options, "queue_length", length, f"{length} messages wait in {name}")
        summary = f"{said} in {format_duration(seen.took)}" if count else "no worker is expected, and none answered"
        return findings.answer(look, summary, metrics=metrics, metadata={"workers": list(seen.workers[:50])})

    # ── In the thread ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, within: float) -> _Seen:
        app = self._app = self._app or _application(self._options)
        try:
            if self._connection is None:
                self._connection = app.connection_for_write(connect_timeout=within)
                self._connection.ensure_connection(max_retries=1, interval_start=0, timeout=within)
            return self._seen(app, within)
        except BaseException:
            self._close()
            raise

    def _seen(self, app: Any, within: float) -> _Seen:
        """Ping; as soon as everybody has answered who did so before, that is all."""
        self._looks += 1
        wanted = self._known | set(self._options.workers)
        all_of_them = not self._known or self._looks % _LOOK_AROUND == 0
        began = last = _monotonic()

        def heard(_reply: object) -> None:
            nonlocal last
            last = _monotonic()

        replies = app.control.broadcast(
            "ping",
            reply=True,
            timeout=within,
            limit=None if all_of_them else len(wanted),
            connection=self._connection,
            callback=heard,
        )
        app.control.mailbox.unclaimed.clear()  # replies that came too late for their look
        answered = {name for reply in replies or () for name, said in reply.items() if said == {"ok": "pong"}}
        self._known = frozenset(answered)
        lengths = {name: self._length(name) for name in self._options.queues}
        return _Seen(tuple(sorted(answered)), last - began, lengths)

    def _length(self, queue: str) -> int:
        try:
            with self._connection.channel() as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError:  # nobody has made it yet, or it is empty: Redis does not tell these apart
            return 0

    def _close(self) -> None:
        connection, self._connection, self._known = self._connection, None, frozenset()
        if connection is not None:
            with suppress(Exception):  # it is given up in any case
                connection.release()


def _application(options: Celery) -> Any:
    if options.broker is not None:
        return App("salus", broker=options.broker.reveal(), set_as_current=False)
    module, _, path = (options.app or "").partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:
        message = f"{options.app} cannot be imported: {type(error).__name__}: {error}"
        raise CheckBrokenError(bounded_line(message), cause=Cause.NOT_KNOWN) from error
    if not isinstance(found, App):
        raise CheckBrokenError(f"{options.app} is no Celery app, but {type(found).__name__}", cause=Cause.NOT_KNOWN)
    return found
