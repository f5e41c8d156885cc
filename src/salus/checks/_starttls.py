"""The few words that turn a plain connection into one that is ready for TLS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from salus.checks._conversation import Conversation
from salus.httpclient import AnswerError

# A server's greeting and its list of abilities have few lines; one that goes on and on is not what it should be.
_LINES = 100
# PostgreSQL's SSLRequest: length 8, then 1234 and 5679 (protocol documentation, "Message Formats").
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


async def _smtp(peer: Conversation) -> None:
    """RFC 3207."""
    await _smtp_reply(peer, b"220", "a greeting")
    peer.say(b"EHLO salus\r\n")
    await _smtp_reply(peer, b"250", "an answer to EHLO")
    peer.say(b"STARTTLS\r\n")
    await _smtp_reply(peer, b"220", "readiness for TLS")


async def _smtp_reply(peer: Conversation, code: bytes, what: str) -> None:
    for _ in range(_LINES):
        line = await peer.line()
        if line[3:4] != b"-":
            _demand(line[:3] == code, what, line)
            return
    raise AnswerError("the mail server answers without end")


async def _imap(peer: Conversation) -> None:
    """RFC 9051, 6.2.1."""
    line = await peer.line()
    _demand(line.upper().startswith(b"* OK"), "a greeting", line)
    peer.say(b"s1 STARTTLS\r\n")
    for _ in range(_LINES):
        line = await peer.line()
        if not line.startswith(b"* "):
            _demand(line.upper().startswith(b"S1 OK"), "readiness for TLS", line)
            return
    raise AnswerError("the mail server answers without end")


async def _pop3(peer: Conversation) -> None:
    """RFC 2595, 4."""
    line = await peer.line()
    _demand(line.startswith(b"+OK"), "a greeting", line)
    peer.say(b"STLS\r\n")
    line = await peer.line()
    _demand(line.startswith(b"+OK"), "readiness for TLS", line)


async def _postgres(peer: Conversation) -> None:
    """PostgreSQL's own: one byte says yes or no."""
    peer.say(_SSL_REQUEST)
    answer = await peer.take(1)
    _demand(answer == b"S", "readiness for TLS", answer)


def _demand(condition: bool, what: str, got: bytes) -> None:
    if not condition:
        raise AnswerError(f"expected {what} before TLS, got {got[:80].decode('latin-1')!r}")


STARTTLS: Mapping[str, Callable[[Conversation], Awaitable[None]]] = {
    "imap": _imap,
    "pop3": _pop3,
    "postgres": _postgres,
    "smtp": _smtp,
}


async def start(kind: str, peer: Conversation) -> None:
    """Make the other side ready for TLS.

    Raises:
        HttpError: it is not, or it said more than it should: what comes in plain text after it agreed to TLS could
            have been put there by anybody.
    """
    await STARTTLS[kind](peer)
    if peer.heard:
        raise AnswerError("the server goes on in plain text after it agreed to TLS", remedy="who sits in between?")
