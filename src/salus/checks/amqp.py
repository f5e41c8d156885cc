"""The ``amqp`` check: log in to RabbitMQ, have a message taken, look at a queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from salus.checks._bounds import Findings
from salus.checks._kept import Kept
from salus.checks._net import failed, told, too_slow
from salus.checks._refusals import RefusedError
from salus.checks._systems import Scheme, SystemOptions, Target, lacking, missing
from salus.checks._wire import greeted
from salus.clock import SystemClock
from salus.httpclient import HttpError
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import format_duration

if TYPE_CHECKING:
    from salus.checks._amqp_wire import AmqpWire

_monotonic = SystemClock().monotonic


class Amqp(SystemOptions, frozen=True, kw_only=True):
    """Logs in to a broker that speaks AMQP 0-9-1, such as RabbitMQ, and has it answer. The connection is kept.

    Healthy means: the broker let us in and took a message. The message is empty and addressed to no queue, so that
    nobody receives it; but it is the only way to learn that a broker takes none, because memory or disk run out.
    With ``queue`` the queue must exist, and its numbers are held against the bounds. A user without the permission to
    publish is asked for an answer only, as with ``publish: false``. Needs the extra ``amqp``.

    Metrics: ``latency_seconds``, ``connect_seconds`` where it connected anew, ``blocked`` (0 or 1); with a queue
    ``messages`` and ``consumers``.

    Attributes:
        url: ``amqp://user:password@host:5672/vhost``, or ``amqps://...`` for TLS.
        vhost: the virtual host, instead of the one in the URL; ``/`` where neither names one.
        queue: a queue that must exist.
        messages_below: messages ready in the queue: as many or more are unhealthy.
        warn_messages_below: as many or more are degraded.
        messages_above: as few or fewer are unhealthy.
        warn_messages_above: as few or fewer are degraded.
        consumers_above: consumers of the queue: as few or fewer are unhealthy (0 wants one at least).
        warn_consumers_above: as few or fewer are degraded.
        consumers_below: as many or more are unhealthy.
        warn_consumers_below: as many or more are degraded.
        publish: publish an empty message to nowhere, to learn whether the broker takes messages.
        blocked: what it is when the broker takes no messages: ``degraded`` or ``unhealthy``.
    """

    schemes: ClassVar[Mapping[str, Scheme]] = {"amqp": Scheme(port=5672), "amqps": Scheme(port=5671, tls=True)}

    vhost: str | None = None
    queue: str | None = None
    messages_below: int | None = None
    warn_messages_below: int | None = None
    messages_above: int | None = None
    warn_messages_above: int | None = None
    consumers_above: int | None = None
    warn_consumers_above: int | None = None
    consumers_below: int | None = None
    warn_consumers_below: int | None = None
    publish: bool = True
    blocked: Literal["degraded", "unhealthy"] = "degraded"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = [*super().problems(), *missing("amqp", "amqp", "pamqp")]
        if self.queue is None:
            found += [
                ("queue", f"{name} of which queue? add queue")
                for name in ("messages", "consumers")
                if self.bounds(name)
            ]
        return found

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the extra ``amqp`` is not installed.
        """
        if error := lacking("amqp", "amqp", "pamqp"):
            raise error
        from salus.checks._amqp_wire import AmqpWire

        return AmqpCheck(self, AmqpWire)


@dataclass(slots=True)
class _Seen:
    """What one talk found.

    Attributes:
        latency: seconds from the question to the answer.
        blocked: why the broker takes no messages; None where it does.
        counts: messages and consumers of the queue.
        refused: what it would not do.
        server: its name and version.
    """

    latency: float
    blocked: str | None = None
    counts: tuple[int, int] | None = None
    refused: RefusedError | None = None
    server: str = ""


