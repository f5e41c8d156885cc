"""Alerts as a person reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from salus.cli import alert_words, explain, notify, routes
from salus.cli.alert import show_story
from salus.cli.status import show
from salus.matchers import parse_matchers
from salus.model import Alert, AlertState, DeliveryState, Escalation, Level, RouteSpec, Told
from salus.surfaces import wire, wire_alerts
from tests.fake_agent import NOW, WEB, FakeView
from tests.fake_desk import DEAD, DISK_LOW, WAITS, WEB_DOWN, FakeDesk

CODE_500 = "web is unhealthy: expected status 200, got 500"
LOW = "disk: free_ratio is 0.1"
ENDED = replace(
    WEB_DOWN, state=AlertState.RESOLVED, resolved_at=NOW, resolution="web was healed by restart_service in 3 s"
)
TOLD_LOG = {"log": Told(state=AlertState.FIRING, key="k", at=NOW)}

Told_ = dict[str, Any]
Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")


def listed(*alerts: Alert) -> list[Told_]:
    desk = FakeDesk(alerts=list(alerts))
    channels = {one.spec.name: one for one in desk.channels()}
    return [
        {**wire_alerts.alert(one), "audience": wire_alerts.audiences(desk.audiences(one), channels)}
        for one in desk.active()
    ]


def story(alert: Alert, **more: Any) -> Told_:
    told = {**listed(alert)[0], **wire_alerts.story(alert, NOW), "running": True, "notifications": []}
    return {**told, **more}


def cells(capsys: Out) -> list[list[str]]:
    """Return what was printed, line by line, each in its columns."""
    return [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]


def test_active_alerts_say_who_was_told_and_why_nobody_was(capsys: Out) -> None:
    flaps = replace(WEB_DOWN, id="dd", flapping=True, told={})
    taken = replace(WEB_DOWN, id="cc", state=AlertState.ACKNOWLEDGED, told=TOLD_LOG, count=3)
    quiet = replace(DISK_LOW, id="ee", told=TOLD_LOG)
    unheard = replace(DISK_LOW, id="ff", labels={"level": "info"})
    alert_words.show_active(listed(WEB_DOWN, flaps, DISK_LOW, taken, WAITS, quiet, unheard), NOW)
    assert cells(capsys) == [
        ["ID", "STATE", "LEVEL", "COMPONENT", "SINCE", "COUNT", "TOLD", "SUMMARY"],
        ["aa11bb22", "firing", "critical", "shop", "5m ago", "1", "log, ops (fails)", CODE_500],
        ["dd", "flapping", "critical", "shop", "5m ago", "1", "nobody yet", CODE_500],
        ["aa990000", "firing", "warning", "disk", "5m ago", "1", "nobody: silenced, 1h30m more", LOW],
        ["cc", "acknowledged", "critical", "shop", "5m ago", "3", "log", CODE_500],
        ["bb000000", "pending", "warning", "disk", "5m ago", "1", "-", LOW],
        ["ee", "firing", "warning", "disk", "5m ago", "1", "log; now silenced, 1h30m more", LOW],
        ["ff", "firing", "warning", "-", "5m ago", "1", "nobody: no channel for it", LOW],
    ]
    alert_words.show_active([], NOW)
    assert capsys.readouterr().out == "no alerts: nothing is wrong that anybody should hear of\n"


def test_what_is_kept_quiet_says_from_whom_why_and_until_when(capsys: Out) -> None:
    alert_words.show_quiet(listed(DISK_LOW), NOW)
    assert cells(capsys)[1:] == [
        ["aa990000", "warning", "disk", "log", "silence s1 by olaf: moving house", "in 1h30m", LOW]
    ]
    alert_words.show_quiet([], NOW)
    assert capsys.readouterr().out == "nothing is kept quiet\n"


def test_ended_alerts_say_how_long_they_lasted_and_how_they_ended(capsys: Out) -> None:
    moment = replace(ENDED, id="m", moment=True, level=Level.INFO, told={}, resolution="")
    alert_words.show_ended([wire_alerts.alert(ENDED), wire_alerts.alert(moment)], NOW + timedelta(minutes=2))
    assert cells(capsys)[1:] == [
        ["aa11bb22", "2m ago", "critical", "shop", "5m", "log, ops", CODE_500, ENDED.resolution],
        ["m", "2m ago", "info", "shop", "-", "nobody", CODE_500, "-"],
    ]


def test_one_alert_tells_its_whole_story(capsys: Out) -> None:
    late = replace(
        DEAD, state=DeliveryState.SENT, error="", attempts=2, ended_at=DEAD.created_at + timedelta(75 / 86400)
    )
    show_story(story(WEB_DOWN, notifications=[wire_alerts.delivery(one) for one in (late, DEAD)]), NOW)
    assert capsys.readouterr().out == (
        f"firing, critical: {CODE_500}\n"
        "id aa11bb22cc33dd44\n"
        "\n"
        "Since 2026-03-01T11:55:00Z, for 5m.\n"
        "Check web, alert rule down.\n"
        "\n"
        "What was done about it:\n"
        "  2026-03-01T11:56:40Z  attempt 1: restart_service worked after 1.5 s: web restarted; the check still failed\n"
        "\n"
        "Runbook: https://wiki.example.org/web\n"
        "\n"
        "CHANNEL  TOLD                                        ROUTE                                             "
        "NOT NOW BECAUSE\n"
        'ops      firing 3m50s ago, 2 times in all, given up  1: level="critical"                               '
        "nothing gets through to it\n"
        "log      firing 3m50s ago                            2: everything                                     -\n"
        "old      -                                           2: everything                                     "
        "the channel is switched off\n"
        'phone    in 11m, unless somebody takes it            1: level="critical", not acknowledged within 15m  -\n'
        "\n"
        "NOTIFIED   CHANNEL  OF      DELIVERY  TRIES  REMARK\n"
        "3m20s ago  ops      firing  sent      2      arrived 1m15s later\n"
        "3m20s ago  ops      firing  given up  4      it answered 410\n"
        "\n"
        "to take it:       salus alert ack aa11bb22\n"
        "to keep it quiet: salus silence add 'alertname=\"down\"' 'check=\"web\"' --for 2h\n"
    )


def test_the_story_of_what_has_to_last_first_says_what_it_waits_for(capsys: Out) -> None:
    show_story(story(WAITS), NOW)
    waits = f"Nobody is told yet: it must last first, as long as `for` of the alert rule {WAITS.rule} says.\n"
    assert waits in capsys.readouterr().out


def test_what_has_not_arrived_is_not_shown_as_told(capsys: Out) -> None:
    waits = replace(DEAD, state=DeliveryState.WAITING, ended_at=None)
    show_story(story(WEB_DOWN, notifications=[wire_alerts.delivery(one) for one in (DEAD, waits)]), NOW)
    assert "ops      firing 3m50s ago, 2 times in all, not arrived yet" in capsys.readouterr().out


def test_the_story_of_what_nobody_hears_says_why(capsys: Out) -> None:
    show_story(story(DISK_LOW), NOW)
    assert ["log", "not yet", "2: everything", "silence s1 by olaf: moving house, 1h30m more"] in cells(capsys)


def test_whoever_has_an_alert_keeps_others_from_being_called(capsys: Out) -> None:
    taken = replace(
        WEB_DOWN,
        state=AlertState.ACKNOWLEDGED,
        acknowledged_at=NOW,
        acknowledged_by="olaf",
        note="on it",
        told=TOLD_LOG,
    )
    show_story(story(taken), NOW)
    out = capsys.readouterr().out
    assert "olaf has had it since 2026-03-01T12:00:00Z: on it\n" in out
    assert "phone    no: somebody has it" in out
    assert "salus alert ack" not in out


def test_an_alert_that_ended_says_how_and_offers_nothing_to_do(capsys: Out) -> None:
    show_story(story(ENDED, running=False, audience=None), NOW)
    out = capsys.readouterr().out
    assert out.startswith(f"resolved, critical: {CODE_500}\n")
    assert f"How it ended: {ENDED.resolution}\n" in out
    assert out.endswith("CHANNEL  TOLD\nlog      firing 3m50s ago\nops      firing 3m50s ago, 2 times in all\n")


def test_what_a_person_ended_did_not_end_by_itself(capsys: Out) -> None:
    by_hand = replace(ENDED, deeds=(), dismissed=True, resolution="resolved by olaf: known")
    show_story(story(by_hand), NOW)
    out = capsys.readouterr().out
    assert "by itself" not in out
    assert "Salus did nothing about it.\n\nHow it ended: resolved by olaf: known\n" in out


def test_channels_say_whether_anything_gets_through(capsys: Out) -> None:
    notify.show_channels([wire_alerts.channel(one) for one in FakeDesk().channels()], NOW)
    assert cells(capsys)[1:] == [
        ["log", "log", "works", "0", "7", "0", "0", "-"],
        ["old", "file", "off", "0", "0", "0", "0", "-"],
        ["ops", "webhook", "fails", "2", "0", "3", "0", "for 1m, tried again in 8 s: no answer within 15 s"],
    ]


def test_status_shows_what_fires_before_everything_else(capsys: Out) -> None:
    crowd = [replace(WEB_DOWN, id=f"w{number}") for number in range(12)]
    show({**wire.status(FakeView([WEB]), NOW), "alerts": wire_alerts.at_a_glance(FakeDesk(alerts=crowd))}, NOW)
    out = capsys.readouterr().out
    assert "channel ops has failed for 1m, tried again in 8 s: no answer within 15 s\n" in out
    assert out.index("w0 ") < out.index("and 2 more: salus alerts") < out.index("CHECK")
    show({**wire.status(FakeView([WEB]), NOW), "alerts": wire_alerts.at_a_glance(FakeDesk([], [], []))}, NOW)
    assert cells(capsys)[2:4] == [[""], ["CHECK", "STATUS", "SINCE", "LOOKED AT", "MESSAGE"]]


def test_explain_says_what_became_of_the_alerts_of_a_check(capsys: Out) -> None:
    document = {"running": True, "check": wire.check(WEB), "rules": [], "alerts": listed(WEB_DOWN, DISK_LOW, WAITS)}
    explain.show(document, NOW)
    assert capsys.readouterr().out.splitlines()[1:4] == [
        "alert aa11bb22 (down, critical) is firing for 5m; told log, ops (fails)",
        "alert aa990000 (low, warning) is firing for 5m; told nobody: silenced, 1h30m more",
        "alert bb000000 (low, warning) is pending for 5m",
    ]


def test_a_route_is_written_with_all_that_it_does() -> None:
    route = RouteSpec(
        match=parse_matchers("level=critical"),
        channels=("pager", "ops"),
        escalate=(Escalation(after=900, channels=("phone",)),),
        mute_during=("night",),
        go_on=True,
    )
    assert list(routes.lines(1, route)) == [
        '1. level="critical" -> pager, ops',
        "   not acknowledged within 15m -> phone",
        "   together by component, again every 4h",
        "   not during night",
        "   then the next routes too",
    ]
    plain = RouteSpec(group_by=("...",), repeat_interval=0, active_during=("work",))
    assert list(routes.lines(2, plain)) == [
        "2. everything -> nobody",
        "   each alert by itself, never again",
        "   only during work",
    ]
