"""Open the ledger, or go on without it in the way that is safe.

readable and writable      budgets come from it, healing is on
cannot be written          budgets in memory, healing goes on, Salus is degraded
cannot be read             healing is off until a person looks: an unreadable budget is a spent budget
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from salus.config import AgentSettings
from salus.errors import StoreError, StoreUnreadableError, StoreUnwritableError
from salus.ports import Snapshot

if TYPE_CHECKING:  # shapes of a past that only who is asked for it loads
    from salus.ports.history import HistoryLedger

_log = logging.getLogger("salus.ledger")

FILE = "ledger.sqlite"


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open store, what it remembers, and what is wrong with it.

    Attributes:
        healing_off: why automatic recovery must stay off, or an empty string.
        trouble: why Salus is degraded, or an empty string.
    """

    store: HistoryLedger
    snapshot: Snapshot
    healing_off: str = ""
    trouble: str = ""


def ledger_path(settings: AgentSettings) -> Path:
    """Return where the ledger lies."""
    return settings.state_dir / FILE


async def open_ledger(settings: AgentSettings, now: datetime) -> Ledger:
    """Open what the config names; never raises for a ledger that is broken."""
    store = _make(settings)
    try:
        await store.open()
        return Ledger(store, await store.load(now))
    except StoreUnreadableError as error:
        await store.close()
        why = f"the ledger cannot be read: {error}"
        remedy = error.remedy or "look at it with `salus ledger check`; `salus ledger reset` sets it aside"
        _log.critical("%s; automatic recovery is off (%s)", why, remedy)
        return Ledger(await _memory(), Snapshot(), healing_off=f"{why} ({remedy})", trouble=why)
    except StoreUnwritableError as error:
        _log.error("the ledger cannot be written: %s; what is spent from now on is kept in memory only", error)
        return await _read_only(store, now)


def _make(settings: AgentSettings) -> HistoryLedger:
    if settings.store == "memory":
        return _in_memory()
    from salus.store.sqlite import SqliteStore

    return SqliteStore(ledger_path(settings))


async def _read_only(store: HistoryLedger, now: datetime) -> Ledger:
    """Take the budgets from a ledger that can be read and not written; every later write tries again."""
    try:
        return Ledger(store, await store.load(now))
    except StoreError:
        await store.close()
        return Ledger(await _memory(), Snapshot(), trouble="the ledger can be neither created nor written")


async def _memory() -> HistoryLedger:
    store = _in_memory()
    await store.open()
    return store


def _in_memory() -> HistoryLedger:
    from salus.store.memory import MemoryStore

    return MemoryStore()
