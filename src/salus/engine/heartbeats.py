"""Where jobs report in: the last report per slug, bounded by the slugs that some check listens to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from salus.ports import Heartbeat


class HeartbeatBox:
    """Keeps the last report under each slug that somebody listens to."""

    def __init__(self) -> None:
        """Begin with no listeners."""
        self._listeners: dict[str, tuple[str, ...]] = {}
        self._last: dict[str, Heartbeat] = {}

    def listen(self, listeners: Mapping[str, tuple[str, ...]]) -> None:
        """Set which checks listen to which slug; reports under other slugs are dropped."""
        self._listeners = dict(listeners)
        self._last = {slug: beat for slug, beat in self._last.items() if slug in self._listeners}

    def last(self, slug: str) -> Heartbeat | None:
        """Return the last report under that slug, or None."""
        return self._last.get(slug)

    def take(self, beat: Heartbeat) -> tuple[str, ...]:
        """Keep a report; return the names of the checks that listen (none: it is dropped)."""
        listeners = self._listeners.get(beat.slug, ())
        if listeners:
            before = self._last.get(beat.slug)
            if beat.signal == "start":
                beat = replace(beat, started_at=beat.at)
            elif before is not None and before.signal == "start":
                beat = replace(beat, started_at=before.started_at)
            self._last[beat.slug] = beat
        return listeners
