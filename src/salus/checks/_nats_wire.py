"""The NATS client protocol as far as a check needs it: log in, ping, ask JetStream.

Spoken directly: lines of text and bodies of JSON. The client library reconnects behind one's back and keeps three tasks
and a timer per connection, which a check that looks now and then has no use for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from salus import __version__
from salus.checks._refusals import NotAllowedError, RefusedError, no_login, other_protocol
from salus.checks._wire import Wire
from salus.httpclient import AnswerError, HttpError

_LONGEST_LINE = 64 * 1024
_NO_RESPONDERS = "503"


class NatsWire(Wire):
    """One connection with one inbox."""

    __slots__ = ("_inbox", "_message", "_pongs", "_refused", "_replies", "_reply", "greeted", "info")

    def __init__(self, place: str) -> None:
        """Stand ready."""
        super().__init__(place)
        self.info: Mapping[str, Any] = {}
        self.greeted = False
        self._pongs = 0
        self._inbox = ""
        self._replies = 0
        self._reply: dict[str, Any] | None = None
        self._refused: RefusedError | None = None
        self._message: tuple[int, int, int] | None = None  # whose body is awaited: bytes of headers, of all; number

    # ── What comes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self) -> bool:
        """Take one line, or the body that a line has announced."""
        if self._message is not None:
            return self._body(*self._message)
        end = self.heard.find(b"\r\n")
        if end < 0:
            if len(self.heard) > _LONGEST_LINE or (not self.greeted and not b"INFO ".startswith(self.heard[:5])):
                raise other_protocol(self.place, "NATS")
            return False
        line = self.heard[:end].decode("utf-8", "replace")
        del self.heard[: end + 2]
        word, _, rest = line.partition(" ")
        self._line(word.upper(), rest.strip())
        return True

    def _line(self, word: str, rest: str) -> None:
        if word == "INFO":
            info = json.loads(rest)
            self.info = info if isinstance(info, dict) else {}
            self.greeted = True
        elif not self.greeted:
            raise other_protocol(self.place, "NATS")
        elif word == "PING":
            self.say(b"PONG\r\n")
        elif word == "PONG":
            self._pongs += 1
        elif word in ("MSG", "HMSG"):
            parts = rest.split()
            headers = int(parts[-2]) if word == "HMSG" else 0
            self._message = (headers, int(parts[-1]), int(parts[0].rpartition(".")[2]))
        elif word == "-ERR":
            self._wrong(rest.strip("' "))

    def _wrong(self, text: str) -> None:
        """The server says no: about one subject, or, before it hangs up, about us altogether."""
        if text.lower().startswith("permissions violation"):
            remedy = "let this user publish to $JS.API.> and subscribe to _INBOX.>"
            self._refused = NotAllowedError(f"{self.place} refused: {text}", remedy=remedy)
            return
        if "authorization" in text.lower() or "authentication" in text.lower():
            raise no_login(self.place, text, "correct the user, the password or the token")
        raise RefusedError(f"{self.place} refused: {text}", cause="nats_error")

    def _body(self, headers: int, size: int, number: int) -> bool:
        if size > self.limit:
            raise AnswerError(f"{self.place} sends a message of {size} bytes")
        if len(self.heard) < size + 2:
            return False
        head, body = bytes(self.heard[:headers]), bytes(self.heard[headers:size])
        del self.heard[: size + 2]
        self._message = None
        if number != self._replies:  # the late answer to a question of an earlier look
            return True
        if head and _NO_RESPONDERS in head.split(b"\r\n", 1)[0].decode("latin-1"):
            self._reply = {"error": {"code": 503, "description": "no responders"}}
        else:
            found = json.loads(body)
            self._reply = found if isinstance(found, dict) else {}
        return True

    # ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def greeting(self) -> None:
        """Wait for the server's first word.

        Raises:
            HttpError: it does not come.
        """
        await self.until(lambda: self.greeted)

    async def log_in(self, credentials: Mapping[str, str], name: str) -> None:
        """Say who we are, and wait until the server lets us in.

        Raises:
            HttpError: it does not.
        """
        about = {
            "verbose": False,
            "pedantic": False,
            "name": name,
            "lang": "python",
            "version": __version__,
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            **credentials,
        }
        self.say(b"CONNECT " + json.dumps(about).encode() + b"\r\n")
        await self.ping()

    async def ping(self) -> None:
        """Have everything that was sent so far read and answered."""
        wanted = self._pongs + 1
        self.say(b"PING\r\n")
        await self.until(lambda: self._pongs >= wanted)

    async def api(self, subject: str) -> dict[str, Any]:
        """Ask JetStream and return its answer.

        Raises:
            RefusedError: this user may not ask.
        """
        first = not self._inbox
        if first:
            self._inbox = f"_INBOX.{uuid4().hex}"
            self.say(f"SUB {self._inbox}.* 1\r\n".encode())
        self._next_question()
        self.say(f"PUB $JS.API.{subject} {self._inbox}.{self._replies} 0\r\n\r\n".encode())
        await self.until(self._answered)
        if self._refused is not None:
            raise self._refused
        return self._reply or {}

    def _next_question(self) -> None:
        self._replies += 1
        self._reply = self._refused = None

    def _answered(self) -> bool:
        return self._reply is not None or self._refused is not None

    def hung_up(self) -> HttpError:
        """Say what it may mean that the server closed the connection."""
        if not self.greeted:
            return AnswerError(f"{self.place} hung up before it spoke NATS", remedy="is it the right port?")
        return super().hung_up()
