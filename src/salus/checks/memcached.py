"""The ``memcached`` check: its connections, how well it hits, what it must throw out."""

from __future__ import annotations

import asyncio
import secrets
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader, StreamWriter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from salus.checks._bounds import Findings, show_count, show_share
from salus.checks._dialled import streams
from salus.checks._kept import Kept
from salus.checks._net import endpoint, excerpt, failed, too_slow
from salus.checks._refusals import hung_up, other_protocol
from salus.checks._systems import TlsClientOptions
from salus.clock import SystemClock
from salus.httpclient import HttpError, explain
from salus.httpclient.tls import context
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import Duration, Share, format_duration

_MOST_LINES = 1000
_monotonic = SystemClock().monotonic


class Memcached(TlsClientOptions, frozen=True, kw_only=True):
    """Asks a memcached for its version and its statistics, over one connection that is kept from look to look.

    Rates and the hit rate are those since the look before; the first look, and the first after the server was
    restarted, have none and judge none.

    Metrics: ``latency_seconds`` (of asking for its version), ``connect_seconds`` where it connected anew,
    ``connections``, ``connections_used_ratio``, ``memory_used_bytes``, ``memory_used_ratio``, ``items``,
    ``uptime_seconds``, ``evictions_per_second``, ``hits_ratio``, ``round_trip_seconds``.

    Attributes:
        host: a name or an address.
        port: the TCP port.
        unix_socket: connect to this socket instead.
        connections_below: unhealthy unless a smaller share of its connections is in use (``max_connections``).
        warn_connections_below: degraded, likewise.
        evictions_below: unhealthy unless it throws out fewer live items a second.
        warn_evictions_below: degraded, likewise.
        hits_above: unhealthy unless a larger share of what was asked for was there.
        warn_hits_above: degraded, likewise.
        memory_below: unhealthy unless a smaller share of its memory is in use. A cache that has run for long is
            full, and well: ``evictions_below`` tells more.
        warn_memory_below: degraded, likewise.
        round_trip: also store a small item under a key of our own, read it back and delete it.
        latency_below: an answer that takes longer is degraded.
        tls: speak TLS.
    """

    scalar: ClassVar[str] = "host"

    host: str = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] = 11211
    unix_socket: Path | None = None
    connections_below: Share | None = None
    warn_connections_below: Share | None = None
    evictions_below: float | None = None
    warn_evictions_below: float | None = None
    hits_above: Share | None = None
    warn_hits_above: Share | None = None
    memory_below: Share | None = None
    warn_memory_below: Share | None = None
    round_trip: bool = False
    latency_below: Duration | None = None
    tls: bool = False

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(endpoint(self.host, self.port, self.unix_socket))

    def build(self, site: Site) -> Check:
        """Make the check."""
        return MemcachedCheck(self)


