"""A kept WebSocket, somebody always reading it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from salus.checks._dialled import dialled
from salus.checks._net import excerpt
from salus.checks._refusals import LoginError, hung_up
from salus.httpclient import AnswerError, HttpError, explain
from salus.httpclient.dial import Endpoint
from salus.ports import Look
from salus.tasks import begin

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_GOODBYE = 0.8
_OUR_COMPLAINTS = (1002, 1007, 1009)  # broken, no text, too long
# The client library logs what is said, and so what is secret; this logger of its own is silent.
_SILENT = logging.Logger("salus.checks.websocket", logging.CRITICAL + 1)  # noqa: LOG001 - no logger of others is touched


class WebsocketLine:
    """One WebSocket. Messages that nobody waits for are thrown away, so that a talkative server is never held up."""

    def __init__(self, connection: ClientConnection, place: str) -> None:
        """Take over a connection and read it from now on."""
        self._connection = connection
        self._place = place
        self._fits: Callable[[str], bool] | None = None
        self._answer: asyncio.Future[None] | None = None
        self.last = ""
        self._reading = begin(self._read())

    @classmethod
    async def opened(
        cls,
        url: str,
        endpoint: Endpoint,
        look: Look,
        *,
        headers: Sequence[tuple[str, str]],
        subprotocol: str | None,
        max_bytes: int,
        tls: ssl.SSLContext | None,
        server_name: str | None,
    ) -> WebsocketLine:
        """Connect and shake hands.

        Args:
            url: without user and password.
            endpoint: where it leads.
            look: the look that wants it.
            headers: of the handshake.
            subprotocol: what the server must agree to.
            max_bytes: the longest message that is taken.
            tls: how to speak TLS.
            server_name: the name to ask TLS for.

        Raises:
            HttpError: it failed; nothing is left open.
        """
        peer = await dialled(endpoint, look)
        place = str(endpoint)
        secured: dict[str, Any] = {} if tls is None else {"ssl": tls, "server_hostname": server_name or endpoint.host}
        try:
            connection = await connect(
                url,
                additional_headers=headers,
                subprotocols=None if subprotocol is None else [Subprotocol(subprotocol)],
                compression=None,
                open_timeout=None,
                ping_interval=None,
                close_timeout=_GOODBYE,
                max_size=max_bytes,
                proxy=None,
                logger=_SILENT,
                sock=peer,
                **secured,
            )
        except BaseException as error:
            peer.close()
            if failure := _refused(error, place):
                raise failure from None  # it may quote what we said
            raise
        line = cls(connection, place)
        if connection.subprotocol != subprotocol:
            line.drop()
            agreed = f"agreed to {connection.subprotocol!r}" if connection.subprotocol else "agreed to none"
            raise AnswerError(f"expected {place} to speak the subprotocol {subprotocol!r}, it {agreed}")
        return line

    async def alive(self, look: Look) -> None:
        """Ping, and wait for the pong."""
        try:
            await (await self._connection.ping())
        except WebSocketException as error:
            raise self._closed(error) from error

    async def say(self, message: str) -> None:
        """Send a message.

        Raises:
            HttpError: the connection is lost.
        """
        try:
            await self._connection.send(message)
        except WebSocketException as error:
            raise self._closed(error) from error

    def listen(self, fits: Callable[[str], bool]) -> asyncio.Future[None]:
        """Return what is done when a message comes that fits; it fails with an ``HttpError`` where the line is lost."""
        self.last = ""
        self._fits = fits
        self._answer = asyncio.get_running_loop().create_future()
        if self._reading.done():
            self._answer.set_exception(hung_up(self._place))
        return self._answer

    def deafen(self) -> None:
        """Wait for nothing any more."""
        if self._answer is not None:
            self._answer.cancel()
        self._answer = self._fits = None

    def drop(self) -> None:
        """Abort the connection."""
        self.deafen()
        self._connection.transport.abort()
        self._reading.cancel()

    async def close(self) -> None:
        """Say goodbye and close the connection."""
        await self._connection.close()

    async def _read(self) -> None:
        """Read for as long as the connection stands."""
        failure: Exception | None = None
        try:
            while True:
                message = await self._connection.recv()
                if self._fits is None or self._answer is None or self._answer.done():
                    continue
                self.last = message if isinstance(message, str) else message.decode("utf-8", "replace")
                if self._fits(self.last):
                    self._answer.set_result(None)
        except WebSocketException as error:
            failure = error
        finally:
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(self._closed(failure))
                self._answer.exception()  # whoever waited may have left

    def _closed(self, error: Exception | None) -> HttpError:
        if not isinstance(error, ConnectionClosed):
            return hung_up(self._place)
        if error.sent is not None and not error.rcvd_then_sent and error.sent.code in _OUR_COMPLAINTS:
            said = f"{error.sent.code} {excerpt(error.sent.reason.encode())}"
            return AnswerError(f"{self._place} sent what we cannot take: {said}", remedy="see max_bytes")
        rcvd = error.rcvd
        return hung_up(self._place, f"{rcvd.code} {excerpt(rcvd.reason.encode())}".strip() if rcvd else "")


def _refused(error: BaseException, place: str) -> HttpError | None:
    """Say why a handshake failed; None where it was something else."""
    if isinstance(error, InvalidStatus):
        response = error.response
        said = f"{place} refused the handshake: {response.status_code} {excerpt(response.reason_phrase.encode())}"
        login = response.status_code in (401, 403)
        refused: HttpError = LoginError(said, remedy="correct the credentials") if login else AnswerError(said)
        refused.cause = f"status_{response.status_code}"
        return refused
    if isinstance(error, ValueError) and isinstance(error.__cause__, InvalidStatus):
        status = error.__cause__.response.status_code
        where = excerpt(error.__cause__.response.headers.get("Location", "").encode())
        moved: HttpError = AnswerError(
            f"{place} redirects ({status}) to {where}", remedy="write that URL into the config"
        )
        moved.cause = f"status_{status}"
        return moved
    if isinstance(error, InvalidHandshake):
        return AnswerError(f"{place} failed the handshake: {excerpt(str(error).encode(), 160)}")
    if isinstance(error, OSError):
        return explain(error, place)
    # The client library also fails by an assertion, where the other side hangs up early.
    return AnswerError(f"{place} broke off the handshake") if isinstance(error, Exception) else None
