"""The ``grpc`` check: ask a server's health service (``grpc.health.v1``) whether it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import field

from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.checks._dialled import LAST_WORD
from salus.checks._net import failed, too_slow
from salus.checks._refusals import NotAllowedError, NotKnownError, RefusedError, no_login, other_protocol, silent
from salus.checks._systems import lacking, missing
from salus.clock import SystemClock
from salus.errors import CheckBrokenError
from salus.httpclient import HttpError, LocalError, TlsError, TlsOptions
from salus.httpclient.dial import Endpoint, Peer, connect, start_tls
from salus.httpclient.redaction import Redactor, words
from salus.httpclient.tls import context
from salus.model import Cause, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.units import Duration, format_duration

if TYPE_CHECKING:
    from salus.checks._grpc_channel import CallError, HealthChannel

_monotonic = SystemClock().monotonic
_SERVING, _NOT_SERVING, _UNKNOWN, _SERVICE_UNKNOWN = 1, 2, 0, 3
_SHARE = 0.4  # of the look, for an answer on a kept connection
_LAST_WORD = 0.8
_UNIX = "unix:"
_MODULES = ("grpc", "grpc_health")


class Grpc(BoundedOptions, frozen=True, kw_only=True):
    """Asks the health service of a gRPC server whether it serves. The connection is kept. Needs the extra ``grpc``.

    SERVING is healthy, NOT_SERVING unhealthy. A server that says UNKNOWN, that does not know the service, or that has
    no health service at all cannot be judged: the answer is unknown, for no restart mends a name in a config.

    Metrics: ``latency_seconds``.

    Attributes:
        target: ``host:port``, or ``unix:/path`` for a unix socket.
        service_name: the service to ask for; without it the server as a whole.
        tls: speak TLS.
        ca_file: trust these authorities (PEM) instead of grpc's own list.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        server_name: the name to verify, where it is not the host.
        metadata: what to send along, such as ``authorization``. Its values appear in no log.
        latency_below: slower than this is degraded.
    """

    scalar: ClassVar[str] = "target"

    target: str
    service_name: str = ""
    tls: bool = False
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    latency_below: Duration | None = None

    def __repr__(self) -> str:
        """Label the check without its metadata."""
        return f"Grpc(target={self.target!r}, service_name={self.service_name!r})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = [*super().problems(), *missing("grpc", "grpc", *_MODULES)]
        try:
            endpoint_of(self.target)
        except ValueError as error:
            found.append(("target", str(error)))
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        if not self.tls:
            wanted = ("ca_file", "client_certificate", "server_name")
            found += [(name, "is for TLS: add tls: true") for name in wanted if getattr(self, name) is not None]
        for name, value in self.metadata.items():
            if name != name.lower() or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
                found.append(("metadata", f"{name!r} is no key: use lower case letters, digits, - _ ."))
            elif name.endswith("-bin") or not (value.isascii() and value.isprintable()):
                found.append(("metadata", f"the value of {name} must be printable ASCII text"))
        return found

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(endpoint_of(self.target))

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the extra ``grpc`` is not installed.
        """
        if error := lacking("grpc", "grpc", *_MODULES):
            raise error
        from salus.checks._grpc_channel import HealthChannel

        return GrpcCheck(self, HealthChannel(self))


def endpoint_of(target: str) -> Endpoint:
    """Return where a target is.

    Raises:
        ValueError: it is none that is understood.
    """
    if target.startswith(_UNIX):
        path = target.removeprefix(_UNIX)
        return Endpoint(unix_socket=Path("/" + path.lstrip("/") if path.startswith("/") else path))
    host, separator, port = target.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) <= 65535 or "/" in host:
        raise ValueError("write host:port, or unix:/path")
    return Endpoint(host.strip("[]"), int(port))


