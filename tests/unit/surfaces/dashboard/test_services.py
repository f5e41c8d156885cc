"""The services, and one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from salus.model import Circuit, PolicyReport, Role, ServiceSpec, ServiceState, Status
from salus.ports import Batch
from tests.fake_agent import NOW, RECOVERY, WEB_SERVICE, check
from tests.fake_api import FakeApi
from tests.unit.surfaces.dashboard.hostile import HOSTILE, acts, is_harmless
from tests.visitor import ROOT, Visitor

DB = replace(WEB_SERVICE, name="db", state=ServiceState.EXITED, pid=None, message="killed by SIGKILL", starts=4)
JOBS = replace(WEB_SERVICE, name="jobs", state=ServiceState.STOPPED, pid=None, wanted=False, starts=1)


def several() -> FakeApi:
    api = FakeApi()
    api.view.service_list = [DB, JOBS, WEB_SERVICE]
    specs = {
        "web": ServiceSpec(name="web", kind="process", depends_on=("db",)),
        "jobs": ServiceSpec(name="jobs", kind="process", depends_on=("db",)),
        "db": ServiceSpec(name="db", kind="process"),
    }
    api.settings = replace(api.settings, services=specs)
    return api


async def test_the_list_tells_each_service_with_its_state_its_checks_and_what_a_person_wants() -> None:
    page = await (await Visitor(several()).sign_in(Role.VIEWER)).page("/services")
    words = page.words
    assert "1 running" in words
    assert "1 down" in words
    assert "1 stopped by a person" in words
    assert "killed by SIGKILL" in words
    assert "kept stopped" in words
    assert "pid 777 · 2 starts" in words
    assert f"{ROOT}/services/web" in page.links
    assert f"{ROOT}/checks/web" in page.links
    assert page.ids.index("service-db") < page.ids.index("service-web")  # what is down comes first


async def test_a_list_without_services_says_what_to_do() -> None:
    api = FakeApi()
    api.view.service_list = []
    assert "No service is known" in (await (await Visitor(api).sign_in(Role.VIEWER)).page("/services")).words


async def test_many_services_are_paged() -> None:
    api = FakeApi()
    api.view.service_list = [replace(WEB_SERVICE, name=f"s{number:03}") for number in range(250)]
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    first, last = await visitor.page("/services"), await visitor.page("/services?page=99")
    assert ("service-s000" in first.ids, "service-s050" in first.ids) == (True, False)
    assert "service-s249" in last.ids
    assert f"{ROOT}/services?page=2" in first.links
    assert (await visitor.page("/services?page=%C2%B2")).ids == first.ids


async def test_one_service_tells_what_it_is_what_looks_at_it_and_what_depends_on_it() -> None:
    page = await (await Visitor(several()).sign_in(Role.OPERATOR)).page("/services/db")
    words = page.words
    assert "Down" in words
    assert "4 times by this Salus" in words
    assert "No check looks at it" in words
    assert {f"{ROOT}/services/jobs", f"{ROOT}/services/web"} <= set(page.links)
    assert "web, jobs depend on it" in words
    web = await (await Visitor(several()).sign_in(Role.OPERATOR)).page("/services/web")
    assert "expected status 200, got 500" in web.words
    assert "1 check looks at it" in web.words


@pytest.mark.parametrize(
    "name, wanted",
    [("web", ["restart", "stop"]), ("db", ["start", "restart", "stop"]), ("jobs", ["start", "restart"])],
)
async def test_what_may_be_done_depends_on_the_state_of_the_service(name: str, wanted: list[str]) -> None:
    page = await (await Visitor(several()).sign_in(Role.OPERATOR)).page(f"/services/{name}")
    assert acts(page) == [f"/services/{name}/{what}" for what in wanted]


async def test_stopping_is_asked_twice_and_done_by_the_form() -> None:
    api = several()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    page = await visitor.page("/services/web")
    assert "stays stopped until somebody starts it" in page.words
    assert "ask-stop" in page.ids
    await visitor.post("/do/services/web/stop", next=f"{ROOT}/services/web")
    assert api.control.asked == [("stop_service", "web")]
    api.door.clock.at += timedelta(seconds=10)
    assert "web is stopped" in (await visitor.page("/services/web")).words


async def test_a_viewer_sees_neither_buttons_nor_output() -> None:
    page = await (await Visitor(several()).sign_in(Role.VIEWER)).page("/services/web")
    assert acts(page) == []
    assert "listening on :8080" not in page.words
    assert "Shown to operators only" in page.words


async def test_the_last_output_is_shown_and_bounded() -> None:
    page = await (await Visitor(several()).sign_in(Role.OPERATOR)).page("/services/web")
    assert "listening on :8080" in page.words
    assert "x" * 2001 not in page.text


async def test_a_service_can_be_stopped_while_the_ledger_cannot_be_read() -> None:
    api = several()
    api.view.reports = [check("web", Status.UNHEALTHY, service="web")]
    api.past.broken = True
    page = await (await Visitor(api).sign_in(Role.OPERATOR)).page("/services/web")
    assert "The ledger cannot be read" in page.words
    assert "/services/web/stop" in acts(page)


async def test_its_last_recoveries_are_those_that_touched_it() -> None:
    api = several()
    await api.past.open()
    touched = [replace(RECOVERY, id=f"t{n:02}", started_at=NOW - timedelta(minutes=n)) for n in range(20)]
    other = replace(RECOVERY, id="other", targets=("service:db",))
    await api.past.write(Batch(recoveries=[*touched, other]))
    page = await (await Visitor(api).sign_in(Role.VIEWER)).page("/services/web")
    shown = [link.rpartition("/")[2] for link in page.links if "/recoveries/" in link]
    assert shown == ["running", *(f"t{n:02}" for n in range(9))]


async def test_what_keeps_it_from_being_healed_is_told_of_this_service_alone() -> None:
    api = several()
    api.view.report = PolicyReport(
        rivals=("somebody else replaced service:web 3 times within an hour while it was bad",),
        circuits=(
            Circuit(action="restart_service web", failures=5, opened_at=NOW, retry_at=NOW + timedelta(minutes=5)),
            Circuit(action="restart_service service:db", failures=7, opened_at=NOW),
        ),
    )
    visitor = await Visitor(api).sign_in(Role.VIEWER)

    def told(text: str) -> str:
        return text.partition('id="service-held"')[2].partition('id="service-facts"')[0]

    web, db = told((await visitor.page("/services/web")).text), told((await visitor.page("/services/db")).text)
    assert ("Somebody else restarts it too" in web, "failed 5 times" in web) == (True, True)
    assert ("Somebody else restarts it too" in db, "failed 7 times" in db, "failed 5" in db) == (False, True, False)


async def test_there_is_no_page_of_a_service_that_is_not_there() -> None:
    visitor = await Visitor(several()).sign_in(Role.VIEWER)
    for name in ("nobody", "%3Cscript%3E", "..", "x" * 200):
        assert (await visitor.get(f"/services/{name}")).code == 404


async def test_hostile_names_and_messages_are_only_text() -> None:
    api = FakeApi()
    api.view.service_list = [replace(WEB_SERVICE, name=name, kind=name, message=name) for name in HOSTILE]
    api.view.reports = [check(name, Status.UNHEALTHY, name, service=name) for name in HOSTILE]
    specs = {name: ServiceSpec(name=name, kind=name, depends_on=HOSTILE) for name in HOSTILE}
    api.settings = replace(api.settings, services=specs)
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    is_harmless(await visitor.page("/services"))
    for name in HOSTILE:
        is_harmless(await visitor.page(f"/services/{name}"))
