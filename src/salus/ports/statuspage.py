"""What people tell the public. Imported from here, as its nouns are: only who is asked loads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from salus.model.statuspage import Announcement, Impact


class Announcements(Protocol):
    """What was announced on the status page. Every change is audited by the event it writes."""

    def announcements(self) -> Sequence[Announcement]:
        """Return all that are remembered, newest first."""
        ...

    async def announce(
        self, title: str, impact: Impact, components: Sequence[str] = (), *, text: str = "", by: str = ""
    ) -> Announcement:
        """Tell the public something.

        Raises NotFoundError (there is no such component), ConflictError (there is no page, or too much is open).
        """
        ...

    async def update(self, announcement: str, text: str, *, by: str = "") -> Announcement:
        """Tell more of it, by its id or the beginning of it. Raises NotFoundError, ConflictError (it is over)."""
        ...

    async def resolve(self, announcement: str, text: str = "", *, by: str = "") -> Announcement:
        """Tell that it is over. Raises as ``update``."""
        ...
