"""PagerDuty, over its Events API v2."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import ClassVar

from salus.bounds import bounded
from salus.channels._http import Http, HttpChannel
from salus.channels._urgency import urgency
from salus.channels._words import at, clean, lines, overview, page, summary, title
from salus.model import AlertState, Json, Level, Notification
from salus.ports import Letter
from salus.secret import Secret

_PATH = "/v2/enqueue"
_ACTIONS = {AlertState.ACKNOWLEDGED: "acknowledge", AlertState.RESOLVED: "resolve"}
_SEVERITIES = {Level.CRITICAL: "critical", Level.WARNING: "warning", Level.INFO: "info"}
_KEY = 255
_SUMMARY = 1024
_DETAILS = 32768
_LISTED = 20


class PagerDuty(HttpChannel, frozen=True, kw_only=True):
    """Open, acknowledge and resolve incidents of PagerDuty (Events API v2).

    The key of the notification is the ``dedup_key``: whatever is told of one trouble, at whatever try, is one incident
    there. Firing triggers it, an acknowledgement in Salus acknowledges it, the end resolves it. The severity is the
    level: ``critical``, ``warning`` or ``info``. A test opens one of severity ``info``, for a person to resolve. So
    does what has no duration, unless it is of level ``info``: that opens none.

    Attributes:
        routing_key: the integration key of a service or of a global orchestration: 32 characters.
        url: ``https://events.pagerduty.com``, unless the account is in the EU: ``https://events.eu.pagerduty.com``.
    """

    scalar: ClassVar[str] = "routing_key"

    routing_key: Secret
    url: Secret = Secret("https://events.pagerduty.com")

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be sent."""
        found = super().problems()
        key = self.routing_key.reveal()
        if not (key.isascii() and key.isalnum() and len(key) == 32):
            found.append(("routing_key", "that is no integration key: it has 32 letters and digits"))
        return found

    async def tell(self, letter: Letter, http: Http) -> str:
        """Send one event; none where nobody is to be called for what just happened."""
        if _is_mere_news(letter.notification):
            return "it opens no incident: it has no duration, and is of level info"
        body = json.dumps(event(letter, self.routing_key)).encode()
        url = self.url.reveal().rstrip("/").removesuffix(_PATH) + _PATH
        return f"{self.place}: {http.said(await http.post(letter, body, url=url))}"


def event(letter: Letter, routing_key: Secret) -> dict[str, Json]:
    """Return the event as the API wants it."""
    told = letter.notification
    action = "trigger" if _is_moment(told) else _ACTIONS.get(told.state, "trigger")
    made: dict[str, Json] = {
        "routing_key": routing_key.reveal(),
        "event_action": action,
        "dedup_key": _key(told.key),
    }
    if action == "trigger":  # the others need no more, and change nothing else
        made["payload"] = _payload(letter)
        made["links"] = _links(told)
        made["client"] = f"Salus on {clean(told.host, 100)}" if told.host else "Salus"
        if link := overview(told):
            made["client_url"] = link
    return made


def _is_moment(told: Notification) -> bool:
    """Tell whether all that is told is over as it begins: to resolve it would say nothing to anybody."""
    return bool(told.alerts) and all(alert.moment for alert in told.alerts)


def _is_mere_news(told: Notification) -> bool:
    return _is_moment(told) and urgency(told) is Level.INFO


def _key(key: str) -> str:
    """Return the key, within what the API takes."""
    return key if key == clean(key, _KEY) else sha256(key.encode(errors="backslashreplace")).hexdigest()


def _payload(letter: Letter) -> Json:
    told = letter.notification
    made = {
        "summary": clean(title(letter), _SUMMARY),
        "source": clean(told.host, 200) or "salus",
        "severity": _SEVERITIES[urgency(told) or Level.INFO],
        "timestamp": at(min((alert.first_seen for alert in told.alerts), default=told.at)),
        "component": _shared(told, "component") or _shared(told, "service"),
        "group": ", ".join(clean(value, 100) for value in told.group.values() if value)[:_SUMMARY],
        "class": _shared(told, "alertname"),
    }
    details: dict[str, Json] = {"story": list(lines(letter))}
    if labels := told.alerts[0].labels if len(told.alerts) == 1 else told.group:
        details["labels"] = dict(labels)
    return {**{name: value for name, value in made.items() if value}, "custom_details": bounded(details, _DETAILS)}


def _shared(told: Notification, label: str) -> str:
    """Return the value of a label that all alerts share, or nothing."""
    values = {alert.labels.get(label, "") for alert in told.alerts}
    return clean(values.pop(), 200) if len(values) == 1 else ""


def _links(told: Notification) -> list[Json]:
    found: dict[str, str] = {}
    for alert in told.alerts[:_LISTED]:
        for link, what in ((alert.runbook, "Runbook"), (page(told, alert), "Alert")):
            if link.startswith(("https://", "http://")):
                found.setdefault(clean(link, 2000), f"{what}: {clean(summary(alert), 100)}")
    return [{"href": link, "text": text} for link, text in found.items()]
