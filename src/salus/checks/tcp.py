"""The ``tcp`` check: connect, and if asked to, say something and compare the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from salus.checks._conversation import Conversation
from salus.checks._json_path import pattern
from salus.checks._net import endpoint, excerpt, failed, resolve_within, too_slow
from salus.checks._systems import TlsClientOptions
from salus.clock import SystemClock
from salus.httpclient import HttpError, TlsOptions
from salus.httpclient.dial import Peer, connect, start_tls
from salus.httpclient.tls import context
from salus.model import Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.units import Duration, Size, format_duration, format_size

Port = Annotated[int, Meta(ge=1, le=65535)]
_monotonic = SystemClock().monotonic


class Tcp(TlsClientOptions, frozen=True, kw_only=True):
    """Connects to a TCP port or a unix socket; with ``send`` or ``expect`` it also talks.

    Only connecting proves that the kernel holds a listening socket: a program that hangs is connected to as well, for
    as long as its queue has room. Where the program should be seen to live, let it say something: expect its banner, or
    send it a question.

    Metrics: ``latency_seconds`` (all of it), ``connect_seconds``, ``tls_seconds``, ``answer_seconds``.

    Attributes:
        host: a name or an address.
        port: the TCP port; needed unless there is a ``unix_socket``.
        unix_socket: connect to this socket instead.
        send: text to send once connected; in YAML, double quotes make a backslash and ``n`` an end of line.
        expect: text that must come.
        expect_matches: a regular expression that must match what comes.
        max_bytes: how much of the answer to read.
        tls: speak TLS.
        latency_below: slower than this is degraded.
    """

    host: str = "127.0.0.1"
    port: Port | None = None
    unix_socket: Path | None = None
    send: str | None = None
    expect: str | None = None
    expect_matches: str | None = None
    max_bytes: Size = Size(64 * 1024)
    tls: bool = False
    latency_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = super().problems()
        if (self.port is None) == (self.unix_socket is None):
            found.append(("port", "give either a port (with a host) or a unix_socket"))
        if self.expect is not None and self.expect_matches is not None:
            found.append(("expect_matches", "expect and expect_matches are both given: keep one of them"))
        if self.expect_matches is not None:
            try:
                pattern(self.expect_matches)
            except ValueError as error:
                found.append(("expect_matches", str(error)))
        return found

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(endpoint(self.host, self.port or 0, self.unix_socket))

    def build(self, site: Site) -> Check:
        """Make the check."""
        return TcpCheck(self)


class TcpCheck:
    """A ``tcp`` check, ready to look."""

    __slots__ = ("_endpoint", "_expected", "_options", "_place", "_said", "_tls", "_wanted")

    def __init__(self, options: Tcp) -> None:
        """Read the options once."""
        self._options = options
        self._endpoint = endpoint(options.host, options.port or 0, options.unix_socket)
        self._place = str(self._endpoint)
        self._tls: TlsOptions | None = None
        if options.tls:
            self._tls = options.tls_options()
        self._said = (options.send or "").encode()
        self._wanted: Callable[[bytearray], bool] | None = None
        if options.expect is not None:
            self._wanted = partial(_contains, options.expect.encode())
        elif options.expect_matches is not None:
            self._wanted = partial(_matches, re.compile(options.expect_matches.encode(), re.MULTILINE))
        self._expected = repr((options.expect or options.expect_matches or "")[:80])

    async def look(self, look: Look) -> Observation:
        """Connect, talk and judge."""
        within = resolve_within(look, self._endpoint)
        metrics: dict[str, Metric] = {}
        try:
            if self._tls is None and self._wanted is None and not self._said:
                started = _monotonic()
                peer = await connect(self._endpoint, Peer, resolve_within=within)
                latency = _monotonic() - started
                peer.abort()
                metrics["connect_seconds"] = Metric(latency, "seconds")
            else:
                latency, wrong = await self._converse(within, metrics)
                if wrong:
                    return look.observe(Status.UNHEALTHY, wrong, metrics=metrics)
        except HttpError as error:
            return failed(look, error, metrics)
        metrics["latency_seconds"] = Metric(latency, "seconds")
        if slow := too_slow(latency, self._options.latency_below):
            return look.observe(Status.DEGRADED, f"{self._place}: {slow}", metrics=metrics)
        return look.observe(Status.HEALTHY, f"{self._place} answered in {format_duration(latency)}", metrics=metrics)

    async def aclose(self) -> None:
        """Nothing is kept."""

    async def _converse(self, within: float | None, metrics: dict[str, Metric]) -> tuple[float, str]:
        """Return how long it took, and what is wrong (empty: nothing)."""
        secured = None if self._tls is None else context(self._tls)
        started = _monotonic()
        factory = partial(Conversation, self._place, self._options.max_bytes)
        peer = await connect(self._endpoint, factory, resolve_within=within)
        try:
            connected = _monotonic()
            metrics["connect_seconds"] = Metric(connected - started, "seconds")
            if self._tls is not None and secured is not None:
                await start_tls(peer, secured, self._tls.server_name or self._endpoint.host, self._place)
                metrics["tls_seconds"] = Metric(_monotonic() - connected, "seconds")
            asked = _monotonic()
            if self._said:
                peer.say(self._said)
            if self._wanted is None:
                return _monotonic() - started, ""
            heard = await peer.hear(self._wanted)
            metrics["answer_seconds"] = Metric(_monotonic() - asked, "seconds")
            return _monotonic() - started, "" if heard else self._unheard(peer)
        finally:
            if peer.transport is not None:
                # What was said without waiting for an answer must still go out.
                peer.transport.close() if self._wanted is None and self._tls is None else peer.abort()

    def _unheard(self, peer: Conversation) -> str:
        said = f"got: {excerpt(bytes(peer.heard))}" if peer.heard else "got nothing"
        if peer.closed:
            return f"expected {self._expected} from {self._place}, it hung up; {said}"
        bound = format_size(self._options.max_bytes)
        return f"expected {self._expected} in the first {bound} from {self._place}, {said}"


def _contains(wanted: bytes, heard: bytearray) -> bool:
    return wanted in heard


def _matches(wanted: re.Pattern[bytes], heard: bytearray) -> bool:
    return wanted.search(heard) is not None
