"""Signals by name."""

from __future__ import annotations

import signal


def number_of(name: str) -> int | None:
    """Return the number of ``TERM``, ``SIGTERM`` or ``15``; None when there is no such signal."""
    text = name.strip().upper()
    if text.isdecimal():
        number = int(text)
        return number if number in signal.valid_signals() else None
    found = getattr(signal, text if text.startswith("SIG") else f"SIG{text}", None)
    return int(found) if isinstance(found, signal.Signals) else None


def name_of(number: int) -> str:
    """Return ``SIGTERM`` for 15."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
