"""A value that must appear in no log, metric label, API answer or error."""

from __future__ import annotations

import hmac


class Secret:
    """Text that prints as ``***``; only ``reveal()`` gives it away, so every use can be found by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself. Hand it to the one call that needs it and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text."""
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        """Hash by the text."""
        return hash(self._text)

    def __bool__(self) -> bool:
        """Tell whether there is any text."""
        return bool(self._text)
