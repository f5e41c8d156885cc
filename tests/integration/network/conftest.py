"""Real servers on loopback, most of them ill-mannered, and certificates made for them."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from salus.clock import SystemClock
from salus.model import CheckSpec, Observation
from salus.options import CheckOptions
from salus.ports import Check, Look
from tests.looks import site

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on both loops: the agent uses uvloop, a library user may not."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


class Servers:
    """Starts servers, counts their connections, and ends them with the test."""

    def __init__(self) -> None:
        self.connections = 0
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[StreamWriter] = []
        self._closed = False

    async def tcp(self, handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> int:
        """Serve on a free port and return it."""
        server = await asyncio.start_server(self._connected(handler), host, 0, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def unix(self, handler: Handler, path: Path) -> Path:
        """Serve on a unix socket."""
        self._servers.append(await asyncio.start_unix_server(self._connected(handler), str(path)))
        return path

    def _connected(self, handler: Handler) -> Callable[[StreamReader, StreamWriter], None]:
        def connected(reader: StreamReader, writer: StreamWriter) -> None:
            self.connections += 1
            if self._closed:  # Accepted in the same turn of the loop in which the server was closed.
                writer.transport.abort()
                return
            self._writers.append(writer)
            task = asyncio.get_running_loop().create_task(self._serve(handler, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return connected

    async def _serve(self, handler: Handler, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    async def close(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)  # What the kernel has accepted reaches its handler first.
        self._closed = True
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task that is cancelled before its first step runs no `finally` of its own.
        for writer in self._writers:
            writer.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)  # Closing takes the loop a turn or two.


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    started = Servers()
    yield started
    await started.close()


def answering(*answers: bytes) -> Handler:
    """Answer the requests of one connection with these bytes in turn, then hang up."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return handler


async def read_request(reader: StreamReader) -> bytes:
    """Read one request, with its body where it says how long that is."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


def ok(body: bytes = b"all is well", *headers: str, status: str = "200 OK") -> bytes:
    """Return a well-formed response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Prober:
    """Looks as the engine's prober does."""

    def __init__(self, folder: Path) -> None:
        self.site = site(state_dir=folder)

    async def __call__(self, options: CheckOptions, *, timeout: float = 10.0) -> Observation:
        assert options.problems() == []
        check = options.build(self.site)
        try:
            return await self.look(check, timeout=timeout)
        finally:
            await check.aclose()

    async def look(self, check: Check, *, timeout: float = 10.0) -> Observation:
        spec = CheckSpec(name="it", kind="it", timeout=timeout)
        clock = self.site.clock
        async with asyncio.timeout(timeout):
            return await check.look(Look(spec=spec, site=self.site, at=clock.now(), started=clock.monotonic()))


@pytest.fixture
def look(tmp_path: Path) -> Prober:
    return Prober(tmp_path)


def open_sockets() -> int:
    """Return how many sockets this process holds."""
    count = 0
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(name.readlink()).startswith("socket:")
    return count


def connected_to(port: int) -> int:
    """Return how many sockets of this process are our end of a connection to that port.

    To be asked while the server still runs: once it hangs up, even a client that forgot its socket lets go of it.
    """
    count = 0
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(name.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name.name))) as copy:
                    peer = copy.getpeername()
                    count += isinstance(peer, tuple) and peer[1] == port
    return count


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, bounded."""
    try:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")


# ── Certificates ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, as files and as the context of a server."""

    certificate: Path
    key: Path

    def server(self, *, wants_clients_of: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        if wants_clients_of is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(wants_clients_of)
        return context


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        self._count = 0
        root = (
            self._builder(self._name, self._key, timedelta(days=-30), timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, *, host: str = "localhost", lasts: timedelta = timedelta(days=90), self_signed: bool = False
    ) -> Identity:
        """Make a certificate for a host and 127.0.0.1 (unless another host is meant)."""
        self._count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = self._builder(name, key, timedelta(days=-30), lasts, issuer=name if self_signed else None)
        made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
            key if self_signed else self._key, hashes.SHA256()
        )
        identity = Identity(self._folder / f"{self._count}.pem", self._folder / f"{self._count}.key")
        identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return identity

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: timedelta,
        until: timedelta,
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + since)
            .not_valid_after(self._now + until)
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, SystemClock().now())
