"""MQTT 3.1.1 as far as a check needs it: connect, ping, subscribe, publish with QoS 1, hear what is published.

Spoken directly: the packets are few and small. The client library connects in a thread, and wants a loop or a thread of
its own for as long as a connection lives, which a check that looks now and then has no use for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from salus.checks._refusals import NotAllowedError, RefusedError, no_login, other_protocol
from salus.checks._wire import Wire
from salus.httpclient import AnswerError, HttpError

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 2, 3, 4, 9, 13
_KNOWN = {_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP, 5, 6, 7, 11, 14}
_REFUSED = 0x80
_NO_LOGIN = {4: "bad user name or password", 5: "not authorized"}
_LONGEST_KEEPALIVE = 65535
# What CONNACK's return code means, with what to do about it (MQTT 3.1.1, 3.2.2.3).
_REASONS = {
    1: ("does not speak MQTT 3.1.1", ""),
    2: ("does not accept the client id", "give another client_id"),
    3: ("is not available, it says", "its own log says why"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message that came.

    Attributes:
        topic: where it was published.
        payload: what it holds.
        retained: the broker had kept it from before we subscribed.
    """

    topic: str
    payload: bytes
    retained: bool


class MqttWire(Wire):
    """One connection; every message that comes is handed to ``on_message``."""

    __slots__ = ("_acknowledged", "_connack", "_identifier", "_on_message", "_pongs", "_subscribed", "topics")

    def __init__(self, place: str, on_message: Callable[[Message], None]) -> None:
        """Hand messages over as they come, also between looks."""
        super().__init__(place)
        self.topics: set[str] = set()
        self._on_message = on_message
        self._connack: int | None = None
        self._pongs = 0
        self._identifier = 0
        self._acknowledged: set[int] = set()
        self._subscribed: dict[int, int] = {}

    # ── What comes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self) -> bool:
        """Take one packet."""
        kind = self.heard[0] >> 4
        if kind not in _KNOWN or (self._connack is None and kind != _CONNACK):
            raise other_protocol(self.place, "MQTT")
        length, start = _length(self.heard)
        if length < 0:
            return False
        if length > self.limit:
            raise AnswerError(f"{self.place} sends a packet of {length} bytes")
        if len(self.heard) < start + length:
            return False
        flags, body = self.heard[0] & 0x0F, bytes(self.heard[start : start + length])
        del self.heard[: start + length]
        self._packet(kind, flags, body)
        return True

    def _packet(self, kind: int, flags: int, body: bytes) -> None:
        if kind == _CONNACK:
            self._connack = body[1]
        elif kind == _PINGRESP:
            self._pongs += 1
        elif kind == _PUBACK:
            self._acknowledged.add(_number(body))
        elif kind == _SUBACK:
            self._subscribed[_number(body)] = body[2]
        elif kind == _PUBLISH:
            self._published(flags, body)

    def _published(self, flags: int, body: bytes) -> None:
        end = 2 + _number(body)
        topic, quality = body[2:end].decode("utf-8", "replace"), (flags >> 1) & 3
        if quality:
            self.say(_packet(_PUBACK << 4, body[end : end + 2]))
            end += 2
        self._on_message(Message(topic, body[end:], bool(flags & 1)))

    # ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def log_in(self, client_id: str, username: str, password: str, keepalive: float) -> None:
        """Introduce ourselves, and wait until the broker lets us in.

        Args:
            client_id: who we are; the broker ends an older connection of the same name.
            username: empty for nobody.
            password: empty for none.
            keepalive: seconds of silence after half as many more of which the broker may take us for dead.

        Raises:
            HttpError: it does not let us in.
        """
        flags = 0x02  # a clean session: nothing is kept for us when we are gone
        payload = _text(client_id)
        if username:
            flags |= 0x80
            payload += _text(username)
            if password:
                flags |= 0x40
                payload += _text(password)
        seconds = min(_LONGEST_KEEPALIVE, int(keepalive))
        self.say(_packet(0x10, _text("MQTT") + bytes((4, flags)) + seconds.to_bytes(2) + payload))
        await self.until(lambda: self._connack is not None)
        if self._connack:
            if said := _NO_LOGIN.get(self._connack):
                raise no_login(self.place, said)
            what, remedy = _REASONS.get(self._connack, (f"refused with the code {self._connack}", ""))
            raise RefusedError(f"{self.place} {what}", remedy=remedy or None, cause=f"mqtt_{self._connack}")

    async def ping(self) -> None:
        """Have the broker answer."""
        wanted = self._pongs + 1
        self.say(_packet(0xC0, b""))
        await self.until(lambda: self._pongs >= wanted)

    async def subscribe(self, topic: str) -> None:
        """Hear what is published there, now and from now on.

        Raises:
            RefusedError: this user may not.
        """
        number = self._next()
        self.say(_packet(0x82, number.to_bytes(2) + _text(topic) + b"\x01"))
        await self.until(lambda: number in self._subscribed)
        if self._subscribed.pop(number) == _REFUSED:
            what = f"{self.place} refused a subscription to {topic!r}"
            raise NotAllowedError(what, remedy="let this user read that topic")
        self.topics.add(topic)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, and wait until the broker has taken it."""
        number = self._next()
        self.say(_packet(0x32, _text(topic) + number.to_bytes(2) + payload))
        await self.until(lambda: number in self._acknowledged)
        self._acknowledged.clear()

    def _next(self) -> int:
        self._identifier = self._identifier % 0xFFFF + 1
        return self._identifier

    def farewell(self) -> bytes:
        """Disconnect in order."""
        return _packet(0xE0, b"")

    def hung_up(self) -> HttpError:
        """Say what it may mean that the broker closed the connection."""
        if self._connack is None:
            remedy = "is it the right port? Its own log says why it hung up"
            return AnswerError(f"{self.place} hung up instead of answering", remedy=remedy)
        return super().hung_up()


def _length(data: bytearray) -> tuple[int, int]:
    """Return the remaining length and where the rest starts; -1 where it is not there as a whole."""
    value = 0
    for index in range(1, 5):
        if len(data) <= index:
            return -1, 0
        value |= (data[index] & 0x7F) << (7 * (index - 1))
        if not data[index] & 0x80:
            return value, index + 1
    raise ValueError("a length of more than four bytes")


def _packet(first: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, digit = left >> 7, left & 0x7F
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes((first,)) + bytes(length) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2) + raw


def _number(body: bytes) -> int:
    return int.from_bytes(body[:2])