class AmqpCheck:
    """An ``amqp`` check, ready to look."""

    __slots__ = ("_kept", "_mute", "_options", "_redact", "_target", "_vhost", "_wire")

    def __init__(self, options: Amqp, wire: type[AmqpWire]) -> None:
        """Read the options once."""
        self._wire = wire
        self._options = options
        self._target: Target = options.target()
        self._vhost = options.vhost or self._target.path or "/"
        self._redact = options.redactor()
        self._kept: Kept[AmqpWire] = Kept(str(self._target.endpoint), self._open)
        self._mute = not options.publish

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        try:
            async with self._kept.line(look) as wire:
                seen = await self._talk(wire)
        except HttpError as error:
            return failed(look, error, redact=self._redact)
        return self._judge(look, seen)

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        await self._kept.aclose()

    async def _open(self, look: Look) -> AmqpWire:
        endpoint = self._target.endpoint
        return await greeted(look, endpoint, partial(self._wire, str(endpoint)), self._greet)

    async def _greet(self, wire: AmqpWire) -> None:
        if self._target.tls:
            await wire.secure(self._options.tls_options(), self._target.endpoint.host)
        await wire.log_in(self._target, self._vhost)
        await wire.channel()

    async def _talk(self, wire: AmqpWire) -> _Seen:
        started = _monotonic()
        seen = _Seen(0.0, server=wire.server)
        # A broker that blocks us reads nothing more of us, until it says that it does again.
        if wire.blocked is None:
            try:
                await self._ask(wire, seen)
            except RefusedError as refused:
                if wire.error is not None:
                    raise
                seen.refused = refused
        seen.blocked = wire.blocked
        seen.latency = self._kept.alive_seconds + _monotonic() - started
        return seen

    async def _ask(self, wire: AmqpWire, seen: _Seen) -> None:
        await wire.channel()
        if self._options.queue is not None:
            seen.counts = await wire.queue(self._options.queue)
        if not self._mute:
            try:
                await wire.publish()
                return
            except RefusedError:
                if wire.error is not None:
                    raise
                self._mute = True  # this user may not publish, and is not asked to again

    def _judge(self, look: Look, seen: _Seen) -> Observation:
        findings = Findings()
        place = str(self._target.endpoint)
        metrics = {**self._kept.metrics(), "latency_seconds": Metric(seen.latency, "seconds")}
        metrics["blocked"] = Metric(float(seen.blocked is not None))
        if seen.blocked is not None:
            note = findings.unhealthy if self._options.blocked == "unhealthy" else findings.degraded
            note(f"{place} takes no messages: {seen.blocked}")
            del metrics["latency_seconds"]
        if seen.refused is not None:
            if seen.refused.ours:
                return failed(look, seen.refused, metrics, self._redact)
            findings.unhealthy(self._redact(told(seen.refused)))
        if seen.counts is not None:
            self._count(findings, seen.counts, metrics)
        if slow := too_slow(seen.latency, self._options.latency_below):
            findings.degraded(f"{place}: {slow}")
        summary = f"{seen.server} at {place} answered in {format_duration(seen.latency)}"
        if seen.counts is not None:
            summary = f"{self._options.queue}: {_told(seen.counts)}"
        cause = seen.refused.cause if seen.refused is not None else "blocked" if seen.blocked is not None else ""
        return findings.answer(look, self._kept.remark(summary), metrics=metrics, cause=cause)

    def _count(self, findings: Findings, counts: tuple[int, int], metrics: dict[str, Metric]) -> None:
        queue = self._options.queue
        for name, count in zip(("messages", "consumers"), counts, strict=True):
            metrics[name] = Metric(float(count))
            findings.judge(self._options, name, count, f"{queue} has {count} {_plural(name, count)}")


def _plural(name: str, count: int) -> str:
    return name.removesuffix("s") if count == 1 else name


def _told(counts: tuple[int, int]) -> str:
    messages, consumers = counts
    return f"{messages} {_plural('messages', messages)}, {consumers} {_plural('consumers', consumers)}"
