"""AMQP 0-9-1 as far as a check needs it: log in, open a channel, look at a queue, publish one message.

The frames are pamqp's. Heartbeats are switched off: a connection that lies idle between two looks needs no task that
keeps it alive, and the kernel finds out when the other host is gone.
"""

from __future__ import annotations

from typing import TypeVar
from uuid import uuid4

from pamqp import commands, constants, frame, header
from pamqp.base import Frame
from pamqp.common import FieldTable
from pamqp.exceptions import PAMQPException

from salus import __version__
from salus.checks._refusals import NotAllowedError, RefusedError, no_login, other_protocol
from salus.checks._systems import Target
from salus.checks._wire import Wire
from salus.httpclient import AnswerError, HttpError

_CHANNEL = 1
_HEADER_BYTES = 7
_ACCESS_REFUSED = 403
_CAPABILITIES = {
    "authentication_failure_close": True,
    "connection.blocked": True,
    "publisher_confirms": True,
}
F = TypeVar("F", bound=Frame)


class AmqpWire(Wire):
    """One connection with one channel."""

    __slots__ = ("_answers", "_closed_by", "_confirmed", "_confirms", "_has_channel", "_published", "blocked", "server")

    def __init__(self, place: str) -> None:
        """Stand ready."""
        super().__init__(place, limit=1 << 20)
        self.blocked: str | None = None
        self.server = ""
        self._answers: list[Frame] = []
        self._closed_by: RefusedError | None = None
        self._has_channel = self._confirms = False
        self._published = 0
        self._confirmed = 0

    # ── What comes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self) -> bool:
        """Take one frame."""
        if self.heard[:4] == b"AMQP":
            spoken = ".".join(str(number) for number in self.heard[5:8])
            raise AnswerError(f"{self.place} speaks AMQP {spoken or '?'}, not 0-9-1")
        if len(self.heard) < _HEADER_BYTES:
            return False
        kind, channel, size = frame.frame_parts(bytes(self.heard[:_HEADER_BYTES]))
        if kind not in (
            constants.FRAME_METHOD,
            constants.FRAME_HEADER,
            constants.FRAME_BODY,
            constants.FRAME_HEARTBEAT,
        ):
            raise other_protocol(self.place, "AMQP")
        whole = _HEADER_BYTES + (size or 0) + 1
        if whole > self.limit:
            raise AnswerError(f"{self.place} sends a frame of {whole} bytes")
        if len(self.heard) < whole:
            return False
        raw = bytes(self.heard[:whole])
        del self.heard[:whole]
        if kind == constants.FRAME_METHOD:
            try:
                method = frame.unmarshal(raw)[2]
            except PAMQPException as error:
                raise AnswerError(f"{self.place} sends a frame that cannot be read") from error
            if isinstance(method, Frame):
                self._met(method, channel)
        return True

    def _met(self, method: Frame, channel: int) -> None:
        if isinstance(method, commands.Connection.Blocked):
            self.blocked = method.reason or "it gave no reason"
        elif isinstance(method, commands.Connection.Unblocked):
            self.blocked = None
        elif isinstance(method, commands.Connection.Close):
            self._send(commands.Connection.CloseOk(), channel=0)
            raise self._refusal(method.reply_code or 0, method.reply_text or "")
        elif isinstance(method, commands.Channel.Close):
            self._send(commands.Channel.CloseOk())
            self._has_channel = False
            self._closed_by = self._refusal(method.reply_code or 0, method.reply_text or "")
        elif isinstance(method, commands.Basic.Ack | commands.Basic.Nack):
            self._confirmed = max(self._confirmed, method.delivery_tag or 0)
        else:
            self._answers.append(method)

    def _refusal(self, code: int, text: str) -> RefusedError:
        said = f"{self.place} refused: {text or code}"
        if code != _ACCESS_REFUSED:
            return RefusedError(said, cause=f"amqp_{code}")
        if "Login was refused" in text:
            return no_login(self.place, text)
        return NotAllowedError(said, remedy="let this user do that")

    # ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def log_in(self, target: Target, vhost: str) -> None:
        """Shake hands as a user, and enter the virtual host.

        Raises:
            HttpError: the server does not let us in.
        """
        self.say(header.ProtocolHeader().marshal())
        start = await self._answer(commands.Connection.Start)
        if "PLAIN" not in str(start.mechanisms).split():
            raise RefusedError(f"{self.place} does not let anybody in by a password", cause="amqp_mechanism")
        self.server = _product(start)
        user, password = target.username or "guest", target.password or ("" if target.username else "guest")
        about: FieldTable = {"product": "Salus", "version": __version__, "capabilities": dict(_CAPABILITIES)}
        tune = await self._ask(
            commands.Connection.StartOk(about, "PLAIN", f"\0{user}\0{password}", "en_US"), commands.Connection.Tune, 0
        )
        self._send(commands.Connection.TuneOk(tune.channel_max or 0, tune.frame_max or 0, 0), channel=0)
        await self._ask(commands.Connection.Open(virtual_host=vhost), commands.Connection.OpenOk, 0)

    async def channel(self) -> None:
        """Open a channel where there is none any more: a refusal closes it.

        Raises:
            HttpError: there is none to be had.
        """
        if self._has_channel:
            return
        self._published = self._confirmed = 0
        self._confirms, self._closed_by = False, None
        await self._ask(commands.Channel.Open(), commands.Channel.OpenOk)
        self._has_channel = True

    async def queue(self, name: str) -> tuple[int, int]:
        """Return how many messages wait in a queue, and how many consumers it has.

        Raises:
            RefusedError: there is no such queue, or it is not for us.
        """
        declared = await self._ask(commands.Queue.Declare(queue=name, passive=True), commands.Queue.DeclareOk)
        return int(declared.message_count or 0), int(declared.consumer_count or 0)

    async def ping(self) -> None:
        """Have the server answer something that changes nothing; one that blocks us reads nothing until it is over."""
        if self.blocked is not None and self.error is None:
            return
        await self.channel()
        await self._ask(commands.Basic.Qos(prefetch_count=0), commands.Basic.QosOk)

    async def publish(self) -> None:
        """Publish an empty message that no queue receives, and wait until it was taken, or until we are blocked.

        Raises:
            RefusedError: this user may not publish.
        """
        if not self._confirms:
            await self._ask(commands.Confirm.Select(), commands.Confirm.SelectOk)
            self._confirms = True
        nowhere = f"salus.health.{uuid4().hex}"
        self._published += 1
        self._send(commands.Basic.Publish(exchange="", routing_key=nowhere))
        self.say(frame.marshal(header.ContentHeader(body_size=0), _CHANNEL))
        await self.until(self._taken)
        if self._closed_by is not None:
            raise self._closed_by

    def _taken(self) -> bool:
        return self._confirmed >= self._published or self.blocked is not None or self._closed_by is not None

    async def _ask(self, method: Frame, wanted: type[F], channel: int = _CHANNEL) -> F:
        self._send(method, channel)
        return await self._answer(wanted)

    async def _answer(self, wanted: type[F]) -> F:
        self._answers.clear()
        await self.until(lambda: bool(self._answers) or self._closed_by is not None)
        if self._closed_by is not None:
            raise self._closed_by
        answer = self._answers.pop()
        if not isinstance(answer, wanted):
            raise AnswerError(f"{self.place} answered {answer.name} where {wanted.name} belongs")
        return answer

    def _send(self, method: Frame, channel: int = _CHANNEL) -> None:
        self.say(frame.marshal(method, channel))

    def farewell(self) -> bytes:
        """Say that we close the connection, so that the server's log stays clean."""
        return frame.marshal(commands.Connection.Close(200, "bye", 0, 0), 0)

    def hung_up(self) -> HttpError:
        """Say what it may mean that the server closed the connection."""
        if not self.server:
            return AnswerError(f"{self.place} hung up before it spoke AMQP", remedy="is it the right port?")
        return super().hung_up()


def _product(start: commands.Connection.Start) -> str:
    properties = start.server_properties or {}

    def text(name: str) -> str:
        value = properties.get(name)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")

    return f"{text('product')} {text('version')}".strip() or "an AMQP server"
