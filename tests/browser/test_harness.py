"""Whoever watches the pages is watched too: a page with a fault must fail its test."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, Route

from tests.browser import looking
from tests.browser.looking import assert_accessible, assert_fits, focused, picture, pictures, tab_order, tab_to, weighed
from tests.browser.watched import NARROW, Watch, watching

URL = "http://127.0.0.1:9"
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>'
FAULTS = {
    "inline-script": (f"{HEAD}<script>document.title = 'x'</script>", r"policy: script-src-elem inline"),
    "inline-style": (f'{HEAD}<p style="color: red">x', r"policy: style-src-attr inline"),
    "style-element": (f"{HEAD}<style>p {{ color: red }}</style>", r"policy: style-src-elem inline"),
    "handler": (f'{HEAD}<button onclick="x()">x</button>', r"policy: script-src-attr inline"),
    "image-of-others": (f'{HEAD}<img alt="x" src="http://example.org/x.png">', r"somebody else: http://example.org/"),
    "console-error": (f'{HEAD}<script src="/complains.js"></script>', r"console: this is wrong at"),
    "thrown-error": (f'{HEAD}<script src="/throws.js"></script>', r"page error: thrown"),
    "two-errors": (f'{HEAD}<script src="/complains.js"></script><script src="/throws.js"></script>', r"thrown"),
    "missing-file": (f'{HEAD}<script src="/missing.js"></script>', r"status of 404"),
}
FILES = {
    "complains.js": "console.error('this is wrong')",
    "throws.js": "throw new Error('thrown')",
    "fine.js": "console.log('fine'); console.warn('well')",
}
FINE = f"""{HEAD}<link rel="icon" href="data:,"><script src="/fine.js"></script>
<main><h1>Fine</h1><label>Search <input></label> <a href="#end">The end</a> <button>Send</button><p id="end">x</main>"""


async def play(route: Route) -> None:
    """Answer with the page of that name."""
    name = route.request.url.removeprefix(URL).strip("/")
    headers = {"content-security-policy": CSP}
    if name in FILES:
        await route.fulfill(body=FILES[name], content_type="text/javascript", headers=headers)
    elif name == "broken":
        await route.fulfill(status=503, body=FINE, content_type="text/html", headers=headers)
    elif name in FAULTS or not name:
        body = FAULTS[name][0] if name else FINE
        await route.fulfill(body=body, content_type="text/html", headers=headers)
    else:
        await route.fulfill(status=404, body="no", content_type="text/plain")


async def opened(watch: Watch, path: str, *, script: bool = True) -> Page:
    page = await watch.open(URL, script=script)
    await page.route("**/*", play)
    await page.goto(path)
    return page


@pytest.mark.parametrize("name", FAULTS)
async def test_a_page_with_a_fault_fails_its_test(browser: Browser, name: str) -> None:
    with pytest.raises(AssertionError, match=FAULTS[name][1]):
        async with watching(browser) as watch:
            await opened(watch, f"/{name}")


@pytest.mark.parametrize("name", ["inline-style", "image-of-others", "broken"])
async def test_a_fault_is_seen_without_scripts_too(browser: Browser, name: str) -> None:
    with pytest.raises(AssertionError, match=r"console: .*style-src|somebody else|broken: 503"):
        async with watching(browser) as watch:
            await opened(watch, f"/{name}", script=False)


async def test_a_page_without_a_fault_passes_and_its_requests_are_known(watch: Watch) -> None:
    await opened(watch, "/")
    await watch.settle()
    assert [url for url in watch.requests if url.startswith("http")] == [f"{URL}/", f"{URL}/fine.js"]


async def test_what_is_expected_may_come_and_has_to(watch: Watch) -> None:
    async with watch.expecting(r"status of 503", r"broken: 503"):
        await opened(watch, "/broken")
    with pytest.raises(AssertionError, match="did not come"):
        async with watch.expecting(r"status of 503"):
            await opened(watch, "/")


async def test_what_comes_beside_the_expected_still_fails(browser: Browser) -> None:
    with pytest.raises(AssertionError, match="page error: thrown"):
        async with watching(browser) as watch, watch.expecting(r"console: this is wrong"):
            await opened(watch, "/two-errors")


async def test_the_browser_reaches_nobody_but_this_host(browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://example.org/")
    await context.close()


async def test_the_keyboard_comes_to_everything_in_its_order(watch: Watch) -> None:
    page = await opened(watch, "/")
    assert await tab_order(page) == ["input Search", "a The end", "button Send"]
    await tab_to(page, "The end")
    assert await focused(page) == "a The end"
    with pytest.raises(AssertionError, match="never comes to 'Nothing'"):
        await tab_to(page, "Nothing", most=5)


async def test_what_axe_finds_grave_fails(watch: Watch) -> None:
    page = await opened(watch, "/")
    await assert_accessible(page)
    await page.evaluate("() => document.querySelector('label').replaceWith(document.createElement('input'))")
    with pytest.raises(AssertionError, match="critical label"):
        await assert_accessible(page)


async def test_what_is_wider_than_a_phone_fails(watch: Watch) -> None:
    page = await opened(watch, "/")
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await assert_fits(page)
    await page.evaluate("() => { document.querySelector('h1').style.width = '600px' }")
    with pytest.raises(AssertionError, match="<h1"):
        await assert_fits(page)


async def test_pictures_are_kept_where_they_are_wanted(
    watch: Watch, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await opened(watch, "/")
    monkeypatch.delenv(looking.PICTURES, raising=False)
    await picture(page, "unwanted")
    folder = tmp_path_factory.mktemp("pictures")
    monkeypatch.setenv(looking.PICTURES, str(folder))
    await pictures(page, "shop/fine")
    assert sorted(path.name for path in folder.glob("**/*.png")) == [
        "fine-dark-1440.png",
        "fine-dark-390.png",
        "fine-light-1440.png",
        "fine-light-390.png",
    ]


async def test_a_page_is_weighed_with_all_that_it_loads(watch: Watch) -> None:
    page = await watch.open(URL)
    await page.route("**/*", play)
    async with weighed(page) as weight:
        await page.goto("/")
    assert {f"{URL}/", f"{URL}/fine.js"} <= set(weight.bytes_of)
    assert weight.total > 0
