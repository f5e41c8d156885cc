"""The overview: what is wrong comes first, and every check can be found."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from salus.model import CheckReport, Pause, Role, Status
from tests.fake_agent import NOW, WEB_RULE, check, refusal
from tests.fake_api import FakeApi
from tests.visitor import Html, Visitor


async def looking_at(*reports: CheckReport, query: str = "", role: Role = Role.VIEWER) -> Html:
    api = FakeApi()
    api.view.reports = sorted(reports, key=lambda one: one.spec.name)
    return await (await Visitor(api).sign_in(role)).page(f"/{query}")


def rows(page: Html) -> list[str]:
    return [name.removeprefix("check-") for name in page.ids if name.startswith("check-")]


FEW = [
    check("api", Status.DEGRADED, "slow", tags=("shop",), service="api"),
    check("db", tags=("shop", "data"), service="db"),
    check("disk", Status.UNHEALTHY, "full", critical=True, tags=("host",)),
    check("new", Status.UNKNOWN),
]


async def test_the_worst_stands_first_and_what_is_well_does_not_stand_there() -> None:
    page = await looking_at(*FEW)
    worries = page.words.partition("What needs attention")[2].partition("Checks")[0]
    assert worries.index("disk") < worries.index("api")
    assert "db" not in worries.split()


async def test_how_many_are_how_and_whose_they_are_stand_apart() -> None:
    api = FakeApi()
    api.view.reports = FEW
    text = (await (await Visitor(api).sign_in(Role.VIEWER)).get("/")).text
    hero = text.partition('class="hero')[2].partition("</section>")[0]
    said = re.sub(r"<[^>]+>", "", hero)
    assert "1 unhealthy · 1 degraded · 1 unknown · 1 healthy · host · test · started" in said


async def test_a_check_that_a_person_has_paused_is_no_worry_and_says_so() -> None:
    paused = replace(check("aside", Status.UNKNOWN, "paused by olaf"), paused=Pause(since=NOW, by="olaf"))
    page = await looking_at(paused, FEW[1])
    assert "What needs attention" not in page.words
    assert "Paused aside paused by olaf" in page.words


async def test_a_check_that_was_not_looked_at_yet_is_no_worry() -> None:
    page = await looking_at(check("db"), check("new", Status.UNKNOWN))
    assert "What needs attention" not in page.words


async def test_what_salus_does_about_trouble_is_said_beside_it() -> None:
    api = FakeApi()
    api.view.reports = [check("web", Status.UNHEALTHY, "500"), check("x", Status.UNHEALTHY, "no")]
    api.view.rule_list = [replace(WEB_RULE, refusal=refusal(WEB_RULE.refusal.reason, "3 of 3 attempts are spent"))]  # type: ignore[union-attr]
    words = (await (await Visitor(api).sign_in(Role.VIEWER)).page("/")).words
    assert "3 of 3 attempts are spent" in words
    assert "no rule heals it" in words


@pytest.mark.parametrize(
    "query,found",
    [
        ("", ["api", "db", "disk", "new"]),
        ("?q=FULL", ["disk"]),
        ("?failing=1", ["api", "disk", "new"]),
        ("?status=healthy", ["db"]),
        ("?tag=shop", ["api", "db"]),
        ("?service=db", ["db"]),
        ("?tag=shop&failing=1", ["api"]),
        ("?group=status", ["disk", "api", "new", "db"]),
        ("?group=tag", ["disk", "api", "db", "new"]),
        ("?q=nothing-of-the-kind", []),
    ],
)
async def test_what_is_searched_for_is_found(query: str, found: list[str]) -> None:
    page = await looking_at(*FEW, query=query)
    assert rows(page) == found
    assert ("No check fits" in page.words) is (found == [])


async def test_groups_say_how_many_are_in_them_and_how_many_are_not_well() -> None:
    page = await looking_at(*FEW, query="?group=tag")
    assert "shop 2 checks · 1 degraded" in page.words


async def test_long_lists_come_in_pages_that_lead_to_each_other() -> None:
    many = [check(f"c{number:04}") for number in range(120)]
    first = await looking_at(*many, query="?q=c")
    assert len(rows(first)) == 50
    assert "/health-dashboard/?q=c&page=2" in first.links
    last = await looking_at(*many, query="?q=c&page=3")
    assert rows(last) == [f"c{number:04}" for number in range(100, 120)]
    assert "Page 3 of 3 · 120 checks" in last.words
    beyond = await looking_at(*many, query="?page=99")
    assert rows(beyond) == rows(last)


async def test_a_salus_that_watches_nothing_says_how_to_begin() -> None:
    assert "Write checks into the config" in (await looking_at()).words


async def test_a_page_of_two_thousand_checks_is_small() -> None:
    many = [check(f"check-{number:04}", message="200 OK in 12 ms, as it should be") for number in range(2000)]
    page = await looking_at(*many, role=Role.ADMIN)
    assert len(page.text) < 200 * 1024
    assert "Page 1 of 40" in page.words


async def test_no_two_elements_have_the_same_name() -> None:
    page = await looking_at(*FEW, role=Role.ADMIN)
    assert sorted(set(page.ids)) == sorted(page.ids)


async def test_what_runs_is_shown_with_its_steps() -> None:
    api = FakeApi()
    page = await (await Visitor(api).sign_in(Role.VIEWER)).page("/")
    assert f"Healing {api.view.running[0].check}" in page.words
