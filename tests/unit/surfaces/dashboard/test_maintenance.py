"""What people want left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from salus.model import Maintenance, MaintenanceSpec, Mode, Pause, PolicyReport, Role, Selector
from tests.fake_agent import NOW, check
from tests.fake_api import WINDOW, FakeApi
from tests.unit.surfaces.dashboard.hostile import HOSTILE, acts, is_harmless, told
from tests.visitor import ROOT, Html, Visitor

NIGHTLY = MaintenanceSpec(
    name="nightly", cron="0 3 * * *", duration=3600, members=Selector(tags=("host",)), description="Backups"
)


async def opened(report: PolicyReport, role: Role = Role.OPERATOR, specs: tuple[MaintenanceSpec, ...] = ()) -> Html:
    api = FakeApi()
    api.view.report = report
    api.settings = replace(api.settings, maintenance=specs)
    return await (await Visitor(api).sign_in(role)).page("/maintenance")


async def test_a_pause_tells_by_whom_why_and_until_when_and_can_be_ended() -> None:
    pause = Pause(since=NOW - timedelta(minutes=5), until=NOW + timedelta(hours=1), by="olaf", reason="moving house")
    page = await opened(PolicyReport(pause=pause))
    words = page.words
    assert "Automatic recovery is paused" in words
    assert "moving house" in words
    assert "2026-03-01 13:00:00 UTC" in told(page)
    assert "/resume" in acts(page)
    assert "/pause" not in acts(page)


async def test_without_a_pause_one_can_be_made_and_says_what_it_means() -> None:
    page = await opened(PolicyReport())
    assert "/pause" in acts(page)
    assert "nothing is healed" in page.words
    assert "Rules act as the config says" in page.words
    assert "only observes" in (await opened(PolicyReport(mode=Mode.OBSERVE))).words


async def test_a_viewer_sees_what_is_left_alone_and_no_form() -> None:
    page = await opened(PolicyReport(maintenance=(WINDOW,), pause=Pause(since=NOW)), Role.VIEWER)
    assert "deploy" in page.words
    assert acts(page) == []
    assert "Open a window" not in page.words


async def test_windows_that_are_open_or_to_come_can_be_ended() -> None:
    later = replace(WINDOW, id="later", since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=2))
    page = await opened(PolicyReport(maintenance=(WINDOW, later)))
    assert "service web" in page.words
    assert "by olaf" in page.words
    assert "to come" in page.words
    assert [one for one in acts(page) if one.endswith("/end")] == ["/maintenance/deploy/end", "/maintenance/later/end"]


async def test_windows_of_the_config_tell_when_they_come_next() -> None:
    coming = Maintenance(
        id="nightly",
        since=NOW + timedelta(hours=15),
        until=NOW + timedelta(hours=16),
        members=NIGHTLY.members,
        reason="Backups",
    )
    page = await opened(PolicyReport(maintenance=(coming,)), specs=(NIGHTLY,))
    assert "2026-03-02 03:00:00 UTC (in 15h) 2026-03-03 03:00:00 UTC 2026-03-04 03:00:00 UTC" in told(page)
    assert "tag host" in page.words
    assert "No window is open" in page.words  # it does not stand there twice, nor can it be ended before it began
    assert not [one for one in acts(page) if one.endswith("/end")]
    opened_now = replace(coming, since=NOW, until=NOW + timedelta(hours=1))
    page = await opened(PolicyReport(maintenance=(opened_now,)), specs=(NIGHTLY,))
    assert "open until 13:00 UTC" in page.words
    assert "/maintenance/nightly/end" in acts(page)


async def test_a_window_that_hardly_ever_closes_says_so() -> None:
    always = replace(NIGHTLY, name="always", cron="* * * * *")
    assert "it does not come again" in (await opened(PolicyReport(), specs=(always,))).words
    window = Maintenance(id="always", since=NOW, until=NOW + timedelta(days=2), members=always.members)
    words = (await opened(PolicyReport(maintenance=(window,)), specs=(always,))).words
    assert "it hardly ever closes" in words


async def test_checks_that_are_set_aside_are_listed_and_can_be_taken_back() -> None:
    pause = Pause(check="disk", since=NOW, until=NOW + timedelta(hours=1), by="olaf", reason="new disk")
    page = await opened(PolicyReport(checks_paused=(pause, Pause(check="web", since=NOW))))
    assert "by olaf: new disk, until 2026-03-01 13:00:00 UTC" in told(page)
    assert "until it is taken back" in told(page)
    assert [one for one in acts(page) if one.startswith("/checks")] == ["/checks/disk/resume", "/checks/web/resume"]


async def test_a_window_is_opened_by_form_over_names_parted_by_commas() -> None:
    api = FakeApi()
    api.view.report = PolicyReport()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    page = await visitor.page("/maintenance")
    options = [attrs["value"] for tag, attrs in page.tags if tag == "option"]
    assert {"web", "disk", "shop"} <= set(options)
    await visitor.post(
        "/do/maintenance", services="web, db", checks="", tags="shop", seconds="1h 30m", reason="deploy", name="d42"
    )
    assert api.control.said["members"] == Selector(services=("web", "db"), tags=("shop",))
    assert api.control.said["seconds"] == 5400
    await visitor.post("/do/maintenance", everything="true", seconds="1h")
    assert api.control.said["members"] == Selector(everything=True)


async def test_a_window_over_nothing_is_refused_in_words() -> None:
    api = FakeApi()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    await visitor.post("/do/maintenance", seconds="1h", next=f"{ROOT}/maintenance")
    assert "names nothing that is worked on" in (await visitor.page("/maintenance")).words


async def test_hostile_names_and_reasons_are_only_text() -> None:
    windows = tuple(
        Maintenance(
            id=name, since=NOW, until=NOW + timedelta(hours=1), members=Selector(checks=(name,)), reason=name, by=name
        )
        for name in HOSTILE
    )
    api = FakeApi()
    api.view.report = PolicyReport(
        pause=Pause(since=NOW, reason=HOSTILE[0], by=HOSTILE[1]),
        maintenance=windows,
        checks_paused=tuple(Pause(check=name, since=NOW, reason=name, by=name) for name in HOSTILE),
    )
    api.view.reports = [check(name, tags=(name,)) for name in HOSTILE]
    specs = tuple(replace(NIGHTLY, name=name, description=name, members=Selector(tags=(name,))) for name in HOSTILE)
    api.settings = replace(api.settings, maintenance=specs)
    is_harmless(await (await Visitor(api).sign_in(Role.ADMIN)).page("/maintenance"))
