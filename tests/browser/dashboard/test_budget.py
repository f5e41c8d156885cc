"""What the overview may cost whoever looks: bytes, requests, and nothing from anybody else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from salus.model import CheckReport, Metric, Role, Status
from salus.state import looked
from tests.browser.dashboard.people import ROOT, visitor
from tests.browser.looking import weighed
from tests.browser.watched import Watch
from tests.fake_agent import check
from tests.served_agent import Agent

KIB = 1024
TRANSFER = 100 * KIB
HTML = 200 * KIB
REQUESTS = 6
CHECKS = 2_000

POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def many(count: int = CHECKS) -> list[CheckReport]:
    """Return as many checks as a large site has, of which one in seven is not well."""
    reports = []
    for number in range(count):
        status = (Status.UNHEALTHY, Status.DEGRADED)[number % 2] if number % 7 == 0 else Status.HEALTHY
        one = check(
            f"shop-{number % 40}/service-{number:04}",
            status,
            f"expected status 200 within 500 ms, got {200 + number % 300} after {number % 900} ms",
            metrics={"response_seconds": Metric(number / 1000, "seconds")},
            tags=(f"shop-{number % 40}", f"team-{number % 12}"),
            service=f"service-{number % 100}",
            description="Answers what customers ask",
        )
        ring = 1
        for place in range(30):
            ring = looked(ring, status if place % 9 == 0 else Status.HEALTHY)
        reports.append(CheckReport(spec=one.spec, state=one.state, looks=ring))
    return reports


@pytest.mark.parametrize("query", ["", "?group=tag", "?failing=1&group=service", "?q=service-1&page=3"])
async def test_the_overview_of_two_thousand_checks_keeps_its_budget(watch: Watch, served: Agent, query: str) -> None:
    served.view.reports = many()
    page = await visitor(watch, served, Role.OPERATOR)
    async with weighed(page) as weight:
        answer = await page.goto(ROOT + query)
    assert answer is not None
    assert len(await answer.body()) < HTML
    assert weight.total < TRANSFER, weight.bytes_of
    assert len(weight.bytes_of) <= REQUESTS, sorted(weight.bytes_of)
    assert {urlsplit(url).netloc for url in watch.requests} == {urlsplit(served.url).netloc}


async def test_what_never_changes_is_fetched_once(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, served)
    before = len(watch.requests)
    await page.goto(ROOT + "?q=web")
    again = [url for url in watch.requests[before:] if "/static/" in url]
    fetched = await page.evaluate(
        "() => performance.getEntriesByType('resource').map((one) => [one.name, one.transferSize])"
    )
    assert [name for name, size in fetched if "/static/" in name and size > 0] == [], again


@pytest.mark.parametrize("path", ["", "sign-in", "nothing-here", "checks/nothing"])
async def test_every_page_says_what_a_browser_may_do_with_it(watch: Watch, served: Agent, path: str) -> None:
    page = await visitor(watch, served)
    if path.startswith(("nothing", "checks")):
        async with watch.expecting(r"status of 404"):
            answer = await page.goto(ROOT + path)
    else:
        answer = await page.goto(ROOT + path)
    assert answer is not None
    said = answer.headers["content-security-policy"]
    assert dict(one.strip().split(" ", 1) for one in said.split(";")) == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


async def test_nothing_stands_in_a_page_that_the_policy_would_stop(watch: Watch, served: Agent) -> None:
    page = await visitor(watch, served)
    for path in ("", "sign-in"):
        await page.goto(ROOT + path)
        found = await page.evaluate(
            """() => [
              document.querySelectorAll("style, [style], script:not([src]), iframe, object, embed, base").length,
              [...document.querySelectorAll("*")].filter((one) =>
                [...one.attributes].some(({ name }) => name.startsWith("on"))).length,
              [...document.querySelectorAll("[href], [src], [action]")].map((one) => one.href || one.src || one.action)
                .filter((url) => typeof url === "string" && new URL(url).origin !== location.origin).length,
            ]"""
        )
        assert found == [0, 0, 0]
