"""Connections for clients that others wrote: opened here, so that every kind blames the same side for the same failure.

What resolves names, refuses or hangs is told apart as in ``_net``; a client that opens its own connections would
answer a resolver that is down with one more "connection failed".
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from typing import Any

from salus.checks._net import resolve_within
from salus.httpclient import explain
from salus.httpclient.dial import Endpoint, race, resolve
from salus.ports import Look

# What is left of a look when the target has had its time: enough to say so, before the deadline says less.
LAST_WORD = 0.9
# Less than that: who cannot be connected to is told from who takes connections and says nothing.
_CONNECTING = 0.8


async def addresses(endpoint: Endpoint, look: Look) -> Sequence[str]:
    """Return the addresses to try, in order.

    Raises:
        HttpError: the name has none, or the resolver does not answer.
    """
    return (endpoint.host,) if endpoint.literal else await resolve(endpoint, resolve_within(look, endpoint))


async def dialled(endpoint: Endpoint, look: Look) -> socket.socket:
    """Open a connection to the first address that answers.

    Raises:
        HttpError: there is none; nothing is left open.
    """
    if endpoint.unix_socket is not None:
        return await _tried(socket.AF_UNIX, str(endpoint.unix_socket), str(endpoint), look.remaining * _CONNECTING)
    within = look.remaining * _CONNECTING

    async def attempt(address: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = str(endpoint) if address == endpoint.host else f"{endpoint} ({address})"
        return await _tried(family, (address, endpoint.port), place, within)

    return await race(await addresses(endpoint, look), attempt, socket.socket.close)


async def streams(
    endpoint: Endpoint, look: Look, *, tls: ssl.SSLContext | None = None, server_name: str | None = None
) -> tuple[StreamReader, StreamWriter]:
    """Open a connection as a pair of streams, with TLS on it where a context is given.

    Raises:
        HttpError: it failed; nothing is left open.
    """
    peer = await dialled(endpoint, look)
    try:
        name = (server_name or endpoint.host) if tls is not None else None
        return await asyncio.open_connection(sock=peer, ssl=tls, server_hostname=name)
    except OSError as error:
        peer.close()
        raise explain(error, str(endpoint)) from error
    except BaseException:
        peer.close()
        raise


async def _tried(family: int, address: Any, place: str, within: float) -> socket.socket:
    try:
        peer = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise explain(error, place) from error
    try:
        peer.setblocking(False)
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().sock_connect(peer, address)
        if family != socket.AF_UNIX:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:  # a time-out is one, too
        peer.close()
        raise explain(error, place) from error
    except BaseException:
        peer.close()
        raise
    return peer
