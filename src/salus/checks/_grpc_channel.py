"""A gRPC channel that a check keeps, asked from an event loop.

The channel is grpc's ordinary one and not its asyncio one: that binds itself to one event loop of the process, and
where an application uses it on its own loop, Salus on another would make both of them stumble. A call is a future of
another thread here; nothing waits for it but an event.

After a failure the channel is closed: left alone it would go on trying to connect until it succeeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from salus.checks.grpc import Grpc

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # closing the channel closes its connection
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),  # no proxy, whatever the environment says
    ("grpc.client_idle_timeout_ms", 2**31 - 1),  # kept, however long it is until the next look
    ("grpc.max_receive_message_length", 1 << 20),
)
_CHECK = "/grpc.health.v1.Health/Check"


class CallError(Exception):
    """The call failed: the status code's name, and what the server or grpc said."""

    def __init__(self, code: str, details: str) -> None:
        """Keep both."""
        super().__init__(f"{code}: {details}")
        self.code = code
        self.details = details


@dataclass(slots=True)
class HealthChannel:
    """One channel, opened when first needed."""

    options: Grpc
    _channel: grpc.Channel | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)

    @property
    def kept(self) -> bool:
        """Tell whether there is a channel from an earlier look."""
        return self._channel is not None

    async def check(self, service: str, metadata: Sequence[tuple[str, str]], timeout: float) -> int:
        """Ask for the health of a service and return the number of its serving status.

        Raises:
            CallError: there is no answer.
            OSError: a certificate cannot be read.
        """
        if self._channel is None:
            self._channel = self._made(timeout)
        ask = self._channel.unary_unary(
            _CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        request = health_pb2.HealthCheckRequest(service=service)
        call = ask.future(request, timeout=timeout, metadata=tuple(metadata))
        whole = False
        try:
            await _ended(call)
            whole = call.code() is not grpc.StatusCode.UNAVAILABLE
        finally:
            if not whole or self._closed:
                call.cancel()
                self.drop()
        if call.code() is not grpc.StatusCode.OK:
            raise CallError(call.code().name, call.details() or "")
        return int(call.result().status)

    def drop(self) -> None:
        """Close the channel; the next look opens another."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def close(self) -> None:
        """Close it for good."""
        self._closed = True
        self.drop()

    def _made(self, timeout: float) -> grpc.Channel:
        options = self.options
        # Also a channel that is closed goes on shaking hands with a server that hangs, for so long (20 s by default):
        # just over the call's own time, so that the call is what runs out.
        patience = int(timeout * 1000) + 20
        arguments = [
            *_OPTIONS,
            ("grpc.min_reconnect_backoff_ms", patience),
            ("grpc.initial_reconnect_backoff_ms", patience),  # the longer of the two counts; 1 s by default
        ]
        if not options.tls:
            return grpc.insecure_channel(options.target, options=arguments)
        if options.server_name:
            arguments.append(("grpc.ssl_target_name_override", options.server_name))
        certificate = _read(options.client_certificate)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(options.ca_file),
            private_key=_read(options.client_key) or certificate,
            certificate_chain=certificate,
        )
        return grpc.secure_channel(options.target, credentials, options=arguments)


async def _ended(call: grpc.Future) -> None:
    """Wait until a call has ended, however; no thread waits with us."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def tell(_: grpc.Future) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(ended.set)

    call.add_done_callback(tell)
    await ended.wait()


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path is not None else None
