"""One request to the control socket, and what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from salus.model import Json
from salus.surfaces.access.caller import STRANGER, Caller
from salus.surfaces.bodies import Body, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        name: what it is about; empty where there is only one.
        query: what stands behind the question mark, each name once.
        body: as it came.
        user: who is at the other end; empty where that is not known.
        caller: the same with all that is known, where the API was asked.
    """

    name: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = ""
    caller: Caller = STRANGER

    def by(self, body: Body) -> str:
        """Return who asks: what the kernel knows, else what they say."""
        return self.user or line(body.by)


Handler: TypeAlias = Callable[[Asked], Awaitable[Json]]
