"""One bus: every event gets its number here and goes to everybody who listens, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from salus.model import NOTHING, Event, EventKind, Json
from salus.ports import Clock, Subscriber

_log = logging.getLogger("salus.bus")


class Bus:
    """Numbers events and hands them on, synchronously; a subscriber that fails is reported and kept out of the way."""

    def __init__(self, clock: Clock) -> None:
        """Number from the wall clock, strictly upwards."""
        self._clock = clock
        self._last = 0
        self._subscribers: list[Subscriber] = []
        self._later: list[_Later] = []

    def resume_after(self, last: int) -> None:
        """Never give out a number up to ``last`` again, even if the wall clock went back."""
        self._last = max(self._last, last)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with every event from now on; returns how to end that."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe

    def subscribe_later(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with every event a moment later, when healing is not waiting: for logs."""
        later = _Later(subscriber)
        self._later.append(later)
        return self.subscribe(later)

    def flush(self) -> None:
        """Hand on what still waits for its moment: before the end."""
        for later in self._later:
            later.hand_on()

    def tell(  # noqa: PLR0913 - an event's optional subjects, each named at the call
        self,
        kind: EventKind,
        *,
        message: str = "",
        check: str | None = None,
        rule: str | None = None,
        service: str | None = None,
        recovery: str | None = None,
        action: str | None = None,
        old: str | None = None,
        new: str | None = None,
        reason: str | None = None,
        data: Mapping[str, Json] = NOTHING,
    ) -> None:
        """Make an event of it and hand it on; never blocks and never raises."""
        at = self._clock.now()
        self._last = max(self._last + 1, int(at.timestamp() * 1_000_000))
        event = Event(
            id=self._last,
            at=at,
            kind=kind,
            message=message,
            check=check,
            rule=rule,
            service=service,
            recovery=recovery,
            action=action,
            old=old,
            new=new,
            reason=reason,
            data=data,
        )
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - one broken listener must not silence the others
                _log.exception("a listener failed on %s", event.kind)


class _Later:
    """Hands events on after ``AFTER`` seconds, in order; at once where no loop runs."""

    AFTER = 0.02

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._waiting: list[Event] = []

    def __call__(self, event: Event) -> None:
        self._waiting.append(event)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_later(self.AFTER, self.hand_on)
            except RuntimeError:
                self.hand_on()

    def hand_on(self) -> None:
        """Hand on what waits."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._subscriber(event)
