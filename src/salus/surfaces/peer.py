"""Who is at the other end of a Unix socket, as the kernel knows it: what a client says of itself proves nothing."""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct

from salus.surfaces.http import Scope

PEER = "salus.peer"
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7): process, user, group


def peer_of(transport: asyncio.BaseTransport) -> int | None:
    """Return the user id of who connected; None where that is not known, as over TCP."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return None
    user: int = _CREDENTIALS.unpack(found)[1]
    return user


async def user_of(scope: Scope) -> str:
    """Return the name of who asks; empty where the server could not tell."""
    user = scope.get("state", {}).get(PEER)
    # Names may come over the network (LDAP).
    return "" if user is None else await asyncio.to_thread(_name, user)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except (KeyError, OSError):
        return f"user {user}"
