"""What people tell the public: announced, told more of, over; it survives a restart. Loaded when somebody asks."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.errors import ConflictError, NotFoundError
from salus.model import EventKind, Json
from salus.model.statuspage import Announcement, Impact, Note
from salus.ports import Clock, Tell

ROOM = "announcement"
MOST = 100
MOST_NOTES = 50


class AnnouncementBook:
    """Implements ``ports.statuspage.Announcements``."""

    def __init__(
        self,
        clock: Clock,
        tell: Tell,
        keep: Keep,
        commit: Callable[[], Awaitable[object]],
        labels: Callable[[], Collection[str] | None],
    ) -> None:
        """Say what happens through ``tell``, remember it through ``keep``, at once through ``commit``.

        Args:
            clock: time.
            tell: writes an event.
            keep: writes a memo.
            commit: has it written.
            labels: of the components that the page shows at this moment; None where there is no page.
        """
        self._clock = clock
        self._tell = tell
        self._keep = keep
        self._commit = commit
        self._labels = labels
        self._found: dict[str, Announcement] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what was announced to an earlier Salus.

        Raises:
            StoreUnreadableError: a row cannot be understood; then nothing is taken up.
        """
        self._found = recall(memos, ROOM, Announcement)

    def announcements(self) -> Sequence[Announcement]:
        """Return all that are remembered, newest first."""
        return sorted(self._found.values(), key=lambda one: (one.since, one.id), reverse=True)

    async def announce(
        self, title: str, impact: Impact, components: Sequence[str] = (), *, text: str = "", by: str = ""
    ) -> Announcement:
        """Tell the public something.

        Raises:
            NotFoundError: the page has no such component.
            ConflictError: there is no page, nothing is said, or too much is open.
        """
        self._judge(components)
        if not title:
            raise ConflictError("an announcement needs words", remedy="say in one line what is the matter")
        self._make_room()
        now = self._clock.now()
        notes = (Note(at=now, text=text, by=by),) if text else ()
        one = Announcement(
            id=secrets.token_hex(6),
            title=title,
            impact=impact,
            components=tuple(dict.fromkeys(components)),
            since=now,
            notes=notes,
            by=by,
        )
        await self._put(one, EventKind.ANNOUNCED, f"{impact}: {title}", by)
        return one

    async def update(self, announcement: str, text: str, *, by: str = "") -> Announcement:
        """Tell more of it.

        Raises:
            NotFoundError: there is none, or more than one.
            ConflictError: it is over, nothing is said, or too much was.
        """
        one = self._open(announcement)
        if not text:
            raise ConflictError("there is nothing to tell", remedy="say in one line what is new")
        if len(one.notes) >= MOST_NOTES:
            raise ConflictError(f"{MOST_NOTES} things were told of it already", remedy="resolve it, and announce anew")
        told = replace(one, notes=(*one.notes, Note(at=self._clock.now(), text=text, by=by)))
        await self._put(told, EventKind.ANNOUNCEMENT_UPDATED, f"{one.title}: {text}", by)
        return told

    async def resolve(self, announcement: str, text: str = "", *, by: str = "") -> Announcement:
        """Tell that it is over.

        Raises:
            NotFoundError: there is none, or more than one.
            ConflictError: it is over already.
        """
        one = self._open(announcement)
        now = self._clock.now()
        notes = (*one.notes, Note(at=now, text=text, by=by)) if text else one.notes
        over = replace(one, notes=notes, resolved_at=now)
        await self._put(over, EventKind.ANNOUNCEMENT_RESOLVED, f"{one.title}{f': {text}' if text else ''}", by)
        return over

    def _judge(self, components: Sequence[str]) -> None:
        labels = self._labels()
        if labels is None:
            raise ConflictError("there is no status page", remedy="add the section status_page: to the config")
        for label in components:
            if label not in labels:
                close = get_close_matches(label, labels, n=1)
                remedy = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(labels) or 'none'}"
                raise NotFoundError(f"the status page has no component {label[:100]!r}", remedy=remedy)

    def _make_room(self) -> None:
        """Forget the one that has been over for longest, where there are too many."""
        if len(self._found) < MOST:
            return
        over = [(one.resolved_at, one.id) for one in self._found.values() if one.resolved_at is not None]
        if not over:
            message = f"{MOST} announcements are open"
            raise ConflictError(message, remedy="resolve some: `salus announce` lists them")
        oldest = min(over)[1]
        del self._found[oldest]
        self._keep(memo(f"{ROOM}:{oldest}", None))

    def _open(self, name: str) -> Announcement:
        found = [one for one in self._found.values() if name and one.id.startswith(name)]
        if len(found) != 1:
            what = f"there is no announcement {name[:100]!r}" if not found else f"{name!r} begins {len(found)} of them"
            raise NotFoundError(what, remedy="`salus announce` lists them")
        if found[0].resolved_at is not None:
            raise ConflictError(f"announcement {found[0].id} is over already", remedy="announce something new")
        return found[0]

    async def _put(self, one: Announcement, kind: EventKind, message: str, by: str) -> None:
        self._found[one.id] = one
        self._keep(memo(f"{ROOM}:{one.id}", one))
        self._tell(kind, reason=one.id, message=f"{message}{f' (by {by})' if by else ''}")
        await self._commit()
