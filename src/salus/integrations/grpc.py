"""The gRPC health service (``grpc.health.v1.Health``), answered by Salus.

``add_health(server, health)`` adds it to a server of ``grpc.aio`` or to one with threads. The service ``""`` is the
readiness of the whole, as ``/readyz`` says it; any other name is that of a check. Healthy and degraded are ``SERVING``,
unhealthy is ``NOT_SERVING``, unknown is ``UNKNOWN``. A name that no check has is ``NOT_FOUND`` for ``Check`` and
``SERVICE_UNKNOWN`` for ``Watch``, as the protocol has it.

A client that may not know the names of checks must not reach this service: gRPC's health service asks nobody who he is.
Put an interceptor before it where that matters.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import grpc  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from salus.errors import ConflictError
from salus.integrations._health_board import NOT_SERVING, OVERALL, Board, System

_NOT_RUNNING = "Salus does not run in this process"


def add_health(server: Any, health: System) -> HealthServicer | AioHealthServicer:
    """Add the health service to a server, before it is started.

    Args:
        server: of ``grpc.aio.server()`` or ``grpc.server()``.
        health: the ``HealthSystem`` that answers. It may be started before or after the server.

    Returns:
        The servicer; its ``close()`` ends every watch, for a shutdown that should not wait for them.
    """
    aio = isinstance(server, grpc.aio.Server)
    servicer: HealthServicer | AioHealthServicer = AioHealthServicer(health) if aio else HealthServicer(health)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer


class _Servicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """What both kinds share."""

    def __init__(self, health: System) -> None:
        """Answer for a system."""
        self.board = Board(health)

    def close(self) -> None:
        """End every watch, and take no more."""
        self.board.close()


class HealthServicer(_Servicer):
    """For a server with threads. A watch takes none of the server's own: as many as it has may be served besides."""

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the protocol names it
        """Answer once."""
        status, code, details = _status(self.board.now(), request.service)
        if code is not None:
            context.abort(code, details)
        return health_pb2.HealthCheckResponse(status=status)

    def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the protocol names it
        """Answer for all services."""
        return _listed(self.board.now())

    def Watch(  # noqa: N802 - as the protocol names it
        self, request: Any, context: Any, send_response_callback: Callable[[Any], None] | None = None
    ) -> Any:
        """Answer now, and whenever it changes.

        A server that knows non-blocking handlers gives a callback, and its thread back to its pool.
        """
        slot = _Slot()
        try:
            ticket = self.board.watch(request.service, slot.put, slot.end)
        except ConflictError as error:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
            raise

        def gone() -> None:
            self.board.leave(ticket)
            slot.end()

        if not context.add_callback(gone):  # it is over already
            gone()
        if send_response_callback is None:
            return _responses(slot)
        # A client that does not read blocks who sends to it: that must be nobody but its own thread.
        threading.Thread(
            target=_send, args=(slot, send_response_callback), name="salus-grpc-client", daemon=True
        ).start()
        return None

    # grpc looks for this on the function; its own health servicer sets it, too.
    Watch.experimental_non_blocking = True  # type: ignore[attr-defined]
    Watch.experimental_thread_pool = None  # type: ignore[attr-defined]


class AioHealthServicer(_Servicer):
    """For a server of ``grpc.aio``."""

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the protocol names it
        """Answer once."""
        status, code, details = _status(await self.board.anow(), request.service)
        if code is not None:
            await context.abort(code, details)
        return health_pb2.HealthCheckResponse(status=status)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the protocol names it
        """Answer for all services."""
        return _listed(await self.board.anow())

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - as the protocol names it
        """Answer now, and whenever it changes."""
        slot = _AioSlot()
        try:
            ticket = self.board.watch(request.service, slot.put, slot.end)
        except ConflictError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
            raise
        try:
            while (status := await slot.take()) is not None:
                yield health_pb2.HealthCheckResponse(status=status)
        finally:
            self.board.leave(ticket)


class _Slot:
    """Holds the newest status until a thread takes it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._newest: deque[int] = deque(maxlen=1)
        self._open = True

    def put(self, status: int) -> None:
        with self._condition:
            self._newest.append(status)
            self._condition.notify()

    def end(self) -> None:
        with self._condition:
            self._open = False
            self._condition.notify()

    def take(self) -> int | None:
        """Wait for a status; None at the end."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._newest) or not self._open)
            return self._newest.popleft() if self._open else None


class _AioSlot:
    """Holds the newest status until this loop takes it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._newest: deque[int] = deque(maxlen=1)
        self._open = True

    def put(self, status: int) -> None:
        self._newest.append(status)
        self._wake()

    def end(self) -> None:
        self._open = False
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._event.set)

    async def take(self) -> int | None:
        """Wait for a status; None at the end."""
        while self._open:
            if self._newest:
                return self._newest.popleft()
            self._event.clear()
            if not self._newest and self._open:
                await self._event.wait()
        return None


def _status(known: Mapping[str, int] | None, service: str) -> tuple[int, Any, str]:
    """Return the status of a service, or the code and the words to refuse with."""
    if known is None:
        if service == OVERALL:
            return NOT_SERVING, None, ""
        return 0, grpc.StatusCode.UNAVAILABLE, _NOT_RUNNING
    if service not in known:
        return 0, grpc.StatusCode.NOT_FOUND, "there is no check of that name"
    return known[service], None, ""


def _listed(known: Mapping[str, int] | None) -> Any:
    found = known if known is not None else {OVERALL: NOT_SERVING}
    return health_pb2.HealthListResponse(
        statuses={name: health_pb2.HealthCheckResponse(status=status) for name, status in found.items()}
    )


def _responses(slot: _Slot) -> Any:
    while (status := slot.take()) is not None:
        yield health_pb2.HealthCheckResponse(status=status)


def _send(slot: _Slot, send: Callable[[Any], None]) -> None:
    for response in _responses(slot):
        send(response)
    with suppress(Exception):  # it may be over already, and whatever grpc raises then is of no use to anybody
        send(None)