class GrpcCheck:
    """A ``grpc`` check, ready to look."""

    __slots__ = ("_channel", "_endpoint", "_metadata", "_options", "_place", "_redact")

    def __init__(self, options: Grpc, channel: HealthChannel) -> None:
        """Open nothing yet."""
        self._options = options
        self._endpoint = endpoint_of(options.target)
        self._place = str(self._endpoint)
        self._metadata = tuple(options.metadata.items())
        self._redact = Redactor(words(*options.metadata.values()))
        self._channel = channel

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        from salus.checks._grpc_channel import CallError

        try:
            started = _monotonic()
            try:
                status = await self._asked(look)
            except CallError as error:
                raise await self._explained(look, error) from error
            return self._judge(look, status, _monotonic() - started)
        except HttpError as error:
            return failed(look, error, redact=self._redact)

    async def aclose(self) -> None:
        """Close the kept channel."""
        self._channel.close()

    async def _asked(self, look: Look) -> int:
        """Ask on the kept channel; where that one died or is silent, once more on a new one."""
        from salus.checks._grpc_channel import CallError

        channel, service = self._channel, self._options.service_name
        if channel.kept:
            try:
                return await channel.check(service, self._metadata, look.remaining * _SHARE)
            except CallError as error:
                if error.code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise
                channel.drop()
        try:
            return await channel.check(service, self._metadata, look.remaining * _LAST_WORD)
        except CallError as error:
            if error.code == "DEADLINE_EXCEEDED":
                channel.drop()
            raise
        except OSError as error:
            what = f"cannot read {error.filename}: {error.strerror}"
            raise LocalError(what, remedy="correct the path or its permissions").because(error.errno or 0) from error

    async def _explained(self, look: Look, error: CallError) -> HttpError:
        """Say what a failed call means.

        grpc has one word for all that can go wrong on the way, and its sentences change. So where it could not reach
        the server we knock ourselves, and say what happens as every other check does.
        """
        said = bounded_line(error.details, 200)
        service = f"the service {self._options.service_name!r}" if self._options.service_name else "the server"
        if error.code == "UNAVAILABLE":
            return await self._knocked(look) or other_protocol(self._place, "gRPC", said)
        if error.code == "DEADLINE_EXCEEDED":
            return await self._knocked(look) or silent(self._place)
        if error.code == "NOT_FOUND":
            remedy = "correct its name, or register it there"
            return NotKnownError(f"{self._place} does not know {service}", remedy=remedy)
        if error.code == "UNIMPLEMENTED":
            remedy = "register grpc.health.v1.Health there, or use the check tcp"
            return NotKnownError(f"{self._place} has no health service", remedy=remedy)
        if error.code == "UNAUTHENTICATED":
            return no_login(self._place, said, "correct metadata")
        if error.code == "PERMISSION_DENIED":
            return NotAllowedError(f"{self._place} refused: {said}", remedy="let this client ask for health")
        return RefusedError(f"{self._place} answered {error.code}: {said}", cause=f"grpc_{error.code.lower()}")

    async def _knocked(self, look: Look) -> HttpError | None:
        """Connect as any client would, and return what goes wrong; None where nothing does."""
        peer: Peer | None = None
        patience = asyncio.timeout(look.remaining * _SHARE)
        try:
            async with patience:
                peer = await connect(self._endpoint, Peer, resolve_within=look.remaining * _SHARE * LAST_WORD)
                if self._options.tls:
                    tls = self._tls()
                    name = tls.server_name or self._endpoint.host or "localhost"
                    await start_tls(peer, context(tls, ("h2",)), name, self._place)
        except HttpError as error:
            return error
        except TimeoutError:
            if not patience.expired():
                raise
            return silent(self._place, "shake hands over TLS" if peer is not None else "take a connection")
        finally:
            if peer is not None:
                peer.abort()
        return TlsError(f"TLS with {self._place} failed for gRPC") if self._options.tls else None

    def _tls(self) -> TlsOptions:
        options = self._options
        return TlsOptions(
            ca_file=options.ca_file,
            client_certificate=options.client_certificate,
            client_key=options.client_key,
            server_name=options.server_name,
        )

    def _judge(self, look: Look, status: int, latency: float) -> Observation:
        metrics = {"latency_seconds": Metric(latency, "seconds")}
        who = f"{self._options.service_name} at {self._place}" if self._options.service_name else self._place
        if status == _NOT_SERVING:
            said = f"{who} says NOT_SERVING"
            return look.observe(Status.UNHEALTHY, said, metrics=metrics, cause="grpc_not_serving")
        if status != _SERVING:
            name = {_UNKNOWN: "UNKNOWN", _SERVICE_UNKNOWN: "SERVICE_UNKNOWN"}.get(status, str(status))
            raise CheckBrokenError(f"{who} says {name}", remedy="look at what it serves", cause=Cause.NOT_KNOWN)
        findings = Findings()
        if slow := too_slow(latency, self._options.latency_below):
            findings.degraded(f"{who}: {slow}")
        return findings.answer(look, f"{who} says SERVING, in {format_duration(latency)}", metrics=metrics)
