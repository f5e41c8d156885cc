"""What the public was told: taken up when somebody first asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from salus.config import Settings
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.errors import StoreUnreadableError
from salus.model import Json
from salus.surfaces.door import once

if TYPE_CHECKING:
    from salus.engine.announcements import AnnouncementBook

_log = logging.getLogger("salus.agent")


def announcing(
    engine: Engine, recorder: Recorder, memos: Mapping[str, Mapping[str, Json]], settings: Callable[[], Settings]
) -> Callable[[], AnnouncementBook]:
    """Return what loads the announcements of an earlier Salus, once.

    Args:
        engine: tells of them.
        recorder: keeps them.
        memos: all that the ledger remembers; only what is about announcements is held until then.
        settings: returns the config in force.
    """
    told = {key: memo for key, memo in memos.items() if key.startswith("announcement:")}

    def labels() -> Sequence[str] | None:
        page = settings().status_page
        return None if page is None else [one.label for one in page.components]

    @once
    def book() -> AnnouncementBook:
        from salus.engine.announcements import AnnouncementBook

        found = AnnouncementBook(engine.site.clock, engine.bus.tell, recorder.memo, recorder.commit, labels)
        try:
            found.load(told)
        except StoreUnreadableError as error:
            _log.error("%s; the status page does not show it", error)
        return found

    return book
