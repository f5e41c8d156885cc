"""The ``celery`` check: workers answer a ping through the broker, and no task is run for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.checks._objects import is_name
from salus.checks._systems import lacking
from salus.model import Cause, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.threads import Keeper
from salus.units import Duration, format_duration


class Celery(BoundedOptions, frozen=True, kw_only=True):
    """Celery workers that answer a ping through their broker; no task is run, none is queued.

    A worker answers from its main process, so one whose pool is busy answers, too. Only with ``--pool=solo`` a running
    task keeps it from answering for as long as it takes. Needs the extra ``celery``.

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
        if self.app is not None and not is_name(self.app):
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
        """Make a check that connects when it first looks.

        Raises:
            MissingExtraError: the extra ``celery`` is not installed.
        """
        if error := lacking("celery", "celery", "celery"):
            raise error
        from salus.checks._celery_broker import Broker

        return CeleryCheck(self, Broker(self))


@dataclass(slots=True)
class Seen:
    """What one look saw: the workers that answered, after how many seconds the last of them did, and queues."""

    workers: tuple[str, ...] = ()
    took: float = 0.0
    queues: dict[str, int] = field(default_factory=dict)


class Asked(Protocol):
    """Who asks the workers; all of it happens in one thread."""

    def ask(self, within: float) -> Seen:
        """Ask all workers, for at most that many seconds.

        Raises:
            OSError: the broker cannot be reached.
            CheckBrokenError: the app cannot be imported.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class CeleryCheck:
    """A ``celery`` check with its connection, which stays in a thread of its own."""

    def __init__(self, options: Celery, broker: Asked) -> None:
        """Take the options, and who asks."""
        self._options = options
        self._broker = broker
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
            seen = await self._keeper.run(lambda: self._broker.ask(within))
        except OSError as error:
            cause = Cause.REFUSED if "refused" in str(error).lower() else Cause.UNREACHABLE
            said = bounded_line(f"the broker cannot be reached: {str(error) or type(error).__name__}")
            return look.observe(Status.UNHEALTHY, said, cause=cause)
        return self._judge(look, seen, within)

    async def aclose(self) -> None:
        """Close the connection, in its thread."""
        self._keeper.stop(self._broker.close)

    def _judge(self, look: Look, seen: Seen, within: float) -> Observation:
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
