"""The list of recoveries, and the page of one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Event, EventKind, Outcome, Role
from salus.ports import Batch
from tests.fake_agent import NOW, RECOVERY, RUNNING
from tests.fake_api import EVENT, FakeApi
from tests.visitor import ROOT, Html, Visitor

HOSTILE = "<script>alert('x')</script>\"&../" + "ü" * 40


async def api_with(count: int = 0) -> FakeApi:
    api = FakeApi()
    await api.fill()
    older = [
        replace(RECOVERY, id=f"o{number}", started_at=NOW - timedelta(hours=1, minutes=number))
        for number in range(count)
    ]
    await api.past.write(Batch(recoveries=older))
    return api


async def page_of(api: FakeApi, path: str, role: Role = Role.VIEWER) -> Html:
    return await (await Visitor(api).sign_in(role)).page(path)


def listed(page: Html) -> list[str]:
    return [name.removeprefix("recovery-") for name in page.ids if name.startswith("recovery-")]


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_runs_stands_first_then_the_newest() -> None:
    page = await page_of(await api_with(), "/recoveries")
    assert "healing-running" in page.ids
    assert page.ids.index("healing-running") < page.ids.index("recovery-r0")
    assert listed(page) == ["r0", "r1", "r2", "r3", "r4"]
    assert f"{ROOT}/recoveries/r0" in page.links


async def test_the_list_is_paged_by_when_they_began() -> None:
    api = await api_with(40)
    page = await page_of(api, "/recoveries")
    assert len(listed(page)) == 30
    older = next(link for link in page.links if "before=" in link)
    page = await page_of(api, older.removeprefix(ROOT))
    assert listed(page) == [f"o{number}" for number in range(25, 40)]
    assert "healing-running" not in page.ids
    assert "Newest" in page.words


async def test_the_list_can_be_narrowed_to_a_check_a_rule_or_an_outcome() -> None:
    api = await api_with()
    await api.past.write(Batch(recoveries=[replace(RECOVERY, id="x", check="db", rule="r", outcome=Outcome.FAILED)]))
    for query in ("check=db", "rule=r", "outcome=failed"):
        page = await page_of(api, f"/recoveries?{query}")
        assert listed(page) == ["x"], query
        assert "healing-running" not in page.ids
    assert "No recovery fits" in (await page_of(api, "/recoveries?check=none")).words


@pytest.mark.parametrize(
    "query", ["before=x", "before=9999-99-99", "outcome=<b>", "before=2026-01-01", "before=0001-01-01T00:00:00%2B23:00"]
)
async def test_what_is_not_understood_says_nothing(query: str) -> None:
    await page_of(await api_with(), f"/recoveries?{query}")


async def test_where_nothing_was_healed_yet_the_page_says_what_will_stand_there() -> None:
    api = FakeApi()
    api.view.running = []
    assert "Nothing had to be healed yet" in (await page_of(api, "/recoveries")).words


async def test_a_ledger_that_cannot_be_read_is_said() -> None:
    api = await api_with()

    async def fail(*_: object) -> None:
        raise StoreUnreadableError("the ledger is torn")

    api.past.recoveries = fail  # type: ignore[method-assign,assignment]
    page = await page_of(api, "/recoveries")
    assert "the ledger is torn" in page.words
    assert "healing-running" in page.ids


# ── one of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_that_ended_is_told_to_its_end_with_what_it_recorded() -> None:
    api = await api_with()
    confirmed = replace(EVENT, id=7, kind=EventKind.RECOVERY_CONFIRMED, recovery="r0", message="it is still so")
    await api.past.write(Batch(events=[confirmed]))
    page = await page_of(api, "/recoveries/r0", Role.OPERATOR)
    assert [name for name in page.ids if name.startswith(("step-", "verified-", "outcome"))] == [
        "step-1",
        "step-2",
        "verified-2",
        "outcome",
    ]
    assert "it is still so" in page.words
    assert "MemoryError" in page.words
    assert "recovered" in page.words
    assert "MemoryError" not in (await page_of(api, "/recoveries/r0", Role.VIEWER)).words  # programs write secrets too


async def test_one_that_runs_shows_its_step_its_clock_and_its_bound_and_can_be_called_off() -> None:
    page = await page_of(await api_with(), "/recoveries/running", Role.OPERATOR)
    assert "Healing web" in page.words
    assert "3 s</time> of at most 30 s" in page.text
    assert f"{ROOT}/do/recoveries/running/cancel" in page.forms
    page = await page_of(await api_with(), "/recoveries/running", Role.VIEWER)
    assert not [form for form in page.forms if "/do/" in form]


async def test_it_walks_to_its_end_while_somebody_looks() -> None:
    api = await api_with()
    visitor = await Visitor(api).sign_in(Role.VIEWER)
    await visitor.page("/recoveries/running")
    async with visitor.looking("/recoveries/running") as open_page:
        await open_page.until("2. restart_service")
        api.view.running = []
        await api.past.write(Batch(recoveries=[replace(RECOVERY, id="running")]))
        api.bus.tell(Event(id=EVENT.id + 1, at=NOW, kind=EventKind.RECOVERY_FINISHED))
        await open_page.until("Recovery of")
    changed = open_page.patches[-1][1]
    assert "outcome" in changed["set"]
    assert changed["rows"]["story"][-1] == "outcome"
    assert "note-good" in changed["set"]["head"]


async def test_no_such_recovery_is_a_page_that_says_so() -> None:
    visitor = await Visitor(await api_with()).sign_in(Role.VIEWER)
    assert (await visitor.get("/recoveries/nothing")).code == 404


async def test_a_stranger_is_asked_who_they_are() -> None:
    for path in ("/recoveries", "/recoveries/r0", "/rules", "/rules/web"):
        assert (await Visitor(await api_with()).get(path)).code == 303


async def test_names_and_messages_full_of_markup_stay_words() -> None:
    api = await api_with()
    steps = (replace(RECOVERY.steps[1], action=HOSTILE, message=HOSTILE, evidence={HOSTILE: HOSTILE}),)
    odd = replace(
        RECOVERY,
        id="h",
        check=HOSTILE,
        rule=HOSTILE,
        trigger=HOSTILE,
        message=HOSTILE,
        steps=steps,
        evidence={HOSTILE: HOSTILE},
        targets=(HOSTILE,),
    )
    await api.past.write(Batch(recoveries=[odd]))
    api.view.running = [replace(RUNNING, id="n", check=HOSTILE, rule=HOSTILE, trigger=HOSTILE, steps=steps)]
    for path in ("/recoveries", "/recoveries/h", "/recoveries/n"):
        page = await page_of(api, path, Role.ADMIN)
        assert "<script>alert" not in page.text
        assert page.text.count("<script") == 1
        assert all(link.startswith((f"{ROOT}/", "#")) for link in page.links)
        assert len(page.ids) == len(set(page.ids))
