"""The nouns of the page. Nothing in here knows a check: what the public must not see never gets this far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from salus.model.history import Day


class Condition(StrEnum):
    """How a component is, as Statuspage calls it; ``no_data`` is ours. From the best to the worst."""

    OPERATIONAL = "operational"
    MAINTENANCE = "under_maintenance"
    NO_DATA = "no_data"
    DEGRADED = "degraded_performance"
    PARTIAL = "partial_outage"
    MAJOR = "major_outage"

    @property
    def rank(self) -> int:
        """Return how bad it is."""
        return _RANK[self]


_RANK = {condition: rank for rank, condition in enumerate(Condition)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A thing that the public knows.

    Attributes:
        id: stays the same while the label does.
        label: what the public calls it.
        description: one line.
        condition: how it is.
        message: what its check says, where that may be shown.
        since: from when it has been so; None where that is not known.
        first: the first day that is known of it.
        days: those that something is known of, the oldest first; None where they could not be read.
    """

    id: str
    label: str
    description: str = ""
    condition: Condition = Condition.NO_DATA
    message: str = ""
    since: datetime | None = None
    first: date | None = None
    days: tuple[Day, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Components that stand together; those that stand alone have a group without a name."""

    id: str
    name: str = ""
    description: str = ""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One thing that was told of an incident.

    Attributes:
        at: when.
        text: in words.
        stage: ``investigating``, ``identified``, ``monitoring`` or ``resolved``, as Statuspage calls it.
        well: it says that something works again.
    """

    at: datetime
    text: str
    stage: str = "investigating"
    well: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An incident, as the public is told of it.

    Attributes:
        id: unique on the page.
        title: one line.
        impact: ``maintenance``, ``minor``, ``major`` or ``critical``.
        components: labels of what it is about; none: of the whole.
        started_at: when it began.
        ended_at: when it was over; None while it lasts.
        updates: the oldest first; at least one.
        announced: a person told of it.
    """

    id: str
    title: str
    impact: str
    components: tuple[str, ...] = ()
    started_at: datetime
    ended_at: datetime | None = None
    updates: tuple[Update, ...] = ()
    announced: bool = False

    @property
    def updated_at(self) -> datetime:
        """Return when something was told of it last."""
        return max([self.started_at, *(update.at for update in self.updates)])

    @property
    def stage(self) -> str:
        """Return where it stands."""
        if self.ended_at is not None:
            return "resolved"
        return self.updates[-1].stage if self.updates else "investigating"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Scheduled maintenance of what the public knows.

    Attributes:
        id: unique on the page.
        components: labels.
        since, until: when.
        open: it is now.
        text: why, where that may be shown.
    """

    id: str
    components: tuple[str, ...]
    since: datetime
    until: datetime
    open: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """The whole: Statuspage's indicator (``none``, ``minor``, ``major`` or ``critical``), and a headline."""

    indicator: str
    headline: str
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the page shows at one moment.

    Attributes:
        id: stays the same while the title does.
        title, description, link, url: as configured.
        at: the moment.
        groups: what is shown.
        troubles: incidents and what was announced, newest first.
        windows: scheduled maintenance that is open or to come, the first to begin first.
        history_days: how far back it goes.
        tells: incidents are told at all.
        gaps: what could not be read just now, one sentence each.
    """

    id: str
    title: str
    description: str = ""
    link: str = ""
    url: str = ""
    at: datetime
    groups: tuple[Group, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    windows: tuple[Window, ...] = ()
    history_days: int = 90
    tells: bool = True
    gaps: tuple[str, ...] = field(default=())

    @property
    def components(self) -> Sequence[Component]:
        """Return all components, in order."""
        return [one for group in self.groups for one in group.components]

    @property
    def open(self) -> Sequence[Trouble]:
        """Return what lasts, newest first."""
        return [one for one in self.troubles if one.ended_at is None]

    @property
    def overall(self) -> Overall:
        """Return the whole in one headline."""
        whole = [ANNOUNCED[one.impact] for one in self.open if one.announced and not one.components]
        return overall([one.condition for one in self.components], whole)


ANNOUNCED = {
    "maintenance": Condition.MAINTENANCE,
    "minor": Condition.DEGRADED,
    "major": Condition.PARTIAL,
    "critical": Condition.MAJOR,
}


def overall(components: Sequence[Condition], whole: Sequence[Condition] = ()) -> Overall:
    """Return how the whole is. What cannot be told is never told as well.

    Args:
        components: how each of them is.
        whole: what people say of the whole.
    """
    found = {*components, *whole}
    known = [one for one in components if one is not Condition.NO_DATA]
    everything_down = bool(known) and all(one is Condition.MAJOR for one in known)
    if everything_down or Condition.MAJOR in whole:
        return Overall(indicator="critical", headline="Major outage", condition=Condition.MAJOR)
    if found & {Condition.MAJOR, Condition.PARTIAL}:
        return Overall(indicator="major", headline="Partial outage", condition=Condition.PARTIAL)
    if Condition.DEGRADED in found:
        return Overall(indicator="minor", headline="Degraded performance", condition=Condition.DEGRADED)
    if not known and Condition.MAINTENANCE not in found:
        return Overall(indicator="minor", headline="No data", condition=Condition.NO_DATA)
    if Condition.NO_DATA in found:
        return Overall(indicator="minor", headline="No data from some systems", condition=Condition.NO_DATA)
    if Condition.MAINTENANCE in found:
        return Overall(indicator="minor", headline="Under maintenance", condition=Condition.MAINTENANCE)
    return Overall(indicator="none", headline="All systems operational", condition=Condition.OPERATIONAL)
