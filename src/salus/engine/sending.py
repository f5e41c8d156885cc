"""What the alerter needs of the courier and of the recorder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from salus.model import Alert, Delivery, Memo


class Sending(Protocol):
    """What the alerter needs of the courier."""

    def take(self, delivery: Delivery) -> None:
        """Take a delivery that is on its way into the ledger."""
        ...

    def waits(self, channel: str, key: str) -> bool:
        """Tell whether something of that channel and key is not delivered yet."""
        ...

    def failing(self) -> Mapping[str, str]:
        """Return the channels that nothing gets through, and why."""
        ...


class Keeping(Protocol):
    """What the alerter needs of the recorder."""

    @property
    def failure(self) -> str:
        """Return why the ledger cannot be written, or an empty string."""
        ...

    def memo(self, memo: Memo) -> None:
        """Take what must survive a death of Salus."""
        ...

    def alert(self, alert: Alert) -> None:
        """Take an alert into the next batch of rows."""
        ...

    def delivery(self, delivery: Delivery) -> None:
        """Take a delivery into the next batch of rows."""
        ...
