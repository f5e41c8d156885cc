"""From a host and a port to an open connection: names, several addresses, unix sockets, TLS on top."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import AbstractEventLoop, BaseTransport, Protocol, Task, Transport
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from salus.httpclient.faults import ForbiddenError, HttpError, RequestError, ResolveError, TlsError, explain


class Peer(Protocol):
    """A protocol that knows its transport and can be dropped at any moment."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        """Stand ready for ``connection_made``."""
        self.transport: Transport | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("Transport", transport)

    def abort(self) -> None:
        """Close at once, whatever is still under way."""
        if self.transport is not None:
            self.transport.abort()


P = TypeVar("P", bound=Peer)
T = TypeVar("T")

Permit: TypeAlias = Callable[[str, str], str]
"""Given the host as it was named and one address: why there may be no connection to it, or an empty string."""

# RFC 8305 recommends 250 ms between the attempts at two addresses of one name.
STAGGER = 0.25
# RFC 6761, 6.3: localhost is loopback whatever a resolver says. So a wedged resolver takes no local check with it.
_LOCALHOST = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to: a host and a port, or a unix socket.

    Attributes:
        host: a name or an address; for people alone where there is a unix socket.
        port: the TCP port.
        unix_socket: the socket's path.
        literal: nothing has to be resolved.
    """

    host: str = ""
    port: int = 0
    unix_socket: Path | None = None
    literal: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "literal", self.unix_socket is not None or is_address(self.host))

    def __str__(self) -> str:
        if self.unix_socket is not None:
            return str(self.unix_socket)
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_address(host: str) -> bool:
    """Tell whether this is an IPv4 or IPv6 address rather than a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


async def connect(
    endpoint: Endpoint,
    factory: Callable[[], P],
    *,
    resolve_within: float | None = None,
    permit: Permit | None = None,
) -> P:
    """Open a connection and return its protocol, connected.

    Args:
        endpoint: where to.
        factory: makes the protocol; called once per address that is tried.
        resolve_within: seconds the resolver may take. A resolver that hangs must end as ``ResolveError`` and not as
            the caller's own time-out, which would read as a verdict against the target.
        permit: asked for every address before it is connected to, and after the resolver has spoken, so that no later
            answer of it can lead elsewhere. What may not be connected to is left out; a unix socket has no address.

    Raises:
        ForbiddenError: there is no address that may be connected to.
        HttpError: it failed; nothing is left open.
    """
    loop = asyncio.get_running_loop()
    if not endpoint.literal:
        addresses = permitted(endpoint, await resolve(endpoint, resolve_within), permit)
        return await race(addresses, lambda address: _try(loop, endpoint, address, factory), lambda peer: peer.abort())
    if endpoint.unix_socket is None:
        permitted(endpoint, (endpoint.host,), permit)
    try:
        if endpoint.unix_socket is None:
            return (await loop.create_connection(factory, endpoint.host, endpoint.port))[1]
        return (await loop.create_unix_connection(factory, str(endpoint.unix_socket)))[1]
    except OSError as error:
        raise explain(error, str(endpoint)) from error


async def start_tls(protocol: Peer, context: ssl.SSLContext, name: str, place: str) -> None:
    """Speak TLS on an open connection from now on.

    Args:
        protocol: who listens; gets its new transport. Its connection is aborted where TLS fails.
        context: how.
        name: the server name to ask for and to verify.
        place: for the error's sentence.

    Raises:
        HttpError: it failed.
    """
    loop = asyncio.get_running_loop()
    plain = cast("Transport", protocol.transport)
    secured: Transport | None = None
    try:
        secured = await loop.start_tls(plain, protocol, context, server_hostname=name)
    except OSError as error:
        raise explain(error, place) from error
    except ValueError as error:
        raise RequestError(f"cannot ask {place} for the server name {name!r}: {error}") from error
    finally:
        if secured is None:
            plain.abort()
    if secured is None:  # so typeshed has it, for a loop that is closing
        raise TlsError(f"the connection to {place} ended during the TLS handshake")
    protocol.transport = secured


async def resolve(endpoint: Endpoint, within: float | None) -> Sequence[str]:
    """Return the addresses of an endpoint that is no literal.

    Raises:
        ResolveError: there is none, or the resolver did not say so in time.
    """
    loop = asyncio.get_running_loop()
    if endpoint.host.rstrip(".").lower() == "localhost":
        return _LOCALHOST
    try:
        async with asyncio.timeout(within):
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        message = f"no address for {endpoint}: the resolver did not answer within {within:g} s"
        raise ResolveError(message, remedy="look at /etc/resolv.conf") from error
    except UnicodeError as error:
        raise ResolveError(f"no address for {endpoint}: that cannot be a name", remedy="correct it") from error
    except OSError as error:
        raise explain(error, str(endpoint)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def permitted(endpoint: Endpoint, addresses: Sequence[str], permit: Permit | None) -> Sequence[str]:
    """Return the addresses that may be connected to.

    Raises:
        ForbiddenError: there is none.
    """
    if permit is None:
        return addresses
    refused = {address: why for address in addresses if (why := permit(endpoint.host, address))}
    if len(refused) == len(set(addresses)):
        address, why = next(iter(refused.items()))
        place = f"{endpoint} ({address})" if address != endpoint.host else str(endpoint)
        raise ForbiddenError(f"no connection to {place}: {why}", remedy="name another host, or change what is allowed")
    return [address for address in addresses if address not in refused]


async def _try(loop: AbstractEventLoop, endpoint: Endpoint, address: str, factory: Callable[[], P]) -> P:
    made: list[P] = []

    def noted() -> P:
        made.append(factory())
        return made[-1]

    try:
        return (await loop.create_connection(noted, address, endpoint.port))[1]
    except OSError as error:
        raise explain(error, f"{endpoint} ({address})" if address != endpoint.host else str(endpoint)) from error
    except asyncio.CancelledError:
        for protocol in made:
            protocol.abort()
        raise


async def race(addresses: Sequence[str], attempt: Callable[[str], Awaitable[T]], let_go: Callable[[T], None]) -> T:
    """Connect to the first address that will have us (RFC 8305 in short).

    1. Try the first address. Try the next when all tried ones have failed, or 250 ms after the last was tried.
    2. The first connection wins; attempts that still run are cancelled, second winners closed.
    3. If none wins, the error that blames the target is told before one that blames this machine: an IPv6 address on
       a machine without IPv6 must not hide that the IPv4 address refused.

    Args:
        addresses: to try, in this order; at least one.
        attempt: connects to one; leaves nothing open where it fails or is cancelled.
        let_go: closes a connection that is not wanted.

    Raises:
        HttpError: no attempt succeeded.
    """
    if len(addresses) == 1:
        return await attempt(addresses[0])
    waiting = list(addresses)
    tried: list[Task[T | HttpError]] = []
    running: set[Task[T | HttpError]] = set()
    winner: Task[T | HttpError] | None = None
    try:
        async with asyncio.TaskGroup() as group:
            while winner is None and (waiting or running):
                if waiting:
                    tried.append(group.create_task(_outcome(attempt, waiting.pop(0))))
                    running.add(tried[-1])
                pause = STAGGER if waiting else None
                done, running = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                winner = next((task for task in done if not isinstance(task.result(), HttpError)), None)
            for task in running:
                task.cancel()
    except asyncio.CancelledError:
        winner = None
        raise
    finally:
        ended = [task.result() for task in tried if task is not winner and task.done() and not _failed(task)]
        errors = [each for each in ended if isinstance(each, HttpError)]
        for each in ended:
            if not isinstance(each, HttpError):
                let_go(each)
    if winner is None:
        raise next((error for error in errors if not error.ours), errors[0])
    return cast("T", winner.result())


async def _outcome(attempt: Callable[[str], Awaitable[T]], address: str) -> T | HttpError:
    try:
        return await attempt(address)
    except HttpError as error:
        return error


def _failed(task: Task[T | HttpError]) -> bool:
    return task.cancelled() or task.exception() is not None
