"""What a person sees who types the address of something that is meant for programs."""

from __future__ import annotations

import json

from tests.browser.looking import picture
from tests.browser.shop import SERVICES, Shop, until
from tests.browser.watched import Watch
from tests.served_agent import Agent


async def test_the_health_of_a_real_salus_is_read_in_a_browser(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    await until(shop.all_well, "a Salus that is well itself")
    answer = await page.goto("/health")
    assert answer is not None
    assert (answer.status, await answer.json()) == (200, {"status": "healthy"})
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_details_are_told_to_whoever_has_a_token(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url, headers={"Authorization": f"Bearer {shop.token('viewer')}"})
    answer = await page.goto("/health")
    assert answer is not None
    assert {f"{name}-http" for name in SERVICES} < set((await answer.json())["checks"])


async def test_a_service_that_fails_is_seen_and_seen_to_be_healed(watch: Watch, shop: Shop) -> None:
    page = await watch.open(shop.url)
    shop.fail("web", always=True)
    await until(lambda: shop.salus.check("web-http")["status"] == "unhealthy", "a failing web")
    async with watch.expecting(r"status of 503", r"broken: 503"):
        answer = await page.goto("/health")
    assert answer is not None
    assert answer.status == 503
    shop.mend("web")
    await until(shop.well, "a shop that is well again")
    answer = await page.goto("/health")
    assert answer is not None
    assert answer.status == 200


async def test_a_service_that_is_killed_or_slow_is_healed(shop: Shop) -> None:
    pid = shop.salus.service("cart")["pid"]
    shop.kill("cart")
    await until(lambda: shop.salus.service("cart")["pid"] not in (None, pid), "a new cart")
    await until(shop.well, "a shop that is well again")
    pid = shop.salus.service("database")["pid"]
    shop.slow("database", 10)
    await until(lambda: shop.salus.service("database")["pid"] not in (None, pid), "a new database")
    await until(shop.well, "a shop that is well again")


async def test_the_document_of_the_api_is_shown_with_fakes_behind_it(watch: Watch, served: Agent) -> None:
    page = await watch.open(served.url)
    answer = await page.goto("/api/v1/openapi.json")
    assert answer is not None
    assert json.loads(await answer.text())["openapi"] == "3.1.0"
    await picture(page, "openapi")
