"""Alerts, silences, channels and deliveries as JSON; never the options of a channel, for secrets stand in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from salus.channels import _words as words
from salus.matchers import in_words
from salus.model import Alert, ChannelReport, Deed, Delivery, Json, Level, Silence, Told
from salus.ports import AlertDesk, Audience
from salus.surfaces.wire import instant

MOST_AT_A_GLANCE = 10
_MOST_NAMED = 5


def alert(one: Alert) -> dict[str, Json]:
    """Write an alert without its story: what is wrong, where it stands, and what each channel was told last."""
    return {
        "id": one.id,
        "fingerprint": one.fingerprint,
        "state": one.state,
        "level": one.level,
        "rule": one.rule,
        "check": one.check,
        "component": one.labels.get("component", ""),
        "labels": dict(one.labels),
        "summary": words.summary(one),
        "detail": words.clean(one.detail),
        "runbook": one.runbook,
        "first_seen": instant(one.first_seen),
        "last_seen": instant(one.last_seen),
        "fired_at": instant(one.fired_at),
        "count": one.count,
        "resolved_at": instant(one.resolved_at),
        "resolution": one.resolution,
        "acknowledged_at": instant(one.acknowledged_at),
        "acknowledged_by": one.acknowledged_by,
        "note": one.note,
        "flapping": one.flapping,
        "dismissed": one.dismissed,
        "moment": one.moment,
        "told": {channel: told(known) for channel, known in sorted(one.told.items()) if known.key},
    }


def told(known: Told) -> dict[str, Json]:
    """Write what a channel was told last."""
    return {"state": known.state, "at": instant(known.at), "count": known.count, "flapping": known.flapping}


def story(one: Alert, now: datetime) -> dict[str, Json]:
    """Write an alert with all that was done about it, and its story as lines for people, to stand below its summary."""
    lines = words.story(replace(one, detail=words.new_detail(one)), now)
    return {**alert(one), "deeds": [deed(done) for done in one.deeds], "story": list[Json](lines)}


def deed(done: Deed) -> dict[str, Json]:
    """Write one thing that was done about an alert."""
    return {
        "at": instant(done.at),
        "recovery": done.recovery,
        "attempt": done.attempt,
        "action": done.action,
        "result": done.result,
        "duration": done.duration,
        "message": words.clean(done.message),
        "verified": done.verified,
    }


def audiences(heard: Sequence[Audience], channels: Mapping[str, ChannelReport]) -> list[Json]:
    """Write who hears of an alert, and why not now."""
    return [_audience(one, channels.get(one.channel)) for one in heard]


def _audience(one: Audience, report: ChannelReport | None) -> dict[str, Json]:
    """Write one channel that an alert goes to; without a report, it is one that works."""
    hush = one.hush
    quiet: Json = {"reason": hush.reason, "detail": hush.detail, "until": instant(hush.until)} if hush else None
    return {
        "channel": one.channel,
        "route": one.route,
        "why": one.why,
        "after": one.after,
        "enabled": report is None or report.spec.enabled,
        "failing_since": instant(report.failing_since) if report else None,
        "hush": quiet,
    }


def silence(one: Silence) -> dict[str, Json]:
    """Write a silence."""
    return {
        "id": one.id,
        "match": in_words(one.match),
        "since": instant(one.since),
        "until": instant(one.until),
        "by": one.by,
        "comment": one.comment,
    }


def channel(report: ChannelReport) -> dict[str, Json]:
    """Write how a channel is doing."""
    spec = report.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "enabled": spec.enabled,
        "send_resolved": spec.send_resolved,
        "waiting": report.waiting,
        "sent": report.sent,
        "failed": report.failed,
        "dead": report.dead,
        "failing_since": instant(report.failing_since),
        "error": words.clean(report.error),
        "held_until": instant(report.held_until),
    }


def delivery(one: Delivery) -> dict[str, Json]:
    """Write a notification on its way: to whom, about what, and how it fared."""
    note = one.notification
    return {
        "id": one.id,
        "channel": one.channel,
        "occasion": note.occasion,
        "about": words.clean(words.headline(note)),
        "alerts": [named.id for named in note.alerts[:_MOST_NAMED]],
        "state": one.state,
        "created_at": instant(one.created_at),
        "attempts": one.attempts,
        "due_at": instant(one.due_at),
        "ended_at": instant(one.ended_at),
        "error": words.clean(one.error),
    }


def at_a_glance(desk: AlertDesk) -> dict[str, Json]:
    """Write the alerts in few words: how many, the most urgent ones, and what keeps people from hearing of them."""
    active = desk.active()
    counts: Mapping[tuple[str, str], int] = Counter((one.state.value, one.level.value) for one in active)
    channels = {one.spec.name: one for one in desk.channels()}
    first = islice((one for one in active if one.state.open), MOST_AT_A_GLANCE)
    levels = [level.value for level in reversed(Level)]
    states = ("firing", "acknowledged", "pending")
    return {
        **{state: {level: counts[state, level] for level in levels} for state in states},
        "first": [{**alert(one), "audience": audiences(desk.audiences(one), channels)} for one in first],
        "silences": len(desk.silences()),
        "failing_channels": list[Json](
            channel(one) for one in channels.values() if one.failing_since and one.spec.enabled
        ),
    }
