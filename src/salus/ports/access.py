"""Who is let in, and the past as surfaces may read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from salus.model import Alert, Event, Observation, RecoveryRecord, Role, Token
from salus.ports.store import AlertQuery, EventQuery, RecoveryQuery
from salus.secret import Secret


class Access(Protocol):
    """The tokens. Every change is audited by the event it writes."""

    def tokens(self) -> Sequence[Token]:
        """Return all tokens, by name; expired ones too."""
        ...

    def known(self, text: str) -> Token | None:
        """Return the token that this text is, unless it has expired; takes as long whatever is wrong with it."""
        ...

    def valid(self, token: str) -> Token | None:
        """Return the token of that id, unless it was revoked or has expired."""
        ...

    async def create(self, name: str, role: Role, seconds: float | None, *, by: str = "") -> tuple[Token, Secret]:
        """Make a token that is good for so long. Raises ConflictError."""
        ...

    async def revoke(self, token: str, *, by: str = "") -> Token:
        """Refuse a token from now on; it is meant by its id or its name. Raises NotFoundError."""
        ...


class Past(Protocol):
    """What the ledger remembers; each answer is bounded by the limit of its query. Raises StoreError."""

    async def settle(self) -> bool:
        """Have everything that happened so far written; false where the ledger cannot be written."""
        ...

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first unless the query says otherwise."""
        ...

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        ...

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        ...

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return alerts, newest first."""
        ...
