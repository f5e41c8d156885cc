"""A Prometheus Alertmanager, told over its own API."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec

from salus.channels._alertmanager import alert_annotations, alert_labels
from salus.channels._http import Http, HttpChannel, HttpSender, place, url_problems
from salus.channels._words import at, clean, headline, page
from salus.errors import DeliveryError
from salus.httpclient.prepare import basic
from salus.model import Alert, AlertState, Json, Notification, Occasion
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret
from salus.units import Duration

_PATH = "/api/v2/alerts"
_LASTS = 4  # times the interval of re-sending: three may get lost before an alert ends for the Alertmanager
_TRIAL = timedelta(minutes=1)
_MOMENT = timedelta(minutes=5)  # what is over as it begins would never be told there
_SHARE = 0.8  # of the letter's time: one Alertmanager that hangs must not undo what another has taken


class Alertmanager(HttpChannel, frozen=True, kw_only=True):
    """Hand alerts to a Prometheus Alertmanager (``POST /api/v2/alerts``), which routes, groups and tells by itself.

    Every alert arrives by itself, with Salus' labels and ``severity``, which says the same as ``level``. What cannot
    stand in the name of a label becomes ``_``. An alert that fires is told again every ``resend``, and ends there by
    itself when four of these have passed without a word; one that has ended is told again for five minutes. One that a
    person has acknowledged goes on firing, with the annotation ``acknowledged_by``. What has no
    duration, such as a recovery that succeeded, fires there for five minutes. A test is an alert called ``SalusTest``
    that ends after a minute.

    Attributes:
        url: of the Alertmanager, with its ``--web.route-prefix`` where it has one: ``http://alertmanager:9093``.
        urls: of further Alertmanagers, such as the other members of its cluster. All of them are told; one that takes
            it is enough.
        username: for basic authentication.
        password: for basic authentication.
        bearer: a token, sent as ``Authorization: Bearer``.
        resend: how often what still fires is told again.
    """

    url: Secret = Secret("")
    urls: tuple[Secret, ...] = ()
    username: str = ""
    password: Secret | None = None
    bearer: Secret | None = None
    resend: Duration = Duration(60)

    @property
    def place(self) -> str:
        """Return host and port of all of them."""
        return ", ".join(place(url.reveal()) for url in self._every())

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be sent."""
        found = super().problems() if self.url or not self.urls else self._singly()[0].problems()
        found += [("urls", complaint) for url in self.urls for complaint in url_problems(url)]
        if any("?" in url.reveal() for url in self._every()):
            found.append(("url", f"it asks for something: write it without ? and without {_PATH}"))
        if bool(self.username) != bool(self.password):
            found.append(("username", "a username and a password belong together: give both or none"))
        if self.bearer and self.username:
            found.append(("bearer", "a username is given too: keep one of them"))
        if self.resend <= 0:
            found.append(("resend", "what is never told again ends at once: write 1m"))
        return found

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel that stands at ``outlet``."""
        senders = tuple(HttpSender(single, Http(single, outlet)) for single in self._singly())
        return AlertmanagerChannel(senders, self.resend)

    async def tell(self, letter: Letter, http: Http) -> str:
        """Hand the alerts to one Alertmanager."""
        body = json.dumps(posted(letter.notification, http.outlet.clock.now(), self.resend)).encode()
        url = self.url.reveal().rstrip("/").removesuffix(_PATH) + _PATH
        return f"{self.place}: {http.said(await http.post(letter, body, url=url))}"

    def _every(self) -> tuple[Secret, ...]:
        return (*([self.url] if self.url else []), *self.urls)

    def _singly(self) -> list[Self]:
        """Return the options of each Alertmanager by itself, with what it wants to see in ``Authorization``."""
        headers = dict(self.headers)
        if self.bearer:
            headers["Authorization"] = Secret(f"Bearer {self.bearer.reveal()}")
        elif self.password:
            headers["Authorization"] = Secret(basic(self.username, self.password.reveal()))
        return [msgspec.structs.replace(self, url=url, urls=(), headers=headers) for url in self._every()]


@dataclass(frozen=True, slots=True)
class AlertmanagerChannel:
    """One Alertmanager, or several that are told at the same time."""

    senders: tuple[HttpSender, ...]
    resend: float

    async def send(self, letter: Letter) -> str:
        """Tell all of them; one that takes it is enough."""
        if len(self.senders) == 1:
            return await self.senders[0].send(letter)
        prompt = replace(letter, timeout=letter.timeout * _SHARE)
        answers = await asyncio.gather(*(sender.send(prompt) for sender in self.senders), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, DeliveryError)]
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, DeliveryError):
                raise answer
        said = "; ".join(str(answer) for answer in answers)
        if len(failures) < len(answers):
            return said
        waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
        permanent = all(failure.permanent for failure in failures)
        raise DeliveryError(said, permanent=permanent, retry_after=min(waits, default=None))

    async def aclose(self) -> None:
        """Nothing is kept."""


# ── What is posted ────────────────────────────────────────────────────────────────────────────────────────────────────


def posted(told: Notification, now: datetime, resend: float) -> list[Json]:
    """Return the alerts as the API wants them.

    Args:
        told: what to tell.
        now: the time of sending.
        resend: seconds until it is told again.
    """
    if told.occasion is Occasion.TEST and not told.alerts:
        return [_trial(told, now)]
    until = now + timedelta(seconds=_LASTS * resend)
    return [_posted(told, alert, until, now) for alert in told.alerts if alert.state is not AlertState.PENDING]


def _posted(told: Notification, alert: Alert, until: datetime, now: datetime) -> Json:
    began = alert.fired_at or alert.first_seen
    ended = max(alert.resolved_at or now, began) + (_MOMENT if alert.moment else timedelta())
    made: dict[str, Json] = {
        "labels": {"level": alert.level.value, **alert_labels(alert)},
        "annotations": {**alert_annotations(alert, now), **_acknowledgement(alert)},
        "startsAt": _written(began),
        "endsAt": _written(until if alert.state.open else ended),
    }
    if link := page(told, alert):
        made["generatorURL"] = link
    return made


def _acknowledgement(alert: Alert) -> dict[str, Json]:
    """Return who has it, since when, and what was said."""
    if alert.acknowledged_at is None:
        return {}
    who = clean(alert.acknowledged_by, 100) or "somebody"
    note = {"acknowledged_note": clean(alert.note)} if alert.note else {}
    return {"acknowledged_by": who, "acknowledged_at": at(alert.acknowledged_at), **note}


def _trial(told: Notification, now: datetime) -> Json:
    return {
        "labels": {"alertname": "SalusTest", "channel": clean(told.channel, 200), "severity": "info"},
        "annotations": {"summary": headline(told)},
        "startsAt": _written(now),
        "endsAt": _written(now + _TRIAL),
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
