"""The page over HTTP: who gets what, how long it is kept, and what it costs."""

from __future__ import annotations

import asyncio
import gzip
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from salus.model import Status
from salus.model.statuspage import Impact
from salus.surfaces.statuspage.app import BURST, FRESH, MOST_BYTES, MOST_COPIES
from salus.surfaces.statuspage.copies import Copy
from tests.asgi import ask
from tests.fake_agent import NOW
from tests.fake_status import CONFIG, Shop

EVERYTHING = [
    "/status",
    "/status/history",
    "/status/feed.atom",
    "/status/feed.rss",
    *(
        f"/status/api/v2/{name}.json"
        for name in ("summary", "status", "components", "incidents", "scheduled-maintenances")
    ),
]
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("path", [*EVERYTHING, "/status/static/healthy.svg", "/status/nothing"])
async def test_without_the_section_there_is_nothing_at_all(path: str) -> None:
    shop = Shop("checks: {web-http: memory}")
    answer = await shop.ask(path, accept="text/html")
    assert (answer.code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json["remedy"] == "it is off until the config has `status_page`"
    assert shop.past.asked == []


@pytest.mark.parametrize("path", EVERYTHING)
async def test_everything_answers_get_and_head_and_nothing_else(path: str) -> None:
    shop = Shop()
    got, head = await shop.ask(path), await shop.ask(path, method="HEAD")
    assert (got.code, head.code, head.body) == (200, 200, b"")
    assert head.headers["content-length"] == str(len(got.body))
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"):
        answer = await shop.ask(path, method=method)
        assert (answer.code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", EVERYTHING)
async def test_every_answer_may_be_kept_for_a_moment_and_is_not_sent_twice(path: str) -> None:
    shop = Shop()
    first = await shop.ask(path)
    assert first.headers["cache-control"] == "public, max-age=10"
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await shop.ask(path, more={"If-None-Match": given})
        assert (again.code, again.body, again.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in again.headers
    assert (await shop.ask(path, more={"If-None-Match": '"other"'})).code == 200


async def test_pages_are_packed_where_that_is_understood() -> None:
    shop = Shop()
    plain = await shop.ask()
    for accepted in ("gzip", "br, gzip;q=0.5", "*"):
        packed = await shop.ask(more={"Accept-Encoding": accepted})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert packed.headers["etag"] != plain.headers["etag"]
        assert len(packed.body) < 5000
    for refused in ("br", "gzip;q=0", "gzip; q=0.0, *", ""):
        assert "content-encoding" not in (await shop.ask(more={"Accept-Encoding": refused})).headers
    assert "Accept-Encoding" in plain.headers["vary"]


async def test_a_page_runs_and_loads_nothing_but_its_own_stylesheet_which_is_kept_for_ever() -> None:
    shop = Shop()
    page = await shop.ask()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<style| style=| on\w+=|http-equiv", page.text)
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    css = await shop.ask(style)
    assert (css.code, css.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in css.headers["cache-control"]
    assert not re.search(r"url\(|@import", css.text)
    (icon,) = re.findall(r'<link rel="icon" href="([^"]+)"', page.text)
    assert (await shop.ask(icon)).headers["content-type"] == "image/svg+xml"


async def test_json_may_be_read_by_every_site_and_nothing_else_may() -> None:
    shop = Shop()
    for path in EVERYTHING:
        answer = await shop.ask(path)
        assert answer.headers.get("access-control-allow-origin") == ("*" if path.endswith(".json") else None)
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_links_lead_through_a_proxy_that_is_trusted_and_its_copies_are_its_own() -> None:
    shop = Shop()
    shop.outage("web-http", ago=timedelta(hours=2), lasted=timedelta(minutes=2))

    async def through(client: str) -> str:
        told: list[Any] = []
        headers = [(b"x-forwarded-prefix", b"/up/there"), (b"x-forwarded-for", b"192.0.2.1")]
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/status", "query_string": b""}
        scope |= {"headers": headers, "client": (client, 1), "scheme": "http"}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            told.append(message)

        await shop.app(scope, receive, send)
        return bytes(told[1]["body"]).decode()

    trusted, stranger = await through("10.0.0.1"), await through("192.0.2.7")
    assert {link.split("/")[1] for link in re.findall(r'href="(/[^"]*)"', trusted)} == {"up"}
    assert "/up/" not in stranger
    assert 'href="/status/feed.atom"' in stranger


async def test_it_works_where_salus_is_mounted_below_a_path() -> None:
    shop = Shop()

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await shop.app({**scope, "root_path": "/mnt", "path": f"/mnt{scope['path']}"}, receive, send)

    page = await ask(mounted, "/status")
    assert page.code == 200
    assert 'href="/mnt/status/history"' in page.text


async def test_however_many_ask_it_is_read_and_written_once_every_few_seconds() -> None:
    shop = Shop()
    answers = await asyncio.gather(*(shop.ask() for _ in range(200)))
    assert {answer.code for answer in answers} == {200}
    assert shop.past.asked == ["days", "incidents"]
    shop.clock.at += timedelta(seconds=FRESH + 1)
    await asyncio.gather(*(shop.ask() for _ in range(200)))
    assert shop.past.asked == ["days", "incidents", "incidents"]  # the days are read once a minute


async def test_who_asks_for_ever_other_pages_is_told_to_come_later() -> None:
    shop = Shop()
    for number in range(40):
        shop.outage("web-http", ago=timedelta(hours=number + 1), lasted=timedelta(minutes=2))
    told: Any = await shop.json("incidents")
    paths = [f"/status/incidents/{one['id']}" for one in told["incidents"]]
    codes = [(await shop.ask(path)).code for path in paths]
    assert codes.count(200) == BURST - 1
    assert set(codes[int(BURST) :]) == {503}
    busy = await shop.ask(paths[-1])
    assert busy.headers["retry-after"] == "1"
    assert (await shop.ask(paths[0])).code == 200  # what is written already costs nothing
    shop.clock.at += timedelta(seconds=4)
    assert (await shop.ask(paths[-1])).code == 200


async def test_who_asks_for_ever_other_pages_keeps_nobody_from_the_page_itself() -> None:
    shop = Shop()
    for number in range(40):
        shop.outage("web-http", ago=timedelta(hours=number + 1), lasted=timedelta(minutes=2))
    told: Any = await shop.json("incidents")
    for _ in range(3):
        for one in told["incidents"]:
            await shop.ask(f"/status/incidents/{one['id']}")
        assert (await shop.ask()).code == 200
        shop.clock.at += timedelta(seconds=FRESH + 1)
        shop.app._written.level = 0.0


async def test_copies_are_bounded() -> None:
    shop = Shop()
    for number in range(MOST_COPIES + 20):
        shop.outage("web-http", ago=timedelta(hours=number + 1), lasted=timedelta(minutes=2))
    page = await shop.app._current()
    for one in page.page.troubles:
        shop.app._written.level = BURST
        assert (await shop.ask(f"/status/incidents/{one.id}")).code == 200
    assert len(page.copies) == MOST_COPIES


async def test_copies_are_bounded_in_bytes_too_and_the_newest_is_kept() -> None:
    shop = Shop()
    await shop.ask()
    edition = await shop.app._current()
    whole = Copy.of(b"x" * MOST_BYTES, "text/plain", b"")
    edition.keep(("front", "/a"), whole)
    assert list(edition.copies) == [("front", "/a")]
    edition.keep(("front", "/b"), whole)
    assert list(edition.copies) == [("front", "/b")]


async def test_a_reload_shows_at_once_what_is_chosen_now_and_nothing_else() -> None:
    shop = Shop()
    assert "Search" in (await shop.ask()).text
    shop.reload(CONFIG.replace("        Search: search-es\n", ""))
    assert "Search" not in (await shop.ask()).text
    shop.reload("checks: {web-http: memory}")
    assert (await shop.ask()).code == 404


async def test_what_changes_is_seen_after_a_few_seconds() -> None:
    shop = Shop()
    await shop.ask()
    shop.become("web-http", Status.UNHEALTHY)
    assert "Partial outage" not in (await shop.ask()).text
    shop.clock.at += timedelta(seconds=FRESH)
    assert "Partial outage" in (await shop.ask()).text


@pytest.mark.parametrize(
    "query",
    ["month=2026-13", "month=1999-01", "month=2026-04", "month=x", "month=", "month=%ff", "month=" + "9" * 5000],
)
async def test_a_month_that_is_not_shown_is_not_found(query: str) -> None:
    shop = Shop()
    answer = await shop.ask(f"/status/history?{query}", accept="text/html")
    assert answer.code in (200, 404)
    assert answer.code == (200 if query == "month=" else 404)


async def test_a_person_who_finds_nothing_is_shown_the_way_back() -> None:
    shop = Shop()
    answer = await shop.ask("/status/incidents/gone", accept="text/html,*/*")
    assert (answer.code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing here" in answer.text
    assert (await shop.ask("/status/incidents/gone")).headers["content-type"] == "application/problem+json"


async def test_feeds_are_well_formed_and_stay_the_same_until_something_is_told() -> None:
    shop = Shop()
    quiet = await shop.ask("/status/feed.atom")
    ET.fromstring(quiet.body)
    made = await shop.book.announce("<b>&\"'\u2028", Impact.MINOR, ["Website"])
    shop.outage("web-http", ago=timedelta(hours=2), lasted=timedelta(minutes=2))
    shop.clock.at += timedelta(minutes=1)
    feed = await shop.ask("/status/feed.atom")
    entries = ET.fromstring(feed.body).findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["<b>&\"'", "Outage of Website"]
    rss = ET.fromstring((await shop.ask("/status/feed.rss")).body)
    assert [item.findtext("title") for item in rss.iter("item")] == ["<b>&\"'", "Outage of Website"]
    shop.clock.at += timedelta(minutes=1)
    assert (await shop.ask("/status/feed.atom")).headers["etag"] == feed.headers["etag"]
    await shop.book.resolve(made.id)
    shop.clock.at += timedelta(minutes=1)
    assert (await shop.ask("/status/feed.atom")).headers["etag"] != feed.headers["etag"]


async def test_links_in_feeds_and_json_are_whole_where_the_address_is_known() -> None:
    shop = Shop(CONFIG + "  url: https://status.example.org/status/\n")
    shop.outage("web-http", ago=timedelta(hours=2), lasted=timedelta(minutes=2))
    told: Any = await shop.json("incidents")
    assert told["page"]["url"] == "https://status.example.org/status"
    assert told["incidents"][0]["shortlink"].startswith("https://status.example.org/status/incidents/")
    assert 'href="https://status.example.org/status"' in (await shop.ask("/status/feed.atom")).text
    assert told["page"]["updated_at"].startswith(f"{NOW:%Y-%m-%dT%H:%M}")


async def test_a_bug_answers_with_nothing_of_what_went_wrong() -> None:
    shop = Shop()
    shop.past.days_of = None  # type: ignore[assignment] # as a bug would have it
    answer = await shop.ask()
    assert (answer.code, answer.json["detail"]) == (500, "that went wrong")
