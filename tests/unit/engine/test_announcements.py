"""What people tell the public is remembered, bounded, and audited."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest

from salus.engine.announcements import MOST, MOST_NOTES, AnnouncementBook
from salus.errors import ConflictError, NotFoundError, StoreUnreadableError
from salus.model import EventKind
from salus.model.statuspage import Impact
from tests.fake_access import Door


class Book:
    def __init__(self, memos: dict[str, object] | None = None, labels: list[str] | None = None) -> None:
        self.door = Door()
        self.labels = labels
        self.book = AnnouncementBook(
            self.door.clock, self.door.told, self.door.keep, self.door.commit, lambda: self.labels
        )
        self.book.load(memos or {})  # type: ignore[arg-type]

    def memos(self) -> dict[str, object]:
        kept = {key: row.value for key, row in self.door.rows.items() if row.value is not None}
        found: dict[str, object] = json.loads(msgspec.json.encode(kept))
        return found


async def test_what_was_announced_is_known_after_a_restart_with_all_that_was_told_of_it() -> None:
    first = Book(labels=["Website", "Shop"])
    made = await first.book.announce("We move", Impact.MAINTENANCE, ["Shop", "Shop"], text="Tonight", by="olaf")
    first.door.clock.at += timedelta(minutes=5)
    await first.book.update(made.id[:4], "Half of it is done", by="eva")
    again = Book(first.memos(), labels=["Website", "Shop"])
    (found,) = again.book.announcements()
    assert (found.title, found.impact, found.components) == ("We move", Impact.MAINTENANCE, ("Shop",))
    assert [(note.text, note.by) for note in found.notes] == [("Tonight", "olaf"), ("Half of it is done", "eva")]
    over = await again.book.resolve(made.id, "We are there")
    assert over.resolved_at is not None
    assert Book(again.memos()).book.announcements() == [over]


async def test_every_change_is_an_event_that_says_who() -> None:
    book = Book(labels=[])
    made = await book.book.announce("Slow", Impact.MINOR, by="olaf")
    await book.book.update(made.id, "We know why", by="eva")
    await book.book.resolve(made.id)
    assert [(event.kind, event.message) for event in book.door.told.events] == [
        (EventKind.ANNOUNCED, "minor: Slow (by olaf)"),
        (EventKind.ANNOUNCEMENT_UPDATED, "Slow: We know why (by eva)"),
        (EventKind.ANNOUNCEMENT_RESOLVED, "Slow"),
    ]


async def test_what_is_not_meant_well_is_refused_with_a_remedy() -> None:
    book = Book(labels=["Website"])
    with pytest.raises(NotFoundError) as wrong:
        await book.book.announce("Slow", Impact.MINOR, ["Webseite"])
    assert wrong.value.remedy == "did you mean 'Website'?"
    with pytest.raises(ConflictError, match="needs words"):
        await book.book.announce("", Impact.MINOR)
    with pytest.raises(NotFoundError):
        await book.book.update("", "more")
    made = await book.book.announce("Slow", Impact.MINOR)
    with pytest.raises(ConflictError, match="nothing to tell"):
        await book.book.update(made.id, "")
    await book.book.resolve(made.id)
    with pytest.raises(ConflictError, match="over already"):
        await book.book.resolve(made.id)
    book.labels = None
    with pytest.raises(ConflictError, match="no status page"):
        await book.book.announce("Slow", Impact.MINOR)


async def test_the_one_that_has_been_over_for_longest_makes_room_and_open_ones_are_never_forgotten() -> None:
    book = Book(labels=[])
    made = []
    for number in range(MOST):
        book.door.clock.at += timedelta(seconds=1)
        made.append(await book.book.announce(f"{number}", Impact.MINOR))
    with pytest.raises(ConflictError, match="are open"):
        await book.book.announce("one more", Impact.MINOR)
    await book.book.resolve(made[7].id)
    book.door.clock.at += timedelta(seconds=1)
    await book.book.announce("one more", Impact.MINOR)
    titles = [one.title for one in book.book.announcements()]
    assert len(titles) == MOST
    assert (titles[0], "7" in titles) == ("one more", False)
    assert len(book.memos()) == MOST


async def test_so_much_can_be_told_of_one_and_no_more() -> None:
    book = Book(labels=[])
    made = await book.book.announce("Slow", Impact.MINOR)
    for number in range(MOST_NOTES):
        await book.book.update(made.id, f"{number}")
    with pytest.raises(ConflictError, match="already"):
        await book.book.update(made.id, "more")


def test_rows_that_are_not_understood_are_said_so() -> None:
    with pytest.raises(StoreUnreadableError):
        Book({"announcement:x": {"title": 5}})
