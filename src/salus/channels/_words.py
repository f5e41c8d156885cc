"""From a letter to words for people: one line for a phone, and the whole story below it.

Everything that came from outside (a check's message, a label, a note) is made one printable line of bounded length
first, so nobody can forge a line of ours. Markup is not escaped here: that is the business of who writes markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from salus.channels._urgency import urgency
from salus.model import Alert, AlertState, Deed, Level, Notification, Occasion
from salus.ports import Letter
from salus.units import format_duration

TITLE = 120
"""The most characters of a title."""

LONGEST = 500
"""The most characters of one foreign text."""

_SHOWN = 20  # alerts of one notification that get a line of their own
_DEEDS = 12
_NAMES = 3
_RESULTS = {"ok": "worked", "timed_out": "timed out", "skipped": "was skipped", "cancelled": "was cancelled"}
_OUTCOMES = {"not_recovered": "not recovered", "timed_out": "out of time, not recovered"}


def title(letter: Letter) -> str:
    """Say in one line what happened: ``[production] Critical: web-http is unhealthy``."""
    told = letter.notification
    place = f"[{clean(told.environment, 24)}] " if told.environment else ""
    late = f" (sent {format_duration(letter.late)} late)" if letter.late else ""
    room = TITLE - len(place) - len(late)
    return place + clean(headline(told), room) + late


def headline(told: Notification) -> str:
    """Say what a notification is about, without where and when. It may be long."""
    if told.occasion is Occasion.TEST:
        return f"Test of the channel {clean(told.channel, 60)}: nothing is wrong"
    if told.digest:
        return f"{_number(len(told.alerts) + told.more)} alerts at once: {_names(told)}"
    if len(told.alerts) == 1 and not told.more:
        return f"{_opening(told, told.alerts[0])}: {summary(told.alerts[0])}"
    return f"{_weighty(told)}{_counts(told)}: {_group(told)}"


def lines(letter: Letter) -> list[str]:
    """Tell all of it as lines of plain text; the title is not among them, and an empty one parts two paragraphs."""
    told = letter.notification
    found = [f"Sent late: {format_duration(letter.late)} after it happened.", ""] if letter.late else []
    if told.occasion is Occasion.TEST:
        found += ["This is a test. If you can read it, notifications arrive here.", ""]
    elif len(told.alerts) == 1 and not told.more and not told.digest:
        cut = summary(told.alerts[0]) not in title(letter)
        found += [summary(told.alerts[0]), ""] if cut else []
        found += _single(told, told.alerts[0])
    else:
        found += _several(told)
    return [*found, signature(told)]


def story(alert: Alert, now: datetime) -> list[str]:
    """Tell the story of one alert: what failed, since when, what was done, how it ended, where to read on.

    Args:
        alert: as it is.
        now: for how long it lasts.
    """
    detail = clean(alert.detail).rstrip(".")
    found = [f"{capital(detail)}."] if detail and detail != summary(alert) else []
    found += [lasting(alert, now), *_company(alert), *_whose(alert)]
    found += ["", *_done(alert)] if alert.deeds or (alert.check and not alert.moment) else []
    if alert.state is AlertState.RESOLVED and alert.resolution and not alert.moment:
        found += ["", f"How it ended: {clean(alert.resolution)}"]
    if alert.runbook:
        found += ["", f"Runbook: {clean(alert.runbook, 2000)}"]
    return found


def short(alert: Alert, now: datetime) -> str:
    """Tell of one alert among several in one line."""
    if alert.moment:
        return f"{state_words(alert, now)}: {summary(alert)} ({at(_ended(alert, now))})"
    if alert.state is AlertState.RESOLVED:
        return f"{state_words(alert, now)}: {summary(alert)}"
    detail = new_detail(alert)
    said = f"{summary(alert)}: {detail}" if detail else summary(alert)
    attempts = len({deed.recovery for deed in alert.deeds})
    tried = f", healing tried {_times(attempts)}" if attempts else ""
    return f"{state_words(alert, now)}: {said} ({_age(alert, now)}{tried})"


def summary(alert: Alert) -> str:
    """Say what is wrong, in one line; there are always words for it, and they name the check."""
    said = clean(alert.summary or alert.detail)
    name = name_of(alert)
    return said if said and (not alert.check or name in said) else f"{name}: {said}" if said else name


def new_detail(alert: Alert) -> str:
    """Return what was expected and what was found, where the summary does not say it already."""
    detail = clean(alert.detail).rstrip(".")
    return "" if detail in summary(alert) else detail


def name_of(alert: Alert) -> str:
    """Name an alert briefly: by its check, or else by its rule."""
    return clean(alert.check or alert.labels.get("alertname", "") or alert.rule, 60) or "an alert without a name"


def state_words(alert: Alert, now: datetime) -> str:
    """Say where an alert stands, or how much it matters where it just happened.

    ``Critical``, ``Warning, flapping``, ``Acknowledged by anna``, ``Resolved after 2m``.
    """
    if alert.moment:
        return level_word(alert.level)
    if alert.state is AlertState.RESOLVED:
        return f"Resolved after {_lasted(alert, now)}"
    if alert.state is AlertState.ACKNOWLEDGED:
        return f"Acknowledged by {clean(alert.acknowledged_by, 40)}" if alert.acknowledged_by else "Acknowledged"
    return f"{level_word(alert.level)}{', flapping' if alert.flapping else ''}"


def level_word(level: Level) -> str:
    """Say how much it matters: ``Critical``, ``Warning``, ``Info``."""
    return capital(level.value)


def worst(told: Notification) -> Level:
    """Return the highest level among what is open or just happened; info where all has ended."""
    return urgency(told) or Level.INFO


def lasting(alert: Alert, now: datetime) -> str:
    """Say since when, and for how long; or when, where it has no duration."""
    if alert.moment:
        return f"At {at(_ended(alert, now))}."
    if alert.state is AlertState.RESOLVED:
        ended = f" to {at(alert.resolved_at)}" if alert.resolved_at else ""
        return f"From {at(alert.first_seen)}{ended}: it lasted {_lasted(alert, now)}."
    return f"Since {at(alert.first_seen)}, {_age(alert, now)}."


def page(told: Notification, alert: Alert) -> str:
    """Return the link to an alert's page, or nothing where no base is configured."""
    return (
        f"{told.link.rstrip('/')}/health-dashboard/alerts/{quote(clean(alert.id, 200), safe='')}" if told.link else ""
    )


