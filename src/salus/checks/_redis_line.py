"""A kept connection to a Redis or a Valkey."""

from __future__ import annotations

import ssl
from asyncio import StreamReader, StreamWriter
from inspect import signature
from typing import Any

from redis import exceptions as faults
from redis.asyncio.connection import AbstractConnection

from salus.checks._bounds import bounded_line
from salus.checks._dialled import streams
from salus.checks._refusals import NotAllowedError, hung_up, no_login, other_protocol, silent
from salus.httpclient import AnswerError, HttpError
from salus.httpclient.dial import Endpoint
from salus.ports import Look

_NO_LOGIN = ("WRONGPASS", "NOAUTH", "invalid password", "invalid username", "without any password")
# The client library would tell the server its version, and look that up in files, for every connection. How to be
# spared that has changed its name.
_KNOWN = signature(AbstractConnection.__init__).parameters
_ANONYMOUS: dict[str, Any] = dict.fromkeys({"driver_info"} & set(_KNOWN) or {"lib_name", "lib_version"})


class Given(AbstractConnection):
    """A connection of the client library on streams that stand already."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, place: str, **details: Any) -> None:
        """Take the streams."""
        super().__init__(socket_timeout=None, protocol=2, **_ANONYMOUS, **details)
        self._given = (reader, writer)
        self._place = place

    def repr_pieces(self) -> list[tuple[str, Any]]:
        """Name the place, and no password."""
        return [("place", self._place)]

    async def _connect(self) -> None:
        self._reader, self._writer = self._given

    def _host_error(self) -> str:
        return self._place


class RedisLine:
    """One connection, logged in."""

    def __init__(self, connection: Given, writer: StreamWriter, place: str) -> None:
        """Take over a connection."""
        self._connection = connection
        self._writer = writer
        self._place = place

    @classmethod
    async def opened(
        cls,
        endpoint: Endpoint,
        look: Look,
        tls: tuple[ssl.SSLContext, str | None] | None,
        login: tuple[str | None, str | None, int],
    ) -> RedisLine:
        """Connect, log in, choose the database.

        Args:
            endpoint: where to.
            look: the look that wants it.
            tls: how to speak TLS, and the server name to ask for.
            login: user, password and database.

        Raises:
            HttpError: it failed; nothing is left open.
        """
        context, name = tls or (None, None)
        reader, writer = await streams(endpoint, look, tls=context, server_name=name)
        user, password, database = login
        place = str(endpoint)
        connection = Given(reader, writer, place, username=user, password=password, db=database)
        line = cls(connection, writer, place)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except faults.RedisError as error:
            line.drop()
            raise explained(error, place) from None  # it may quote what we said
        except BaseException:
            line.drop()
            raise
        return line

    async def alive(self, look: Look) -> None:
        """Ping."""
        answer = await self.ask("PING")
        if answer not in (b"PONG", "PONG"):
            raise AnswerError(f"{self._place} answered PING with {bounded_line(repr(answer), 80)}")

    async def ask(self, *command: str) -> Any:
        """Send a command and return its answer.

        Raises:
            HttpError: there is none, or it is an error.
        """
        try:
            await self._connection.send_command(*command)
            return await self._connection.read_response()
        except faults.RedisError as error:
            raise explained(error, self._place) from None

    def drop(self) -> None:
        """Abort the connection."""
        self._writer.transport.abort()
        self._connection._close()  # type: ignore[no-untyped-call] # noqa: SLF001 - else it warns, when it is collected, of what is closed already

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()


def explained(error: faults.RedisError, place: str) -> HttpError:
    """Turn what the client library raised into an error that teaches."""
    said = bounded_line(str(error), 200)
    if isinstance(error, faults.AuthenticationError) or any(word in said for word in _NO_LOGIN):
        return no_login(place, said)
    if isinstance(error, faults.NoPermissionError):
        return NotAllowedError(f"{place}: {said}", remedy="allow it to that user (ACL SETUSER)")
    if isinstance(error, faults.BusyLoadingError):
        busy: HttpError = AnswerError(f"{place} is loading its data: {said}")
        busy.cause = "loading"
        return busy
    if isinstance(error, faults.TimeoutError):
        return silent(place)
    if isinstance(error, faults.InvalidResponse):
        return other_protocol(place, "the protocol of Redis", said)
    if isinstance(error, faults.ConnectionError):
        return hung_up(place, said)
    return AnswerError(f"{place} answered with an error: {said}")
