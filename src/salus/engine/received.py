"""Where alerts of others arrive: the last word on each, bounded, and what fires survives a restart of Salus.

The life of an alert here:

1. It fires until its end passes; whoever sends it repeats it before that, with a later end.
2. It has ended when its sender says so.
3. An end that passes in silence is no recovery: the alert has *lapsed*. It is gone when its sender goes on talking and
   does not mention it any more, or after ``KEEP``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.memos import memo, recall
from salus.matchers import matches
from salus.model import Json, Labels, Matchers, Memo
from salus.ports import ReceivedAlert

MOST = 5_000
KEEP = timedelta(hours=1)
SETTLED = timedelta(minutes=5)
"""A sender that talks so long after an alert lapsed, and does not mention it, has forgotten it."""
REMEMBERED_FOR = timedelta(hours=1)
"""What is remembered of an alert that goes on firing is renewed when it holds for so much longer."""


def fingerprint(labels: Labels) -> str:
    """Return the identity of an alert: 16 hexadecimal digits over all its labels, whatever their order.

    That of Salus' own alerts leaves some out; what labels of others mean, only they know.
    """
    digest = hashlib.blake2b(digest_size=8)
    for pair in sorted(labels.items()):
        for text in pair:
            written = text.encode("utf-8", "surrogatepass")
            digest.update(len(written).to_bytes(4, "big") + written)
    return digest.hexdigest()


class ReceivedBox:
    """Implements ``ports.Received``. A sender that begins to fire, ends or lapses names the checks to look at."""

    def __init__(self, keep: Callable[[Memo], None] = lambda _: None, *, most: int = MOST) -> None:
        """Begin empty.

        Args:
            keep: takes what must survive a death of Salus.
            most: alerts that are kept.
        """
        self._keep = keep
        self._most = most
        self._alerts: dict[str, ReceivedAlert] = {}
        self._heard: dict[str, datetime] = {}
        self._until: dict[str, datetime] = {}  # the end of each alert as it is remembered
        self._listeners: dict[Matchers, tuple[str, ...]] = {}
        self._found: dict[Matchers, dict[str, None]] = {}

    def __len__(self) -> int:
        """Return how many alerts are kept."""
        return len(self._alerts)

    def load(self, memos: Mapping[str, Mapping[str, Json]], now: datetime) -> None:
        """Take up what fired when an earlier Salus ended. What should have been repeated since has lapsed by now.

        Raises:
            StoreUnreadableError: it cannot be understood.
        """
        for found in recall(memos, "received", ReceivedAlert).values():
            key = fingerprint(found.labels)
            self._until[key] = found.ends_at
            self._put(key, replace(found, ends_at=max(found.ends_at, now)))

    def listen(self, listeners: Mapping[str, Iterable[Matchers]]) -> None:
        """Set which checks listen to which alerts; matching is then done once, when an alert arrives."""
        by_match: dict[Matchers, tuple[str, ...]] = {}
        for check, several in listeners.items():
            for match in several:
                by_match[match] = (*by_match.get(match, ()), check)
        self._listeners = by_match
        self._found = {
            match: {key: None for key, alert in self._alerts.items() if matches(match, alert.labels)}
            for match in by_match
        }

    def matching(self, matchers: Matchers, now: datetime) -> Sequence[ReceivedAlert]:
        """Return the alerts that match, also ended ones as long as they are remembered; the newest start first."""
        if (keys := self._found.get(matchers)) is not None:
            found = [self._alerts[key] for key in keys]
        else:
            found = [alert for alert in self._alerts.values() if matches(matchers, alert.labels)]
        known = [alert for alert in found if not self._gone(alert, now)]
        return sorted(known, key=lambda alert: alert.starts_at, reverse=True)

    def heard(self) -> datetime | None:
        """Return when anything was heard last, or None."""
        return max(self._heard.values(), default=None)

    def take(self, alerts: Sequence[ReceivedAlert], source: str, now: datetime) -> tuple[str, ...] | None:
        """Take what a sender says, all of it or nothing.

        Returns:
            The checks that what changed concerns; None where there is no room, and nothing was taken.
        """
        told = {fingerprint(alert.labels): alert for alert in alerts}
        # That something is over which nobody knew of says nothing.
        told = {key: alert for key, alert in told.items() if key in self._alerts or not alert.resolved}
        self._forget([key for key, alert in self._alerts.items() if key not in told and self._gone(alert, now)])
        if not self._make_room(told, now):
            return None
        self._heard[source] = now
        changed = [key for key, alert in told.items() if self._update(key, alert, now)]
        return tuple(dict.fromkeys(name for key in changed for name in self._concerned(key)))

    def _update(self, key: str, alert: ReceivedAlert, now: datetime) -> bool:
        """Take one alert; returns whether it began to fire, ended, or lapsed and was heard again."""
        before = self._alerts.get(key)
        if before is not None and alert.starts_at > before.starts_at and before.fires(now) and alert.fires(now):
            alert = replace(alert, starts_at=before.starts_at)  # a sender that was restarted counts from there
        self._put(key, alert)
        firing = alert.fires(now)
        until = self._until.get(key)
        if firing and (until is None or alert.ends_at - until >= REMEMBERED_FOR):
            self._until[key] = alert.ends_at
            self._keep(memo(f"received:{key}", alert))
        elif not firing and until is not None:
            del self._until[key]
            self._keep(memo(f"received:{key}", None))
        return before is None or (before.fires(now), before.resolved) != (firing, alert.resolved)

    def _put(self, key: str, alert: ReceivedAlert) -> None:
        if key not in self._alerts:
            for match, keys in self._found.items():
                if matches(match, alert.labels):
                    keys[key] = None
        self._alerts[key] = alert

    def _concerned(self, key: str) -> Iterable[str]:
        for match, keys in self._found.items():
            if key in keys:
                yield from self._listeners[match]

    def _make_room(self, told: Mapping[str, ReceivedAlert], now: datetime) -> bool:
        """Forget the oldest that do not fire, as far as needed; False where that is not enough."""
        over = len(self._alerts.keys() | told.keys()) - self._most
        if over <= 0:
            return True
        ended = [key for key, alert in self._alerts.items() if key not in told and not alert.fires(now)]
        if len(ended) < over:
            return False
        ended.sort(key=lambda key: (not self._alerts[key].resolved, self._alerts[key].ends_at))
        self._forget(ended[:over])
        return True

    def _forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            del self._alerts[key]
            for found in self._found.values():
                found.pop(key, None)
            if self._until.pop(key, None):
                self._keep(memo(f"received:{key}", None))

    def _gone(self, alert: ReceivedAlert, now: datetime) -> bool:
        """Tell whether an alert that does not fire is not worth a word any more."""
        if alert.fires(now):
            return False
        heard = self._heard.get(alert.source)
        forgotten = alert.lapsed(now) and heard is not None and heard >= alert.ends_at + SETTLED
        return forgotten or now >= alert.ends_at + KEEP