def overview(told: Notification) -> str:
    """Return the link to the page of all alerts, or nothing."""
    return f"{told.link.rstrip('/')}/health-dashboard/alerts" if told.link else ""


def signature(told: Notification) -> str:
    """Say who tells it: ``Salus on web-1 (production), 2026-11-23T23:02:38Z``."""
    host = f" on {clean(told.host, 100)}" if told.host else ""
    environment = f" ({clean(told.environment, 60)})" if told.environment else ""
    return f"Salus{host}{environment}, {at(told.at)}"


def at(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC, in whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def clean(text: str, limit: int = LONGEST) -> str:
    """Make one printable line of at most ``limit`` characters of anything; what is too long keeps both its ends."""
    shown = " ".join(text.split()) if len(text) <= 8 * limit else f"{text[: 4 * limit]} … {text[-4 * limit :]}"
    if not shown.isprintable():
        shown = "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in shown)
    if len(shown) <= limit:
        return shown
    tail = limit // 4 if limit > TITLE else 0  # of a short line only the beginning is of use
    return f"{shown[: limit - tail - 1].rstrip()}…{shown[len(shown) - tail :] if tail else ''}"


def capital(text: str) -> str:
    """Begin a sentence, and leave the rest of it as it is."""
    return text[:1].upper() + text[1:]


# ── One alert ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _opening(told: Notification, alert: Alert) -> str:
    """Say why we write, in as few words as fit before the summary."""
    now, level = told.at, level_word(alert.level)
    match told.occasion:
        case Occasion.ESCALATED:
            return f"Escalated, {alert.level.value} for {_lasted(alert, now)}"
        case Occasion.REMINDER if alert.state.open:
            return f"Still {alert.level.value} after {_lasted(alert, now)}"
        case Occasion.FLAPPING:
            return f"{level}, flapping"
        case _:
            return state_words(alert, now)


def _single(told: Notification, alert: Alert) -> list[str]:
    found = []
    if told.occasion is Occasion.ESCALATED and alert.state is AlertState.FIRING:
        found += ["Nobody has acknowledged it, so you hear of it too.", ""]
    elif told.occasion is Occasion.REMINDER and alert.state is AlertState.FIRING:
        found += ["Nobody has acknowledged it yet.", ""]
    found += story(alert, told.at)
    if link := page(told, alert):
        found += [*([] if alert.runbook else [""]), f"All about it: {clean(link, 2000)}"]
    return [*found, ""]


def _company(alert: Alert) -> list[str]:
    """Say whether it comes and goes, and who has it."""
    found = []
    if alert.flapping:
        found.append(f"It comes and goes: it began {_times(alert.count)} so far.")
        if alert.state is not AlertState.RESOLVED:
            found.append("You will hear again when it has been quiet for a while.")
    elif alert.moment and alert.count > 1:
        found.append(f"It has happened {_times(alert.count)} since {at(alert.first_seen)}.")
    elif alert.count > 1:
        found.append(f"It has come back {_times(alert.count - 1)} since.")
    if alert.acknowledged_at is not None:
        who = clean(alert.acknowledged_by, 60) or "Somebody"
        note = f": {clean(alert.note)}" if alert.note else "."
        found.append(f"{who} has had it since {at(alert.acknowledged_at)}{note}")
    return found


def _whose(alert: Alert) -> list[str]:
    """Name the check, its service and the rule, which a summary of somebody's own words may leave out."""
    service = alert.labels.get("service", "")
    parts = [("check", alert.check), ("service", service), ("alert rule", alert.rule)]
    named = ", ".join(f"{what} {clean(name, 100)}" for what, name in parts if name)
    return [f"{capital(named)}."] if named else []


def _done(alert: Alert) -> list[str]:
    if all(deed.held_back for deed in alert.deeds):
        over = alert.state is AlertState.RESOLVED
        why = f": {clean(alert.deeds[-1].message)}" if alert.deeds else ""
        return [f"{'Salus did nothing about it' if over else 'No action has been taken so far'}{why}."]
    skipped = len(alert.deeds) - _DEEDS
    found = ["What was done about it:"]
    if skipped > 0:
        found.append(f"  ({_number(skipped)} earlier entries left out)")
    return [*found, *(f"  {at(deed.at)}  {_deed(deed)}" for deed in alert.deeds[-_DEEDS:])]


def _deed(deed: Deed) -> str:
    if deed.held_back:
        return f"held back: {clean(deed.message)}"
    result = (_RESULTS if deed.action else _OUTCOMES).get(deed.result, clean(deed.result, 40) or "ended")
    what = f"{clean(deed.action, 60)} {result}" if deed.action else result
    duration = f" after {format_duration(deed.duration)}" if deed.duration is not None else ""
    message = f": {clean(deed.message)}" if deed.message else ""
    verified = {True: "; verified: the check passed", False: "; the check still failed", None: ""}
    return f"attempt {deed.attempt}: {what}{duration}{message}{verified[deed.verified]}"


# ── Several alerts ────────────────────────────────────────────────────────────────────────────────────────────────────


def _several(told: Notification) -> list[str]:
    found = []
    if told.digest:
        found += ["They came faster than this channel may be told, so this one message stands for all of them.", ""]
    shown = told.alerts[:_SHOWN]
    news = [alert for alert in shown if alert.fingerprint in told.fresh]
    rest = [alert for alert in shown if alert.fingerprint not in told.fresh]
    if news and rest:
        found += [*_list(news, told.at), "", "As told before:", *_list(rest, told.at)]
    else:
        found += _list(news or rest, told.at)
    if left_out := len(told.alerts) - len(shown) + told.more:
        found.append(f"- and {_number(left_out)} more, which are not listed here")
    if link := overview(told):
        found += ["", f"All of them: {clean(link, 2000)}"]
    return [*found, ""]


def _list(alerts: Sequence[Alert], now: datetime) -> list[str]:
    return [f"- {short(alert, now)}" for alert in alerts]


def _weighty(told: Notification) -> str:
    """Say how much several matter, and why we write: ``Critical, ``, ``Still ``, ``Escalated, warning, ``."""
    level = worst(told)
    words = [] if level is Level.INFO else [level.value]
    if told.occasion is Occasion.REMINDER:
        return f"Still {', '.join([*words, ''])}"
    words = ["escalated", *words] if told.occasion is Occasion.ESCALATED else words
    return capital(", ".join([*words, ""]))


def _counts(told: Notification) -> str:
    states = Counter(alert.state for alert in told.alerts if not alert.moment)
    words = [f"{_number(states[state])} {state.value}" for state in AlertState if states[state]]
    if events := len(told.alerts) - states.total():
        words.append(f"{_number(events)} event{'s' if events > 1 else ''}")
    return ", ".join(words) or told.state.value


def _group(told: Notification) -> str:
    """Name what the alerts share, and which they are."""
    shared, names = ", ".join(clean(value, 60) for value in told.group.values() if value), _names(told)
    return f"{shared} ({names})" if shared and names != shared else shared or names


def _names(told: Notification) -> str:
    names = list(dict.fromkeys(name_of(alert) for alert in told.alerts))
    left_out = max(len(names) - _NAMES, 0) + told.more
    more = f" and {_number(left_out)} more" if left_out else ""
    return ", ".join(names[:_NAMES]) + more


# ── Numbers and times ─────────────────────────────────────────────────────────────────────────────────────────────────


def _age(alert: Alert, now: datetime) -> str:
    return f"for {_lasted(alert, now)}"


def _lasted(alert: Alert, now: datetime) -> str:
    return format_duration(max((_ended(alert, now) - alert.first_seen).total_seconds(), 0.0))


def _ended(alert: Alert, now: datetime) -> datetime:
    return alert.resolved_at if alert.state is AlertState.RESOLVED and alert.resolved_at else now


def _times(count: int) -> str:
    return "once" if count == 1 else f"{_number(count)} times"


def _number(count: int) -> str:
    return f"{count:,}"
