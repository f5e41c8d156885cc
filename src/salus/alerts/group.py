"""Stage: group. What there is to tell, gathered by channel and key, and when each group is told.

1. The first notification of a group waits ``group_wait`` for others that belong to it, and so do resolutions.
2. While something of a group is told as open, further alerts of it are told ``group_interval`` after the last
   notification at the earliest. Escalations, acknowledgements and reminders do not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from salus.alerts.dedup import News, waits_for_group
from salus.alerts.route import Path
from salus.model import Occasion

Group: TypeAlias = tuple[str, str]
"""A channel's name, and the key under which it hears of these alerts."""

MACHINE_PAUSE = timedelta(seconds=1)
_SLACK = 100


@dataclass(frozen=True, slots=True)
class Need:
    """What an alert still needs: to be told, why, and not before ``at``."""

    occasion: Occasion
    at: datetime
    path: Path | None

    @classmethod
    def of(cls, news: News, path: Path | None, *, machine: bool) -> Need:
        """Make one of the news; a machine groups by itself and is told at once."""
        waits = waits_for_group(news.occasion) or news.occasion is Occasion.RESOLVED
        wait = path.route.group_wait if path is not None and waits and not machine else 0.0
        return cls(news.occasion, news.at + timedelta(seconds=wait), path)


class Groups:
    """All that is to be told, by group, and what each group was told last."""

    def __init__(self, machines: frozenset[str] = frozenset()) -> None:
        """Begin with nothing; ``machines`` are channels that group by themselves."""
        self._machines = machines
        self._needs: dict[Group, dict[str, Need]] = {}
        self._of: dict[str, set[Group]] = {}
        self._open: dict[Group, set[str]] = {}
        self._last: dict[Group, datetime] = {}
        self._armed: dict[Group, datetime] = {}
        self._heap: list[tuple[datetime, Group]] = []

    def want(self, fingerprint: str, group: Group, need: Need) -> None:
        """Take what an alert needs from a group."""
        self._needs.setdefault(group, {})[fingerprint] = need
        self._of.setdefault(fingerprint, set()).add(group)
        self._arm(group, self._ready(group, need))

    def drop(self, fingerprint: str) -> None:
        """Forget what an alert needs."""
        for group in self._of.pop(fingerprint, ()):
            self._forget(fingerprint, group)

    def _forget(self, fingerprint: str, group: Group) -> None:
        needs = self._needs[group]
        del needs[fingerprint]
        if not needs:
            del self._needs[group]
            self._armed.pop(group, None)

    def heard(self, fingerprint: str, channel: str) -> None:
        """Forget what a channel needed to hear of an alert: it is told."""
        for group in [one for one in self._of.get(fingerprint, ()) if one[0] == channel]:
            self._of[fingerprint].discard(group)
            self._forget(fingerprint, group)
        if not self._of.get(fingerprint, True):
            del self._of[fingerprint]

    def needs(self, group: Group) -> dict[str, Need]:
        """Return what is to be told to a group, by fingerprint."""
        return self._needs.get(group, {})

    def wanting(self, fingerprint: str) -> bool:
        """Tell whether an alert needs anything."""
        return fingerprint in self._of

    def known(self, group: Group) -> set[str]:
        """Return the alerts that are told as open under this key."""
        return self._open.get(group, set())

    def knows(self, group: Group, fingerprint: str, at: datetime, *, open_now: bool) -> None:
        """Hear that a group was told of an alert."""
        members = self._open.setdefault(group, set())
        if open_now:
            members.add(fingerprint)
        else:
            members.discard(fingerprint)
        if members:
            self._last[group] = max(at, self._last.get(group, at))
        else:
            del self._open[group]
            self._last.pop(group, None)

    def machine_told(self, group: Group, at: datetime) -> None:
        """Hear when a machine was told, whatever of."""
        self._last[group] = at

    def pop_ready(self, now: datetime) -> list[Group]:
        """Take out the groups that are to be told now; what is not done for them must be put back by ``rearm``."""
        ready: list[Group] = []
        while self._heap and self._heap[0][0] <= now:
            at, group = heappop(self._heap)
            if self._armed.get(group) != at:
                continue  # it was put off, brought forward, or is gone
            del self._armed[group]
            due = self.ready_at(group)
            if due is not None and due <= now:
                ready.append(group)
            elif due is not None:
                self._arm(group, due)
        return ready

    def ready_at(self, group: Group) -> datetime | None:
        """Return when a group is told next, or None."""
        needs, last = self.needs(group), self._last.get(group)
        if not needs:
            return None
        if last is None or group[0] in self._machines:  # nothing but the earliest matters: there may be very many
            first = min(need.at for need in needs.values())
            return first if last is None else max(first, last + MACHINE_PAUSE)
        return min(self._ready(group, need) for need in needs.values())

    def rearm(self, group: Group, at: datetime | None = None) -> None:
        """Come back to a group when it has something to tell again, or, where that is put off, at ``at``."""
        self._armed.pop(group, None)
        due = at or self.ready_at(group)
        if group in self._needs and due is not None:
            self._arm(group, due)

    def next_due(self) -> datetime | None:
        """Return when to come again; never later than needed."""
        while self._heap and self._armed.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _arm(self, group: Group, at: datetime) -> None:
        armed = self._armed.get(group)
        if armed is None or at < armed:
            self._armed[group] = at
            heappush(self._heap, (at, group))
            if len(self._heap) > 2 * len(self._armed) + _SLACK:
                self._heap = [(due, armed_group) for armed_group, due in self._armed.items()]
                heapify(self._heap)

    def _ready(self, group: Group, need: Need) -> datetime:
        last = self._last.get(group)
        if last is None:
            return need.at
        if group[0] in self._machines:
            return max(need.at, last + MACHINE_PAUSE)
        if need.path is not None and waits_for_group(need.occasion):
            return max(need.at, last + timedelta(seconds=need.path.route.group_interval))
        return need.at
