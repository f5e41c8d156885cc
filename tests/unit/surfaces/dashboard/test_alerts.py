"""The alerts, those that have ended, the silences, the channels, and the story of one alert."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.matchers import matches, parse_matchers
from salus.model import AlertState, Deed, DeliveryState, Event, EventKind, Level, Role
from salus.ports import Batch
from salus.surfaces.dashboard.views.alert import safe_link, story
from salus.surfaces.dashboard.views.alerts_active import matching
from tests.fake_agent import NOW
from tests.fake_api import SILENCE, FakeApi
from tests.fake_desk import DEAD, DISK_LOW, WAITS, WEB_DOWN, FakeDesk, ago
from tests.unit.surfaces.dashboard.hostile import HOSTILE, acts, is_harmless, older, told
from tests.visitor import ROOT, Html, Visitor

TAKEN = replace(WEB_DOWN, state=AlertState.ACKNOWLEDGED, acknowledged_at=ago(60), acknowledged_by="anna", note="on it")


async def opened(path: str, role: Role = Role.OPERATOR, api: FakeApi | None = None) -> Html:
    return await (await Visitor(api or FakeApi()).sign_in(role)).page(path)


# ── those that are active ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_most_urgent_stands_first_with_who_hears_of_it_and_why_not() -> None:
    page = await opened("/alerts")
    assert [name for name in page.ids if name.startswith(("alert-a", "alert-b"))] == [
        f"alert-{one.id}" for one in (WEB_DOWN, DISK_LOW, WAITS)
    ]
    words = told(page)
    assert "web is unhealthy: expected status 200, got 500" in words
    assert "phone after 15m, if nobody acknowledges" in words
    assert "log is not told, silenced: silence s1 by olaf: moving house, until 2026-03-01 13:30:00 UTC" in words
    assert "old is switched off" in words
    assert f"{ROOT}/alerts/{WEB_DOWN.id}" in page.links


async def test_who_may_act_may_acknowledge_silence_and_end_what_fires_and_only_silence_what_is_pending() -> None:
    page = await opened("/alerts")
    assert acts(page) == [
        *(f"/alerts/{WEB_DOWN.id}/ack", "/silences", f"/alerts/{WEB_DOWN.id}/resolve"),
        *(f"/alerts/{DISK_LOW.id}/ack", "/silences", f"/alerts/{DISK_LOW.id}/resolve"),
        "/silences",
    ]
    assert acts(await opened("/alerts", Role.VIEWER)) == []


async def test_what_somebody_has_taken_is_not_to_be_taken_again() -> None:
    page = await opened("/alerts", api=FakeApi(desk=FakeDesk(alerts=[TAKEN])))
    assert "acknowledged by anna" in page.words
    assert "on it" in page.words
    assert [one for one in acts(page) if one.endswith("/ack")] == []


@pytest.mark.parametrize(
    "query, wanted",
    [
        ("level=critical", [WEB_DOWN]),
        ("state=pending", [WAITS]),
        ("check=DISK", [DISK_LOW, WAITS]),
        ("check=shop", [WEB_DOWN]),
        ("quiet=1", [DISK_LOW]),
        ("level=warning&state=firing&quiet=on", [DISK_LOW]),
        ("level=<script>&state=none&quiet=0", [WEB_DOWN, DISK_LOW, WAITS]),
        ("level=info", []),
    ],
)
async def test_the_list_can_be_narrowed_down(query: str, wanted: list[object]) -> None:
    page = await opened(f"/alerts?{query}")
    found = [name for name in page.ids if name.startswith("alert-") and len(name) == 22]
    assert found == [f"alert-{one.id}" for one in wanted]  # type: ignore[attr-defined]
    assert ("No alert fits" in page.words) is not bool(wanted)


async def test_no_alert_is_good_news() -> None:
    assert "No alert is active" in (await opened("/alerts", api=FakeApi(desk=FakeDesk(alerts=[])))).words


async def test_many_alerts_are_paged_and_a_page_that_is_gone_is_the_last_one() -> None:
    alerts = [replace(DISK_LOW, id=f"{number:016x}") for number in range(60)]
    api = FakeApi(desk=FakeDesk(alerts=alerts))
    assert "Page 3 of 3 · 60 alerts" in (await opened("/alerts?page=7&level=warning", api=api)).words


async def test_acknowledging_by_form_takes_it_with_a_note_and_the_page_says_so() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    await visitor.post(f"/do/alerts/{WEB_DOWN.id}/ack", note="on it", next=f"{ROOT}/alerts")
    assert api.desk.asked == [("acknowledge", WEB_DOWN.id)]
    assert (api.desk.said["by"], api.desk.said["note"]) == ("operator", "on it")
    assert "note-good" in (await visitor.get("/alerts")).text


async def test_the_matchers_of_a_silence_that_are_offered_mean_that_alert_alone() -> None:
    match = parse_matchers(matching(WEB_DOWN))
    assert [matches(match, one.labels) for one in (WEB_DOWN, DISK_LOW)] == [True, False]
    alone = replace(WEB_DOWN, labels={"alertname": "paused", "component": "salus", "level": "info"}, check=None)
    assert matching(alone) == 'alertname="paused", component="salus"'
    assert matching(replace(WEB_DOWN, labels={})) == ""


@given(
    st.dictionaries(st.sampled_from(["alertname", "check", "subject", "component"]), st.text(min_size=1), min_size=1)
)
def test_the_matchers_that_are_offered_can_be_read_whatever_an_alert_is_called(labels: dict[str, str]) -> None:
    text = matching(replace(WEB_DOWN, labels=labels))
    if len(text) <= 2000:
        assert matches(parse_matchers(text), labels) or "\r" in text


# ── those that have ended ─────────────────────────────────────────────────────────────────────────────────────────────


async def ended(count: int) -> FakeApi:
    api = FakeApi()
    await api.past.open()
    alerts = [
        replace(
            WEB_DOWN if number % 2 else DISK_LOW,
            id=f"{number:016x}",
            state=AlertState.RESOLVED,
            first_seen=NOW - timedelta(minutes=number + 5),
            resolved_at=NOW - timedelta(minutes=number),
            resolution="it is well again",
        )
        for number in range(count)
    ]
    await api.past.write(Batch(alerts=alerts))
    return api


async def test_what_has_ended_is_told_from_the_ledger_page_by_page() -> None:
    api = await ended(70)
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    first = await visitor.page("/alerts?tab=ended")
    assert "it is well again" in first.words
    assert "lasted 5m" in first.words
    rows = [name for name in first.ids if name.startswith("ended-0")]
    assert rows == [f"ended-{number:016x}" for number in range(50)]
    second = await visitor.page(older(first))
    assert [name for name in second.ids if name.startswith("ended-0")] == [f"ended-{n:016x}" for n in range(50, 70)]
    assert f"{ROOT}/alerts?tab=ended" in second.links


async def test_no_alert_is_left_out_between_two_pages_however_close_they_began() -> None:
    api = FakeApi()
    await api.past.open()
    began = [NOW - timedelta(hours=1, microseconds=number) for number in range(120)]
    over = replace(WEB_DOWN, state=AlertState.RESOLVED, resolved_at=NOW)
    alerts = [replace(over, id=f"{number:016x}", first_seen=at) for number, at in enumerate(began)]
    await api.past.write(Batch(alerts=alerts))
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    page = await visitor.page("/alerts?tab=ended")
    seen = [name for name in page.ids if name.startswith("ended-0")]
    while path := older(page):
        page = await visitor.page(path)
        seen += [name for name in page.ids if name.startswith("ended-0")]
    assert seen == [f"ended-{one.id}" for one in alerts]


async def test_what_has_ended_can_be_narrowed_down() -> None:
    visitor = await Visitor(await ended(6)).sign_in(Role.VIEWER)
    page = await visitor.page("/alerts?tab=ended&check=web")
    assert len([name for name in page.ids if name.startswith("ended-0")]) == 3
    page = await visitor.page("/alerts?tab=ended&level=warning")
    assert len([name for name in page.ids if name.startswith("ended-0")]) == 3
    assert "Nothing here has ended" in (await visitor.page("/alerts?tab=ended&check=nobody")).words


# ── silences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_silence_tells_what_it_hushes_and_can_be_ended() -> None:
    api = FakeApi()
    page = await opened("/alerts?tab=silences", api=api)
    assert 'check="web"' in page.words
    assert "hushes 1" in page.words
    assert "by olaf" in told(page)
    assert f"/silences/{SILENCE.id}/expire" in acts(page)
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    await visitor.post(f"/do/silences/{SILENCE.id}/expire")
    api.door.clock.at += timedelta(seconds=10)
    assert "Nothing is silenced" in (await visitor.page("/alerts?tab=silences")).words


async def test_what_a_silence_would_keep_quiet_is_shown_before_it_is_made() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    page = await visitor.page("/alerts?tab=silences&match=level%3D%22warning%22")
    assert "It would keep 2 alerts of those that are active quiet" in page.words
    assert "disk: free_ratio is 0.1" in page.words
    assert "/silences" in acts(page)
    await visitor.post("/do/silences", match='level="warning"', seconds="2h", comment="moving")
    assert api.desk.said["seconds"] == 7200
    assert [str(one) for one in api.desk.said["match"]] == ['level="warning"']


async def test_matchers_that_cannot_be_read_are_told_with_their_remedy_and_no_button() -> None:
    page = await opened("/alerts?tab=silences&match=level")
    assert "It would keep" not in page.words
    assert "/silences" not in acts(page)
    assert "note-bad" in page.text
    assert (
        "None of the alerts that are active now matches"
        in (await opened("/alerts?tab=silences&match=check%3Dnobody")).words
    )


async def test_a_viewer_sees_silences_and_no_form() -> None:
    page = await opened("/alerts?tab=silences&match=check%3Dweb", Role.VIEWER)
    assert "hushes 1" in page.words
    assert acts(page) == []
    assert "Make a silence" not in page.words


# ── channels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_channels_tell_how_they_do_when_something_last_got_through_and_what_was_given_up() -> None:
    api = FakeApi()
    await api.past.open()
    sent = Event(id=1, at=ago(600), kind=EventKind.NOTIFICATION_SENT, reason="log", message="log: firing delivered")
    await api.past.write(Batch(events=[sent]))
    page = await opened("/alerts?tab=channels", api=api)
    words = told(page)
    assert "no answer within 15 s" in words
    assert "2 waiting" in words
    assert "switched off in the config" in words
    assert "last 10m ago" in words
    assert "it answered 410" in words
    assert acts(page) == ["/channels/log/test", "/channels/ops/test", f"/notifications/{DEAD.id}/retry"]
    assert acts(await opened("/alerts?tab=channels", Role.VIEWER)) == []


async def test_a_letter_that_is_tried_again_is_gone_from_the_list_at_once() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    assert f"dead-{DEAD.id}" in (await visitor.page("/alerts?tab=channels")).ids
    await visitor.post(f"/do/notifications/{DEAD.id}/retry")
    assert api.desk.asked == [("revive", DEAD.id)]
    api.desk.dead = []
    api.desk.channel_list = [replace(one, waiting=one.waiting + 1) for one in api.desk.channel_list]
    api.door.clock.at += timedelta(seconds=1)
    page = await visitor.page("/alerts?tab=channels")
    assert f"dead-{DEAD.id}" not in page.ids
    assert "Every notification got through" in page.words


# ── one alert ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_alert_tells_its_story_in_order() -> None:
    page = await opened(f"/alerts/{TAKEN.id}", api=FakeApi(desk=FakeDesk(alerts=[TAKEN])))
    told = [
        *("It began", "It began to fire", "log was told that it is firing", "ops was told that it is firing"),
        *("restart_service: done; the check was still bad afterwards", "anna took it upon themselves"),
    ]
    places = [page.words.index(one) for one in told]
    assert places == sorted(places)
    assert f"{ROOT}/recoveries/r1" in page.links
    assert 'component="shop"' in page.words
    assert "2 times so far" in page.words


async def test_an_alert_that_has_ended_is_found_in_the_ledger_and_nothing_can_be_done_about_it() -> None:
    api = FakeApi()
    await api.fill()
    page = await opened("/alerts/ee0", api=api)
    assert "It ended" in page.words
    assert "it is well" in page.words
    assert acts(page) == []
    assert (await (await Visitor(api).sign_in(Role.VIEWER)).get("/alerts/nothing")).code == 404


async def test_a_name_that_several_alerts_have_is_asked_back() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.VIEWER)
    assert (await visitor.get("/alerts/aa")).code == 409


def test_why_nothing_was_done_belongs_to_the_story() -> None:
    held = Deed(at=NOW, recovery="", result="cooling_down", message="")
    over = Deed(at=NOW, recovery="r1", result="not_recovered", attempt=2, message="still bad")
    entries = {entry.title: entry.text for entry in story(replace(WEB_DOWN, deeds=(held, over)))}
    assert entries["Nothing was done"] == "cooling down"
    assert entries["Recovery, attempt 2: not recovered"] == "still bad"


@pytest.mark.parametrize("address", ["https://wiki.example.org/web?a=b#c", "http://10.0.0.7:8080/"])
async def test_a_runbook_on_the_web_is_a_link_that_tells_nobody_where_one_came_from(address: str) -> None:
    page = await opened(
        f"/alerts/{WEB_DOWN.id}", api=FakeApi(desk=FakeDesk(alerts=[replace(WEB_DOWN, runbook=address)]))
    )
    links = [attrs for tag, attrs in page.tags if tag == "a" and attrs.get("href") == address]
    assert [link["rel"] for link in links] == ["noopener noreferrer"]


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,<script>", "//evil"),
        *("vbscript:x", "java\nscript:alert(1)", "https:evil", "https://", "http://[", "file:///etc/passwd", "/wiki"),
    ],
)
async def test_a_runbook_that_is_no_page_on_the_web_is_only_text(address: str) -> None:
    assert safe_link(address) == ""
    page = await opened(
        f"/alerts/{WEB_DOWN.id}", api=FakeApi(desk=FakeDesk(alerts=[replace(WEB_DOWN, runbook=address)]))
    )
    is_harmless(page)


@given(st.text())
def test_only_addresses_of_the_web_are_ever_links(address: str) -> None:
    assert safe_link(address) == "" or safe_link(address).lower().startswith(("http://", "https://"))


async def test_hostile_words_are_only_text_wherever_an_alert_shows_them() -> None:
    alerts = [
        replace(
            TAKEN,
            id=f"{place:016x}",
            summary=name,
            detail=name,
            check=name,
            note=name,
            acknowledged_by=name,
            runbook=name,
            labels={"alertname": name, "check": name, "component": name, name: name},
            deeds=(Deed(at=NOW, recovery=name, action=name, result=name, message=name),),
            told={name: WEB_DOWN.told["ops"]},
            level=list(Level)[place % 3],
        )
        for place, name in enumerate(HOSTILE)
    ]
    desk = FakeDesk(
        alerts=alerts,
        silence_list=[replace(SILENCE, id=f"s{place}", by=name, comment=name) for place, name in enumerate(HOSTILE)],
        channel_list=[
            replace(one, spec=replace(one.spec, name=name, kind=name), error=name)
            for name, one in zip(HOSTILE, [FakeDesk().channel_list[2]] * len(HOSTILE), strict=True)
        ],
        dead=[replace(DEAD, id=f"d{place}", error=name, channel=name) for place, name in enumerate(HOSTILE)],
    )
    assert desk.dead[0].state is DeliveryState.DEAD
    api = FakeApi(desk=desk)
    await api.past.open()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    paths = ["", "?tab=silences&match=%3Cscript%3E", "?tab=channels", "?tab=ended", "?check=%22%3E%3Cscript%3E"]
    for path in (*(f"/alerts{one}" for one in paths), *(f"/alerts/{one.id}" for one in alerts)):
        is_harmless(await visitor.page(path))
