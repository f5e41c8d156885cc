"""A gate with real tokens behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from salus.engine.access import TokenBook
from salus.model import NOTHING, Event, EventKind, Json, Memo, Role
from salus.surfaces.access.gate import Gate, Shown
from salus.surfaces.http import Scope
from tests.fake_agent import FixedClock


@dataclass
class Told:
    """Keeps the events that were told, and hands them to whoever subscribed."""

    clock: FixedClock = field(default_factory=FixedClock)
    events: list[Event] = field(default_factory=list)

    def __call__(
        self,
        kind: EventKind,
        *,
        message: str = "",
        reason: str | None = None,
        data: Mapping[str, Json] = NOTHING,
        **about: Any,
    ) -> None:
        number = int(self.clock.at.timestamp() * 1_000_000) + len(self.events)
        event = Event(id=number, at=self.clock.at, kind=kind, message=message, reason=reason, data=data, **about)
        self.events.append(event)

    def audit(self) -> list[tuple[str, str, int]]:
        """Return who asked for what, and how that ended."""
        kinds = (EventKind.REQUEST_DONE, EventKind.REQUEST_REFUSED)
        rows = [event.data for event in self.events if event.kind in kinds]
        return [(str(row["by"]), str(row["request"]), int(str(row["code"]))) for row in rows]


class Door:
    """Tokens of every sort, and the gate that knows them."""

    def __init__(self, *, details: str = "when_authorized", trusted: tuple[str, ...] = ()) -> None:
        self.clock = FixedClock()
        self.told = Told(self.clock)
        self.rows: dict[str, Memo] = {}
        self.book = TokenBook(self.clock, self.told, self.keep, self.commit)
        self.shown = Shown(details, trusted)
        self.gate = Gate(self.book, lambda: self.shown, clock=self.clock)
        self.texts: dict[str, str] = {}

    def keep(self, memo: Memo) -> None:
        self.rows[memo.key] = memo

    async def commit(self) -> bool:
        return True

    async def token(self, role: Role, seconds: float | None = None, name: str = "") -> str:
        """Return the text of a token of that role."""
        called = name or role.value
        if called not in self.texts:
            self.texts[called] = (await self.book.create(called, role, seconds))[1].reveal()
        return self.texts[called]

    async def bearer(self, role: Role) -> dict[str, str]:
        """Return the header that carries a token of that role."""
        return {"Authorization": f"Bearer {await self.token(role)}"}

    async def expired(self) -> str:
        text = await self.token(Role.ADMIN, 1, name="expired")
        self.clock.at += timedelta(seconds=2)
        return text

    async def revoked(self) -> str:
        text = await self.token(Role.ADMIN, name="revoked")
        await self.book.revoke("revoked")
        return text


def scope(client: str = "192.0.2.7", scheme: str = "http", root: str = "", **headers: str) -> Scope:
    """Return a request; a header ``x_forwarded_for`` is ``X-Forwarded-For``."""
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "client": (client, 4711), "scheme": scheme, "root_path": root, "headers": named}
