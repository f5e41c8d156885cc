"""The ``alert`` check: an alert of somebody else, such as a Prometheus, is the alarm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from salus.checks._bounds import bounded_line
from salus.errors import MatcherError
from salus.matchers import in_words, matches, parse_matchers
from salus.model import Json, Matchers, Metric, Observation, Status
from salus.options import CheckOptions
from salus.ports import Look, ReceivedAlert
from salus.units import Duration, format_duration

_SHOWN, _MOST_LABELS, _LONGEST = 5, 20, 200
_WORDS = ("summary", "description", "message", "title")


class AlertCheck(CheckOptions, frozen=True, kw_only=True, dict=True):
    """An alert that a Prometheus or an Alertmanager tells Salus of: unhealthy while one that matches fires.

    Needs `alerts.receive` in the config, and a sender that is told of Salus. Wherever the sender falls silent, the
    check is unknown and nothing is healed: silence is not health.

    Attributes:
        match: which alerts are meant, such as `alertname="HighLatency", service="web"`; a list of them must all match.
        degraded_match: those among them that mean degraded rather than unhealthy, such as `severity="warning"`.
        watchdog: an alert that always fires, such as `alertname="Watchdog"`, by which Salus knows that the sender is
            alive.
        stale_after: how long the watchdog may be silent before this check is unknown.
    """

    scalar = "match"
    instant = True

    match: str | tuple[str, ...]
    degraded_match: str | tuple[str, ...] = ()
    watchdog: str | tuple[str, ...] = ()
    stale_after: Duration = Duration(300)

    def problems(self) -> list[tuple[str, str]]:
        """See that the matchers can be understood."""
        found: list[tuple[str, str]] = []
        for name in ("match", "degraded_match", "watchdog"):
            try:
                matchers = _parse(getattr(self, name))
            except MatcherError as error:
                found.append((name, f"{error} ({error.remedy})"))
            else:
                if name == "match" and not matchers:
                    found.append((name, 'no matcher is given: write one such as alertname="HighLatency"'))
        if self.stale_after <= 0:
            found.append(("stale_after", "must be more than zero"))
        return found

    @cached_property
    def _matchers(self) -> tuple[Matchers, Matchers, Matchers]:
        return _parse(self.match), _parse(self.degraded_match), _parse(self.watchdog)

    @property
    def listens_to(self) -> tuple[Matchers, ...]:
        """Return what a change of calls for a look."""
        match, _, watchdog = self._matchers
        return (match, watchdog) if watchdog else (match,)

    async def look(self, look: Look) -> Observation:
        """Look at what was received; never waits."""
        match, _, watchdog = self._matchers
        found = look.site.received.matching(match, look.at)
        if watchdog and (silence := self._silence(look.site.received.matching(watchdog, look.at), look.at)):
            return look.unknown(bounded_line(silence), metrics={"firing": Metric(0)})
        firing = [alert for alert in found if alert.fires(look.at)]
        if firing:
            return self._bad(look, firing)
        if lapsed := [alert for alert in found if alert.lapsed(look.at)]:
            ago = _ago(lapsed[0].updated_at, look.at)
            said = f"{_name(lapsed[0])} fired when it was last heard of, {ago} ago, and nobody said that it has ended"
            return look.unknown(bounded_line(said), metrics={"firing": Metric(0)})
        return look.healthy(bounded_line(self._well(look, found)), metrics={"firing": Metric(0)})

    def _silence(self, heard: Sequence[ReceivedAlert], now: datetime) -> str:
        """Return what is wrong with the sender, or an empty string."""
        alive = [alert for alert in heard if not alert.resolved]
        if not alive:
            return (
                f"the watchdog {in_words(self._matchers[2])} does not fire: whether anything else does, nobody can tell"
            )
        last = max(alert.updated_at for alert in alive)
        if now - last > timedelta(seconds=self.stale_after):
            limit = format_duration(self.stale_after)
            return f"the watchdog was heard {_ago(last, now)} ago, expected every {limit}: the sender is silent"
        return ""

    def _bad(self, look: Look, firing: Sequence[ReceivedAlert]) -> Observation:
        degraded = self._matchers[1]
        worst = [alert for alert in firing if not degraded or not matches(degraded, alert.labels)]
        shown = (worst or firing)[0]
        others = f", and {len(firing) - 1} more" if len(firing) > 1 else ""
        said = f"{_summary(shown)} (for {_ago(shown.starts_at, look.at)}{others})"
        alerts: list[Json] = [_told(alert) for alert in firing[:_SHOWN]]
        return look.observe(
            Status.UNHEALTHY if worst else Status.DEGRADED,
            bounded_line(said),
            metrics={"firing": Metric(len(firing))},
            metadata={"alerts": alerts},
        )

    def _well(self, look: Look, ended: Sequence[ReceivedAlert]) -> str:
        heard = look.site.received.heard()
        if heard is None:
            return "no such alert fires; nothing was heard from anybody since Salus began"
        said = f"no such alert fires; last heard {_ago(heard, look.at)} ago"
        if ended:
            last = max(ended, key=lambda alert: alert.ends_at)
            return f"{said}, {_name(last)} ended {_ago(last.ends_at, look.at)} ago"
        return said


def _parse(several: str | tuple[str, ...]) -> Matchers:
    texts = (several,) if isinstance(several, str) else several
    return tuple(matcher for text in texts for matcher in parse_matchers(text))


def _name(alert: ReceivedAlert) -> str:
    return alert.labels.get("alertname", "an alert without a name")


def _summary(alert: ReceivedAlert) -> str:
    words = next((text for word in _WORDS if (text := bounded_line(alert.annotations.get(word, "")))), "")
    return bounded_line(f"{_name(alert)}: {words or _labels(alert)}", 300)


def _labels(alert: ReceivedAlert) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "alertname")


def _told(alert: ReceivedAlert) -> Json:
    told: dict[str, Json] = {
        "labels": {name: value[:_LONGEST] for name, value in list(alert.labels.items())[:_MOST_LABELS]},
        "summary": _summary(alert),
        "since": alert.starts_at.isoformat(timespec="seconds"),
    }
    return told | {"url": alert.url} if alert.url else told


def _ago(instant: datetime, now: datetime) -> str:
    return format_duration(max(0.0, (now - instant).total_seconds()))
