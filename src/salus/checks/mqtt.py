"""The ``mqtt`` check: connect to a broker, send a message round, look at what is published on a topic."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from uuid import uuid4

from salus.checks._bounds import Findings
from salus.checks._json_path import parse, pattern
from salus.checks._kept import Kept
from salus.checks._mqtt_wire import Message, MqttWire
from salus.checks._net import excerpt, failed, too_slow
from salus.checks._refusals import RefusedError
from salus.checks._systems import Scheme, SystemOptions
from salus.checks._time_in_payload import time_of
from salus.checks._wire import greeted
from salus.clock import SystemClock
from salus.httpclient import HttpError
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import Duration, format_duration

_monotonic = SystemClock().monotonic
_SHORTEST_KEEPALIVE = 60.0
_SHARE = 0.4  # of the look, for a message that must come
_LONGEST_NAME = 65535


class Mqtt(SystemOptions, frozen=True, kw_only=True):
    """Connects to an MQTT broker and has it answer. The connection is kept. No library is needed.

    With ``round_trip`` a message is published with QoS 1 and must come back, which proves that the broker delivers.
    With ``topic`` there must be a message on that topic: one that was retained, or one that came since the connection
    stands. How old it is comes from the message itself where it holds a time (``time_path``); otherwise it counts from
    when Salus heard it first.

    Metrics: ``latency_seconds`` (one ping), ``connect_seconds`` where it connected anew, ``round_trip_seconds``,
    ``age_seconds`` of the message on the topic.

    Attributes:
        url: ``mqtt://user:password@host:1883``, or ``mqtts://...`` for TLS.
        client_id: who to be; without it a name that nobody else has: a broker lets in one client of each name.
        round_trip: the topic to send a message round on. Several Salus may share it.
        topic: a topic on which there must be a message; no wildcards.
        expect: text that the message must hold.
        expect_matches: a regular expression that must match somewhere in the message.
        age_below: a message that is older is unhealthy.
        warn_age_below: a message that is older is degraded.
        time_path: where in the message its time is: ``$`` for all of it, ``$.sent`` in JSON. Seconds or milliseconds
            since 1970, or as RFC 3339 has it.
    """

    schemes: ClassVar[Mapping[str, Scheme]] = {"mqtt": Scheme(port=1883), "mqtts": Scheme(port=8883, tls=True)}

    client_id: str | None = None
    round_trip: str | None = None
    topic: str | None = None
    expect: str | None = None
    expect_matches: str | None = None
    age_below: Duration | None = None
    warn_age_below: Duration | None = None
    time_path: str | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = super().problems()
        for name in ("topic", "round_trip"):
            value = getattr(self, name)
            if value is not None and (not value or any(each in value for each in "+#\0")):
                found.append((name, "name one topic, without + and #"))
        if self.topic is None:
            wanted = ("expect", "expect_matches", "age_below", "warn_age_below", "time_path")
            found += [(name, "of which topic? add topic") for name in wanted if getattr(self, name) is not None]
        if self.expect is not None and self.expect_matches is not None:
            found.append(("expect_matches", "expect and expect_matches are both given: keep one of them"))
        if self.client_id is not None and not 0 < len(self.client_id.encode()) <= _LONGEST_NAME:
            found.append(("client_id", "give it a name, or leave it out"))
        for name, read in (("expect_matches", pattern), ("time_path", parse)):
            try:
                read(getattr(self, name) or "")
            except ValueError as error:
                found.append((name, str(error)))
        return found

    def build(self, site: Site) -> Check:
        """Make the check."""
        return MqttCheck(self)


@dataclass(slots=True)
class _Seen:
    """What one talk found.

    Attributes:
        round_trip: seconds until our message came back; None where it did not, or was not sent.
        refused: what the broker would not do.
    """

    round_trip: float | None = None
    refused: RefusedError | None = None


class MqttCheck:
    """An ``mqtt`` check, ready to look."""

    __slots__ = ("_came", "_client_id", "_kept", "_last", "_matches", "_options", "_place", "_redact", "_target")

    def __init__(self, options: Mqtt) -> None:
        """Read the options once."""
        self._options = options
        self._target = options.target()
        self._place = str(self._target.endpoint)
        self._redact = options.redactor()
        self._client_id = options.client_id or f"salus-{uuid4().hex[:16]}"
        self._matches = re.compile(options.expect_matches, re.MULTILINE) if options.expect_matches else None
        self._kept: Kept[MqttWire] = Kept(self._place, self._open)
        self._last: tuple[bytes, float] | None = None  # the newest message on the topic, and when it was first heard
        self._came: set[bytes] = set()  # what came on the topic of the round trip, during one

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        try:
            async with self._kept.line(look) as wire:
                seen = await self._talk(look, wire)
        except HttpError as error:
            return failed(look, error, redact=self._redact)
        return self._judge(look, seen)

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        await self._kept.aclose()

    async def _open(self, look: Look) -> MqttWire:
        factory = partial(MqttWire, self._place, self._heard)
        # Every look pings, so that the broker hears of us in time without a timer of ours.
        keepalive = max(_SHORTEST_KEEPALIVE, 2 * look.spec.interval)
        return await greeted(look, self._target.endpoint, factory, partial(self._greet, keepalive))

    async def _greet(self, keepalive: float, wire: MqttWire) -> None:
        if self._target.tls:
            await wire.secure(self._options.tls_options(), self._target.endpoint.host)
        await wire.log_in(self._client_id, self._target.username, self._target.password, keepalive)

    def _heard(self, message: Message) -> None:
        if message.topic == self._options.topic:
            self._newest(message)
        if message.topic == self._options.round_trip and len(self._came) < 1000:
            self._came.add(message.payload)

    def _newest(self, message: Message) -> None:
        if not message.payload:  # how a retained message is taken back
            self._last = None
        # After a reconnect the broker hands out the same retained message once more: that makes it no younger.
        elif self._last is None or not (message.retained and self._last[0] == message.payload):
            self._last = (message.payload, _monotonic())

    async def _talk(self, look: Look, wire: MqttWire) -> _Seen:
        seen = _Seen()
        try:
            if self._options.topic is not None:
                await self._listen(look, wire, self._options.topic)
            if self._options.round_trip is not None:
                seen.round_trip = await self._round(look, wire, self._options.round_trip)
        except RefusedError as refused:
            if wire.error is not None:
                raise
            seen.refused = refused
        return seen

    async def _listen(self, look: Look, wire: MqttWire, topic: str) -> None:
        """Subscribe once per connection; the first time, give a retained message a moment to come."""
        if topic in wire.topics:
            return
        await wire.subscribe(topic)
        await _within(look.remaining * _SHARE / 2, wire, lambda: self._last is not None)

    async def _round(self, look: Look, wire: MqttWire, topic: str) -> float | None:
        self._came.clear()
        if topic not in wire.topics:
            await wire.subscribe(topic)
        token = f"salus {uuid4().hex}".encode()
        started = _monotonic()
        await wire.publish(topic, token)
        came = await _within(look.remaining * _SHARE, wire, lambda: token in self._came)
        self._came.clear()
        return _monotonic() - started if came else None

    def _judge(self, look: Look, seen: _Seen) -> Observation:
        findings = Findings()
        metrics = self._kept.metrics()
        cause = ""
        if seen.refused is not None:
            return failed(look, seen.refused, metrics, self._redact)
        if self._options.round_trip is not None and seen.round_trip is None:
            findings.unhealthy(
                f"{self._place} took a message on {self._options.round_trip!r} and did not deliver it"
                " (may this user write and read that topic?)"
            )
            cause = "mqtt_round_trip"
        if seen.round_trip is not None:
            metrics["round_trip_seconds"] = Metric(seen.round_trip, "seconds")
        if self._options.topic is not None:
            self._judge_message(look, findings, metrics)
        latency = self._kept.alive_seconds if seen.round_trip is None else seen.round_trip
        if slow := too_slow(latency, self._options.latency_below):
            findings.degraded(f"{self._place}: {slow}")
        summary = f"{self._place} answered in {format_duration(latency)}"
        return findings.answer(look, self._kept.remark(summary), metrics=metrics, cause=cause)

    def _judge_message(self, look: Look, findings: Findings, metrics: dict[str, Metric]) -> None:
        options = self._options
        if self._last is None:
            findings.unhealthy(f"there is no message on {options.topic!r}")
            return
        payload, heard_at = self._last
        said = f"got: {excerpt(payload)}"
        text = payload.decode("utf-8", "replace")
        if options.expect is not None and options.expect not in text:
            findings.unhealthy(self._redact(f"expected {options.expect[:80]!r} on {options.topic!r}, {said}"))
        if self._matches is not None and self._matches.search(text) is None:
            findings.unhealthy(self._redact(f"expected {options.expect_matches!r} on {options.topic!r}, {said}"))
        age = max(0.0, _monotonic() - heard_at)
        if options.time_path is not None:
            try:
                age = max(0.0, look.at.timestamp() - time_of(payload, options.time_path))
            except ValueError as error:
                findings.unhealthy(self._redact(f"the message on {options.topic!r} {error}, {said}"))
                return
        metrics["age_seconds"] = Metric(age, "seconds")
        told = f"the message on {options.topic!r} is {format_duration(age)} old"
        findings.judge(options, "age", age, told, show=format_duration)


async def _within(seconds: float, wire: MqttWire, ready: Callable[[], bool]) -> bool:
    """Wait for something to come, for so long; the connection's end is the caller's business."""
    patience = asyncio.timeout(seconds)
    try:
        async with patience:
            await wire.until(ready)
    except TimeoutError:
        if not patience.expired():
            raise
    return ready()
