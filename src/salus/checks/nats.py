"""The ``nats`` check: log in, ping, and look at a stream of JetStream and one of its consumers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from salus.checks._bounds import Findings
from salus.checks._kept import Kept
from salus.checks._nats_wire import NatsWire
from salus.checks._net import failed, told, too_slow
from salus.checks._refusals import RefusedError
from salus.checks._systems import Scheme, SystemOptions
from salus.checks._wire import greeted
from salus.httpclient import HttpError
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.units import format_duration

_NOT_ON = 503


class Nats(SystemOptions, frozen=True, kw_only=True):
    """Logs in to a NATS server and has it answer a ping. The connection is kept.

    With ``stream`` the stream of JetStream must exist; with ``consumer`` that consumer of it must, too, and its numbers
    are held against the bounds. A server that is about to shut down (lame duck mode) is degraded. No library is needed.

    Metrics: ``latency_seconds`` (one round trip), ``connect_seconds`` where it connected anew; with a stream
    ``messages``, ``bytes`` and ``consumers``; with a consumer ``pending``, ``ack_pending`` and ``redelivered``.

    Attributes:
        url: ``nats://user:password@host:4222``, or ``tls://...`` where TLS is a must; a server that wants TLS gets it.
        token: a token, instead of user and password.
        stream: a stream of JetStream that must exist.
        consumer: a durable consumer of that stream that must exist.
        pending_below: messages that the consumer has yet to get: as many or more are unhealthy.
        warn_pending_below: as many or more are degraded.
        ack_pending_below: messages that it got and has not acknowledged: as many or more are unhealthy.
        warn_ack_pending_below: as many or more are degraded.
        messages_below: messages in the stream: as many or more are unhealthy.
        warn_messages_below: as many or more are degraded.
        messages_above: as few or fewer are unhealthy.
        warn_messages_above: as few or fewer are degraded.
    """

    schemes: ClassVar[Mapping[str, Scheme]] = {"nats": Scheme(port=4222), "tls": Scheme(port=4222, tls=True)}

    token: Secret | None = None
    stream: str | None = None
    consumer: str | None = None
    pending_below: int | None = None
    warn_pending_below: int | None = None
    ack_pending_below: int | None = None
    warn_ack_pending_below: int | None = None
    messages_below: int | None = None
    warn_messages_below: int | None = None
    messages_above: int | None = None
    warn_messages_above: int | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = super().problems()
        if self.token and (self.username or self.password):
            found.append(("token", "token and username are both given: keep one of them"))
        for name in ("stream", "consumer"):
            value = getattr(self, name)
            if value is not None and (not value or any(character in value for character in " \t\r\n.*>/\\")):
                found.append((name, "no name in JetStream has blanks, dots, slashes, * or >"))
        if self.consumer is not None and self.stream is None:
            found.append(("consumer", "a consumer of which stream? add stream"))
        if self.stream is None and self.bounds("messages"):
            found.append(("stream", "messages of which stream? add stream"))
        if self.consumer is None and (self.bounds("pending") or self.bounds("ack_pending")):
            found.append(("consumer", "pending for which consumer? add consumer"))
        return found

    def build(self, site: Site) -> Check:
        """Make the check."""
        return NatsCheck(self)


@dataclass(slots=True)
class _Seen:
    """What one talk found.

    Attributes:
        leaving: the server is about to shut down.
        server: its version.
        stream: what JetStream says of the stream.
        consumer: what it says of the consumer.
        refused: what it would not do.
    """

    leaving: bool
    server: str
    stream: Mapping[str, Any] = field(default_factory=dict)
    consumer: Mapping[str, Any] = field(default_factory=dict)
    refused: RefusedError | None = None


class NatsCheck:
    """A ``nats`` check, ready to look."""

    __slots__ = ("_credentials", "_kept", "_options", "_place", "_redact", "_target")

    def __init__(self, options: Nats) -> None:
        """Read the options once."""
        self._options = options
        self._target = options.target()
        self._place = str(self._target.endpoint)
        self._redact = options.redactor(*([options.token.reveal()] if options.token else []))
        self._kept: Kept[NatsWire] = Kept(self._place, self._open)
        self._credentials: dict[str, str] = {}
        if options.token:
            self._credentials = {"auth_token": options.token.reveal()}
        elif self._target.username and not self._target.password:
            self._credentials = {"auth_token": self._target.username}  # nats://token@host, as its own tools have it
            self._redact = options.redactor(self._target.username)
        elif self._target.username:
            self._credentials = {"user": self._target.username, "pass": self._target.password}

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

    async def _open(self, look: Look) -> NatsWire:
        name = f"salus: {look.spec.name}"
        return await greeted(look, self._target.endpoint, partial(NatsWire, self._place), partial(self._greet, name))

    async def _greet(self, name: str, wire: NatsWire) -> None:
        await wire.greeting()
        if self._target.tls or wire.info.get("tls_required"):
            await wire.secure(self._options.tls_options(), self._target.endpoint.host)
        await wire.log_in(self._credentials, name)

    async def _talk(self, wire: NatsWire) -> _Seen:
        seen = _Seen(bool(wire.info.get("ldm")), str(wire.info.get("version", "")))
        stream, consumer = self._options.stream, self._options.consumer
        if stream is None:
            return seen
        try:
            seen.stream = self._found(await wire.api(f"STREAM.INFO.{stream}"), f"stream {stream!r}")
            if consumer is not None:
                answer = await wire.api(f"CONSUMER.INFO.{stream}.{consumer}")
                seen.consumer = self._found(answer, f"consumer {consumer!r} of the stream {stream!r}")
        except RefusedError as refused:
            if wire.error is not None:
                raise
            seen.refused = refused
        return seen

    def _found(self, answer: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        error = answer.get("error")
        if not isinstance(error, Mapping):
            return answer
        code, said = error.get("code"), error.get("description") or error
        if code == _NOT_ON and said == "no responders":
            message, remedy = f"JetStream does not answer on {self._place}", "is it switched on, for this account?"
            raise RefusedError(message, remedy=remedy, cause="nats_503")
        raise RefusedError(f"no {what} on {self._place}: {said}", cause=f"nats_{code}")

    def _judge(self, look: Look, seen: _Seen) -> Observation:
        findings = Findings()
        latency, metrics = self._kept.alive_seconds, self._kept.metrics()
        summary = f"NATS {seen.server} at {self._place} answered in {format_duration(latency)}"
        if seen.refused is not None:
            if seen.refused.ours:
                return failed(look, seen.refused, metrics, self._redact)
            findings.unhealthy(self._redact(told(seen.refused)))
        if state := _mapping(seen.stream, "state"):
            for name in ("messages", "bytes", "consumers"):
                number = float(state.get({"consumers": "consumer_count"}.get(name, name)) or 0)
                metrics[name] = Metric(number, "bytes" if name == "bytes" else "")
            messages = metrics["messages"].value
            summary = f"{self._options.stream}: {messages:.0f} messages"
            findings.judge(self._options, "messages", messages, f"{self._options.stream} has {messages:.0f} messages")
        if seen.consumer:
            summary = self._consumer(findings, seen.consumer, metrics)
        if seen.leaving:
            findings.degraded(f"{self._place} is about to shut down (lame duck mode)")
        if slow := too_slow(latency, self._options.latency_below):
            findings.degraded(f"{self._place}: {slow}")
        cause = seen.refused.cause if seen.refused else ""
        return findings.answer(look, self._kept.remark(summary), metrics=metrics, cause=cause)

    def _consumer(self, findings: Findings, info: Mapping[str, Any], metrics: dict[str, Metric]) -> str:
        who = f"{self._options.stream}/{self._options.consumer}"
        keys = {"pending": "num_pending", "ack_pending": "num_ack_pending", "redelivered": "num_redelivered"}
        numbers = {name: float(info.get(key) or 0) for name, key in keys.items()}
        metrics.update({name: Metric(number) for name, number in numbers.items()})
        told = {
            "pending": f"{numbers['pending']:.0f} messages wait for {who}",
            "ack_pending": f"{who} has {numbers['ack_pending']:.0f} messages that it did not acknowledge",
        }
        for name, said in told.items():
            findings.judge(self._options, name, numbers[name], said)
        return f"{told['pending']}, {numbers['ack_pending']:.0f} are not acknowledged"


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
