"""What the public is shown, and told by people.

Imported from here, not from ``salus.model``: an agent without a status page does not load it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSpec:
    """A thing that the public knows, and the checks that speak for it.

    Attributes:
        label: what the public calls it; unique on the page.
        checks: names of checks.
        tags: checks that have one of these tags speak for it too.
        description: one line for the public.
    """

    label: str
    checks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentGroup:
    """Components that stand together.

    Attributes:
        name: what the public calls them; empty for those that stand alone.
        description: one line for the public.
        components: in the order of the config.
    """

    name: str = ""
    description: str = ""
    components: tuple[ComponentSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPageSettings:
    """The public status page.

    Attributes:
        title: the headline.
        description: one line below it.
        link: where people find help; empty: nowhere.
        url: under which address the page is known to the public; empty: links in feeds are relative.
        groups: what is shown, in order.
        show_messages: also show what a check says when it is not well.
        history_days: how many days are drawn, and how far back incidents go.
        incidents: ``auto`` (what Salus saw, and what people announce), ``announced`` or ``none``.
    """

    title: str = "Status"
    description: str = ""
    link: str = ""
    url: str = ""
    groups: tuple[ComponentGroup, ...] = ()
    show_messages: bool = False
    history_days: int = 90
    incidents: str = "auto"

    @property
    def components(self) -> tuple[ComponentSpec, ...]:
        """Return all components, in order."""
        return tuple(one for group in self.groups for one in group.components)


class Impact(StrEnum):
    """How much the public is hit by what is announced."""

    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a person told the public.

    Attributes:
        at: when.
        text: what.
        by: who; the public is not told.
    """

    at: datetime
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Something that people tell the public, from the first word to the last.

    Attributes:
        id: unique.
        title: one line.
        impact: how much the public is hit.
        components: labels of what it is about; none: of the whole.
        since: when it was announced.
        resolved_at: when it was over; None while it lasts.
        notes: what was told since, the oldest first.
        by: who announced it; the public is not told.
    """

    id: str
    title: str
    impact: Impact
    components: tuple[str, ...] = ()
    since: datetime
    resolved_at: datetime | None = None
    notes: tuple[Note, ...] = ()
    by: str = ""
