"""What people tell the public, on the status page."""

from __future__ import annotations

from salus.model import Json
from salus.model.statuspage import Announcement, Impact, Note
from salus.ports.statuspage import Announcements
from salus.surfaces import wire
from salus.surfaces.api.queries import page
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import AnnounceBody, AnnouncedBody, line, parse


class AnnouncementRequests:
    """Shows what was announced, and passes on what is to be."""

    def __init__(self, book: Announcements) -> None:
        """Serve the announcements."""
        self._book = book

    async def announcements(self, asked: Asked) -> Json:
        """Tell what was announced, newest first."""
        return page([announcement(one) for one in self._book.announcements()], asked.query, "id")

    async def announce(self, asked: Asked) -> Json:
        """Tell the public something."""
        body = parse(asked.body, AnnounceBody)
        impact = Impact(body.impact)
        made = await self._book.announce(
            line(body.title), impact, body.components, text=line(body.text), by=asked.by(body)
        )
        return announcement(made)

    async def update(self, asked: Asked) -> Json:
        """Tell more of it."""
        body = parse(asked.body, AnnouncedBody)
        return announcement(await self._book.update(asked.name, line(body.text), by=asked.by(body)))

    async def resolve(self, asked: Asked) -> Json:
        """Tell that it is over."""
        body = parse(asked.body, AnnouncedBody)
        return announcement(await self._book.resolve(asked.name, line(body.text), by=asked.by(body)))


def announcement(one: Announcement) -> dict[str, Json]:
    """Write an announcement as those who may ask see it."""
    return {
        "id": one.id,
        "title": one.title,
        "impact": one.impact,
        "components": list(one.components),
        "since": wire.instant(one.since),
        "resolved_at": wire.instant(one.resolved_at),
        "notes": [_note(note) for note in one.notes],
        "by": one.by,
    }


def _note(note: Note) -> dict[str, Json]:
    return {"at": wire.instant(note.at), "text": note.text, "by": note.by}
