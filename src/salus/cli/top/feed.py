"""Asks an agent all the time, hears what happens, has done what a person wants: three threads and what they find."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

from salus.cli.errors import one_line
from salus.cli.top.keys import Deed
from salus.cli.top.picture import Answers, Done, Explained, Fact, Happened, Listening, Lost, Past, Picture, clean, fold
from salus.cli.top.reach import Reach, RefusedError
from salus.clock import SystemClock
from salus.errors import SalusError
from salus.ports import Clock
from salus.units import format_duration

EVERY = 1.5  # seconds between two rounds of questions
SOONEST = 0.25  # the same, when something has happened
_LATER = 30.0  # after an answer that will not change soon
_PAGE = 100  # checks in one answer: an agent with thousands writes them bit by bit, and looks in between
_SHARE = 4  # we wait at least so many times as long as a round took
_SILENCE = 40.0  # the stream says something every 15 s; when it does not, it is dead
_EVENTS = 100
PARTS: Mapping[str, str] = {
    "session": "/session",
    "policy": "/policy",
    "rules": "/rules",
    "services": "/services",
    "alerts": "/alerts?limit=100",
    "recoveries": "/recoveries?running=true&limit=100",
}
_PAGED, ONE_PAGE = ("rules", "services"), ("alerts", "recoveries")
_NOT_FOR_US = (401, 403, 404)
_NONSENSE = (KeyError, TypeError, AttributeError)  # JSON, and not of ours


def everything(reach: Reach, clock: Clock) -> Answers:
    """Ask one round of questions over one connection.

    Raises:
        SalusError: nobody answers, or the overview itself may not be seen.
    """
    with closing(reach.connection(5.0)) as connection:
        told: dict[str, Any] = {"whole": reach.ask(connection, "/status")}
        at, heard = clock.now(), clock.monotonic()
        told["checks"] = _pages(reach, connection, "/checks")
        for part, path in PARTS.items():
            try:
                told[part] = _pages(reach, connection, path) if part in _PAGED else reach.ask(connection, path)
                if part in ONE_PAGE:
                    told[part] = told[part]["items"]
            except RefusedError as error:
                if error.code not in _NOT_FOR_US:
                    raise
    return Answers(told=told, at=at, heard=heard)


def _pages(reach: Reach, connection: http.client.HTTPConnection, path: str) -> list[Any]:
    found: list[Any] = []
    after = ""
    while True:
        page = reach.ask(connection, f"{path}?{urlencode({'limit': _PAGE, 'after': after})}")
        found += page["items"]
        after = page["next"] or ""
        if not after:
            return found


def events(reach: Reach) -> Past:
    """Ask for the last events."""
    found: list[dict[str, Any]] = reach.once(f"/events?limit={_EVENTS}")["items"]
    return Past(events=found)


def first(reach: Reach, clock: Clock) -> Picture:
    """Return the first picture.

    Raises:
        SalusError: there is none to be had.
    """
    try:
        picture = fold(Picture(told={}), everything(reach, clock))
        with suppress(RefusedError):
            picture = fold(picture, events(reach))
    except _NONSENSE:
        raise SalusError(f"what answers at {reach.name} is no Salus", remedy="look at the address") from None
    return picture


class Feed:
    """The threads; they end with the program, for one that waits for an agent cannot be told to stop."""

    def __init__(self, reach: Reach, tell: Callable[[Fact], None], clock: Clock | None = None) -> None:
        """Ask there, and tell what is found."""
        self._reach = reach
        self._tell = tell
        self._clock = clock or SystemClock()
        self._check = ""
        self._ended = threading.Event()
        self._something = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        for what in (self._ask_all_the_time, self._listen_all_the_time):
            threading.Thread(target=what, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._something.set()

    def look_closely(self, check: str) -> None:
        """Ask for all about that check too, from now on; about none where it is empty."""
        if check != self._check:
            self._check = check
            self._something.set()

    def do(self, deed: Deed) -> None:
        """Have something done, and tell what became of it."""
        threading.Thread(target=self._do, args=(deed,), daemon=True).start()

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask_all_the_time(self) -> None:
        while not self._ended.is_set():
            begun = self._clock.monotonic()
            wait = self._round()
            took = self._clock.monotonic() - begun
            self._ended.wait(max(SOONEST, took * _SHARE))
            self._something.wait(wait)
            self._something.clear()

    def _round(self) -> float:
        """Ask everything; returns how long to wait then, unless something happens."""
        try:
            self._tell(everything(self._reach, self._clock))
        except RefusedError as error:
            self._tell(Lost(why=one_line(error)))
            return _LATER
        except SalusError as error:
            self._tell(Lost(why=str(error)))
            return EVERY
        except _NONSENSE:
            self._tell(Lost(why=f"what answers at {self._reach.name} is no Salus"))
            return _LATER
        if check := self._check:
            self._tell(self._explained(check))
        return EVERY

    def _explained(self, check: str) -> Explained:
        name = quote(check, safe="")
        looks: list[Any] = []
        try:
            with suppress(RefusedError):
                looks = self._reach.once(f"/checks/{name}/history?limit=20")["items"]
            rules = self._reach.once(f"/checks/{name}/explain")["rules"]
        except SalusError as error:
            return Explained(check=check, looks=looks, trouble=one_line(error))
        return Explained(check=check, rules=rules, looks=looks)

    # ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _listen_all_the_time(self) -> None:
        last, wait = "", 0.0
        while not self._ended.wait(wait):
            wait = EVERY
            try:
                last = last or self._read_past()
                for message in self._messages(last):
                    last = self._heard(message) or last
            except RefusedError:
                wait = _LATER
            except (SalusError, OSError, http.client.HTTPException, ValueError, *_NONSENSE):
                pass  # the questions find out why, and tell it
            self._tell(Listening(on=False))
            self._something.set()

    def _read_past(self) -> str:
        past = events(self._reach)
        self._tell(past)
        return str(past.events[0]["id"]) if past.events else ""

    def _messages(self, last: str) -> Iterator[Message]:
        more = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        with closing(self._reach.connection(_SILENCE)) as connection:
            response = self._reach.begin(connection, "GET", "/stream", more=more)
            self._tell(Listening(on=True))
            yield from messages(iter(response.readline, b""))

    def _heard(self, message: Message) -> str:
        """Take one message; returns the id to go on from."""
        self._something.set()
        if message.kind == "reset":
            return self._read_past() or message.id
        if message.kind == "event":
            event = clean(json.loads(message.data))
            if "id" in event and "kind" in event:
                self._tell(Happened(event={"message": "", "at": None, **event}))
        return message.id

    # ── doing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, deed: Deed) -> None:
        try:
            # No bound: healing takes as long as it takes, and is shown meanwhile.
            told = self._reach.once(deed.path, method="POST", body=deed.body, timeout=None)
            says, good = outcome(deed, told), told.get("outcome", "recovered") == "recovered"
        except SalusError as error:
            says, good = one_line(error), False
        except _NONSENSE:
            says, good = "what was answered makes no sense", False
        self._tell(Done(says=says, good=good, heard=self._clock.monotonic()))
        self._something.set()


def outcome(deed: Deed, told: Mapping[str, Any]) -> str:
    """Say what became of a deed."""
    if "steps" in told:
        took = f" after {format_duration(told['duration'])}" if told["duration"] is not None else ""
        what = (told["outcome"] or "it is still running").replace("_", " ")
        return f"rule {deed.done}: {what}{took}{_because(told)}"
    if "duration" in told and "metrics" in told:
        return f"{deed.done} looks {told['status']}{_because(told)} ({format_duration(told['duration'])})"
    return deed.done or str(told["message"])


def _because(told: Mapping[str, Any]) -> str:
    return f": {told['message']}" if told["message"] else ""


# ── server-sent events ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream."""

    kind: str
    id: str
    data: str


@dataclass(slots=True)
class _Begun:
    kind: str = ""
    data: list[str] = field(default_factory=list)


def messages(lines: Iterable[bytes]) -> Iterator[Message]:
    """Read messages from the lines of a stream (WHATWG, "Server-sent events"); one that is not whole is left out."""
    begun, last = _Begun(), ""
    for raw in lines:
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if begun.data:
                yield Message(begun.kind or "message", last, "\n".join(begun.data))
            begun = _Begun()
            continue
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            begun.data.append(value)
        elif name == "event":
            begun.kind = value
        elif name == "id" and "\0" not in value:
            last = value