class MemcachedCheck:
    """A ``memcached`` check, ready to look."""

    def __init__(self, options: Memcached) -> None:
        """Read the options once."""
        self._options = options
        self._endpoint = endpoint(options.host, options.port, options.unix_socket)
        self._key = b"salus-check:" + secrets.token_hex(8).encode()
        self._kept: Kept[MemcachedLine] = Kept(str(self._endpoint), self._open)
        self._before: dict[str, str] = {}
        self._before_at = 0.0

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        metrics: dict[str, Metric] = {}
        findings = Findings()
        try:
            async with self._kept.line(look) as line:
                stats = await line.stats()
                if self._options.round_trip:
                    wrong = await self._round_trip(line, metrics)
                    if wrong:
                        findings.unhealthy(wrong)
        except HttpError as error:
            return failed(look, error)
        metrics.update(self._kept.metrics())
        self._judge(stats, findings, metrics)
        self._judge_rates(look, stats, findings, metrics)
        if slow := too_slow(self._kept.alive_seconds, self._options.latency_below):
            findings.degraded(f"{self._endpoint}: {slow}")
        said = f"memcached {line.version} at {self._endpoint} answered in {format_duration(self._kept.alive_seconds)}"
        return findings.answer(look, self._kept.remark(said), metrics=metrics)

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        await self._kept.aclose()

    async def _open(self, look: Look) -> MemcachedLine:
        options = self._options
        tls = None
        if options.tls:
            tls = await asyncio.to_thread(context, options.tls_options())
        reader, writer = await streams(self._endpoint, look, tls=tls, server_name=options.server_name)
        return MemcachedLine(reader, writer, str(self._endpoint))

    async def _round_trip(self, line: MemcachedLine, metrics: dict[str, Metric]) -> str:
        """Store, read and delete; return what is wrong, or nothing. A crash leaves the item for a minute at most."""
        value = secrets.token_hex(8).encode()
        started = _monotonic()
        answer = await line.ask(b"set %b 0 60 %d" % (self._key, len(value)), value)
        if answer != b"STORED":
            return f"expected it to store an item, it said {excerpt(answer)!r}"
        found = await line.value(self._key)
        await line.ask(b"delete %b" % self._key)
        metrics["round_trip_seconds"] = Metric(_monotonic() - started, "seconds")
        return "" if found == value else "expected to read back what was stored, got something else"

    def _judge(self, stats: Mapping[str, str], findings: Findings, metrics: dict[str, Metric]) -> None:
        options = self._options
        for name, raw, unit in (
            ("connections", "curr_connections", ""),
            ("memory_used_bytes", "bytes", "bytes"),
            ("items", "curr_items", ""),
            ("uptime_seconds", "uptime", "seconds"),
        ):
            metrics[name] = Metric(_count(stats, raw), unit)
        connections, most = _count(stats, "curr_connections"), _count(stats, "max_connections")
        if most:
            metrics["connections_used_ratio"] = Metric(connections / most, "ratio")
            said = f"{connections} of {most} connections in use ({show_share(connections / most)})"
            findings.judge(options, "connections", connections / most, said, show=show_share)
        used, whole = _count(stats, "bytes"), _count(stats, "limit_maxbytes")
        if whole:
            metrics["memory_used_ratio"] = Metric(used / whole, "ratio")
            said = f"{show_share(used / whole)} of its memory in use"
            findings.judge(options, "memory", used / whole, said, show=show_share)

    def _judge_rates(self, look: Look, stats: dict[str, str], findings: Findings, metrics: dict[str, Metric]) -> None:
        before, self._before = self._before, stats
        seconds, self._before_at = look.started - self._before_at, look.started
        anew = before.get("pid") != stats.get("pid") or _count(stats, "uptime") < _count(before, "uptime")
        if not before or anew or seconds <= 0:
            return
        evicted = (_count(stats, "evictions") - _count(before, "evictions")) / seconds
        metrics["evictions_per_second"] = Metric(evicted)
        said = f"{show_count(evicted)} live items a second thrown out"
        findings.judge(self._options, "evictions", evicted, said)
        hits = _count(stats, "get_hits") - _count(before, "get_hits")
        asked = hits + _count(stats, "get_misses") - _count(before, "get_misses")
        if asked > 0:
            metrics["hits_ratio"] = Metric(hits / asked, "ratio")
            said = f"{show_share(hits / asked)} of {asked} reads were hits"
            findings.judge(self._options, "hits", hits / asked, said, show=show_share)


class MemcachedLine:
    """One connection that speaks memcached's text protocol, of which a check needs five words.

    They are written out here: the clients there are do not notice that an answer ended too early, and would then hold
    up the event loop of Salus for ever.
    """

    def __init__(self, reader: StreamReader, writer: StreamWriter, place: str) -> None:
        """Take over the streams."""
        self._reader = reader
        self._writer = writer
        self._place = place
        self.version = ""

    async def alive(self, look: Look) -> None:
        """Ask for its version."""
        answer = await self.ask(b"version")
        if not answer.startswith(b"VERSION "):
            raise self._nonsense(answer)
        self.version = excerpt(answer[8:])

    async def ask(self, *lines: bytes) -> bytes:
        """Send lines and return the first one of the answer.

        Raises:
            HttpError: there is none.
        """
        try:
            self._writer.write(b"\r\n".join([*lines, b""]))
            await self._writer.drain()
        except OSError as error:
            raise explain(error, self._place) from error
        return await self._line()

    async def stats(self) -> dict[str, str]:
        """Return its statistics, and the settings that they are measured by."""
        found: dict[str, str] = {}
        for words in (b"stats settings", b"stats"):
            line = await self.ask(words)
            while line != b"END":
                if not line.startswith(b"STAT ") or len(found) > _MOST_LINES:
                    raise self._nonsense(line)
                name, _, value = line.decode("utf-8", "replace").removeprefix("STAT ").partition(" ")
                found[name] = value
                line = await self._line()
        found.setdefault("max_connections", found.get("maxconns", ""))
        return found

    async def value(self, key: bytes) -> bytes:
        """Return what is stored under a key; nothing where it is not there."""
        line, value = await self.ask(b"get %b" % key), b""
        while line != b"END":
            if not line.startswith(b"VALUE "):
                raise self._nonsense(line)
            value, line = await self._line(), await self._line()
        return value

    def drop(self) -> None:
        """Abort the connection."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.write(b"quit\r\n")
        self._writer.close()
        await self._writer.wait_closed()

    async def _line(self) -> bytes:
        try:
            return (await self._reader.readuntil(b"\r\n"))[:-2]
        except IncompleteReadError as error:
            raise hung_up(self._place) from error
        except LimitOverrunError as error:
            raise self._nonsense(b"") from error
        except OSError as error:
            raise explain(error, self._place) from error

    def _nonsense(self, line: bytes) -> HttpError:
        return other_protocol(self._place, "memcached's protocol", f"it said {excerpt(line)!r}" if line else "")


def _count(stats: Mapping[str, str], name: str) -> int:
    text = stats.get(name, "")
    return int(text) if text.isdecimal() else 0
