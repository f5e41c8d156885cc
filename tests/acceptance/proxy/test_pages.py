"""The dashboard, the API and the status page behind a real nginx, at a path of their own: nothing leads out of it."""

from __future__ import annotations

import os
import re
import signal
from urllib.parse import urljoin, urlsplit

import pytest

from tests.acceptance.proxy.client import Client, Reply
from tests.acceptance.proxy.nginx import PREFIX, SHOWN, location, snippets
from tests.acceptance.proxy.site import HOME, Site, bearer, csrf
from tests.acceptance.salus_process import eventually
from tests.visitor import Html

STATUS = f"{PREFIX}/status"
_MOST_PAGES = 120
_NO_ADDRESSES = ("data-view", "title", "aria-label")


def follow(client: Client, url: str) -> Reply:
    """Go where redirects lead, as long as they stay below the path."""
    for _ in range(10):
        reply = client.get(url)
        if reply.code // 100 != 3:
            return reply
        url = reply.leads_to
        assert url.startswith(f"{client.origin}{PREFIX}/"), url
    raise AssertionError(f"{url} leads in a circle")


def addresses(page: Reply) -> list[str]:
    """Return every address in a page, and see that none of them, wherever it stands, leads out of the path."""
    found = []
    for tag, attributes in Html(page.text).tags:
        for name, value in attributes.items():
            if not value or name in _NO_ADDRESSES:
                continue
            if value.startswith("/"):
                assert value.startswith(f"{PREFIX}/"), f"{page.url}: <{tag} {name}={value!r}>"
            if name in ("href", "src", "action", "formaction") and not value.startswith(("#", "data:")):
                whole = urljoin(page.url, value)
                assert urlsplit(whole).path.startswith(f"{PREFIX}/"), f"{page.url}: <{tag} {name}={value!r}>"
                if name in ("href", "src"):
                    found.append(whole)
    return found


def crawled(client: Client, url: str) -> dict[str, Reply]:
    """Follow every link of every page, each path once; returns what came, by its path."""
    came: dict[str, Reply] = {}
    waiting = [urljoin(client.origin, url)]
    while waiting and len(came) < _MOST_PAGES:
        url = waiting.pop(0).partition("#")[0]
        path = urlsplit(url).path
        if path in came:
            continue
        reply = came[path] = follow(client, url)
        assert reply.code == 200, (reply.code, url, reply.text[:300])
        if reply.headers["content-type"].startswith("text/html"):
            waiting += [one for one in addresses(reply) if urlsplit(one).path not in came]
    assert not waiting, f"{len(came)} pages, and more of them"
    return came


def trouble(site: Site) -> None:
    """Let a service be healed, and something else be wrong that nothing heals: pages have something to tell."""
    killed = site.salus.service("web")["pid"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: site.salus.service("web")["pid"] not in (killed, None), what="another process")
    eventually(site.well, what="health")
    (site.folder / "open").unlink()
    eventually(lambda: site.salus.ask("GET", "/api/v1/alerts")[1]["items"], what="an alert")


def test_the_lines_of_the_documentation_are_those_that_are_tested() -> None:
    assert [snippets(page) for page in ("tokens-and-access.md", "watch-in-a-terminal.md")] == [[], []]
    assert location(8787, SHOWN) == snippets("dashboard.md")[0]
    assert f"location {PREFIX}/ {{" in location(1)
    assert f"X-Forwarded-Prefix {PREFIX};" in location(1)


def test_the_root_leads_to_the_dashboard_and_to_signing_in(site: Site) -> None:
    client = site.client()
    for start in (PREFIX, f"{PREFIX}/", f"{PREFIX}/health-dashboard", HOME, f"{HOME}system?refresh=30"):
        page = follow(client, start)
        assert (page.code, urlsplit(page.url).path) == (200, f"{HOME}sign-in")
        assert f'action="{HOME}sign-in"' in page.text


def test_signing_in_gives_a_secure_cookie_for_this_path_and_leads_to_the_page_that_was_asked_for(
    site: Site, token: str
) -> None:
    client = site.client()
    asked = follow(client, f"{HOME}?q=web&failing=1")
    where = f"{HOME}?q=web&failing=1"
    told = [attributes["value"] for _, attributes in Html(asked.text).tags if attributes.get("name") == "next"]
    assert told[-1] == where
    wrong = client.send(f"{HOME}sign-in", {"token": "salus_wrong", "next": where})
    assert wrong.headers["location"].startswith(f"{HOME}sign-in?wrong=1&next=")
    right = client.send(f"{HOME}sign-in", {"token": token, "next": where})
    assert (right.code, right.headers["location"]) == (303, where)
    (cookie,) = right.cookies
    assert {f"Path={PREFIX}/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert follow(client, where).code == 200
    elsewhere = client.send(f"{HOME}sign-in", {"token": token, "next": "/health-dashboard/"})
    assert elsewhere.headers["location"] == HOME


def test_over_plain_http_the_cookie_is_not_secure(site: Site, token: str) -> None:
    client = Client(site.proxy.plain_url)
    (cookie,) = client.send(f"{HOME}sign-in", {"token": token, "next": HOME}).cookies
    assert "Secure" not in cookie
    assert client.get(HOME).code == 200


def test_every_link_of_every_page_stays_below_the_path_and_leads_somewhere(site: Site) -> None:
    trouble(site)
    try:
        pages = crawled(site.signed_in(site.token("admin")), f"{PREFIX}/")
    finally:
        (site.folder / "open").touch()
    eventually(site.well, what="health")
    below = [path.removeprefix(HOME) for path in pages if path.startswith(HOME)]
    assert {"", "system", "alerts", "services", "services/web", "checks/gate", "rules/web-up", "tokens"} <= set(below)
    assert {"incidents", "recoveries", "dependencies", "statistics", "audit", "maintenance"} <= set(below)
    named = [first for first, _, name in (path.partition("/") for path in below) if name]
    assert {"recoveries", "incidents", "alerts"} <= set(named)
    kinds = {path.rpartition(".")[2] for path in below if path.startswith("static/")}
    assert kinds == {"css", "js", "svg"}


def test_forms_work_and_lead_back(site: Site, token: str) -> None:
    client = site.signed_in(token)
    page = client.get(f"{HOME}checks/gate")
    forms = [one for one in Html(page.text).forms if "/do/checks/gate/run" in one]
    assert forms
    asked = {"csrf": csrf(page), "next": f"{HOME}checks/gate"}
    done = client.send(forms[0], asked)
    assert (done.code, done.headers["location"]) == (303, f"{HOME}checks/gate")
    assert 'class="note note-good"' in client.get(done.headers["location"]).text
    out = client.send(forms[0], {**asked, "next": "https://example.org/"})
    assert out.headers["location"] == HOME
    dark = client.send(f"{HOME}theme", {"theme": "dark", "next": f"{HOME}system"})
    assert dark.headers["location"] == f"{HOME}system"
    assert f"Path={PREFIX}/" in dark.cookies[0]
    assert 'data-theme="dark"' in client.get(f"{HOME}system").text


def test_a_form_of_another_site_is_refused(site: Site, token: str) -> None:
    client = site.signed_in(token)
    asked = {"csrf": csrf(client.get(HOME)), "next": HOME}
    for told in ({"origin": "https://example.org"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert client.send(f"{HOME}do/checks/gate/run", asked, **told).code == 403


def test_signing_out_ends_it_below_the_path(site: Site, token: str) -> None:
    client = site.signed_in(token)
    (before,) = client.jar
    out = client.send(f"{HOME}sign-out", {"csrf": csrf(client.get(HOME))})
    assert (out.code, out.headers["location"]) == (303, f"{HOME}sign-in?out=1")
    assert client.jar == []
    client.jar = [before]
    assert client.get(HOME).code == 303


def test_a_session_of_another_salus_on_this_host_does_not_hide_ours(site: Site, token: str) -> None:
    client = site.signed_in(token)
    # Cookies tell hosts apart, not ports: the one of a Salus without a proxy, at `/`, is sent to this one too.
    client.keep("salus_session=of-somebody-else; Path=/; Max-Age=60")
    assert client.get(HOME).code == 200
    out = client.send(f"{HOME}sign-out", {"csrf": csrf(client.get(HOME))})
    assert out.code == 303
    assert client.get(HOME).code == 303


def test_what_is_long_comes_packed(site: Site, token: str) -> None:
    client = site.signed_in(token)
    page = client.get(HOME, **{"accept-encoding": "gzip"})
    assert page.packed
    assert "accept-encoding" in page.headers["vary"].lower()
    assert "</html>" in page.text
    style = next(one for one in addresses(page) if one.endswith(".css"))
    static = client.get(style, **{"accept-encoding": "gzip"})
    assert (static.code, static.packed) == (200, True)
    assert not client.get(style).packed


def test_the_api_answers_a_token_and_its_document_says_where_it_is(site: Site, token: str) -> None:
    client = site.client()
    checks = client.ask("GET", f"{PREFIX}/api/v1/checks", **bearer(token)).json["items"]
    assert [one["name"] for one in checks] == ["gate", "salus", "web-up"]
    looked = client.ask("POST", f"{PREFIX}/api/v1/checks/gate/run", **bearer(token))
    assert (looked.code, looked.json["status"]) == (200, "healthy")
    assert client.ask("GET", f"{PREFIX}/api/v1/rules").code == 401
    document = client.get(f"{PREFIX}/api/v1/openapi.json")
    (server,) = document.json["servers"]
    base = urljoin(document.url, server["url"])
    assert base == f"{client.origin}{PREFIX}/api/v1"
    assert client.ask("GET", f"{base}/rules", **bearer(token)).code == 200
    direct = site.direct().get("/api/v1/openapi.json").json
    assert direct["servers"] == [{"url": "/api/v1"}]
    assert direct["paths"] == document.json["paths"]


def test_the_api_gives_a_session_for_this_path(site: Site, token: str) -> None:
    client = site.client()
    body = f'{{"token": "{token}"}}'.encode()
    told = client.ask("POST", f"{PREFIX}/api/v1/session", body, **{"content-type": "application/json"})
    assert f"Path={PREFIX}/" in told.cookies[0]
    write = {"x-csrf-token": told.json["csrf"]}
    assert client.ask("POST", f"{PREFIX}/api/v1/checks/gate/run").code == 403
    assert client.ask("POST", f"{PREFIX}/api/v1/checks/gate/run", **write).code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/health/checks/web-up"])
def test_what_programs_ask_is_there_too(site: Site, path: str) -> None:
    assert site.client().get(PREFIX + path, accept="*/*").code == 200


def test_the_status_page_and_its_feeds_stay_below_the_path(site: Site) -> None:
    client = site.client()
    pages = crawled(client, STATUS)
    assert {f"{STATUS}/history", f"{STATUS}/feed.atom", f"{STATUS}/feed.rss"} <= set(pages)
    for feed in ("feed.atom", "feed.rss"):
        links = _links_of(pages[f"{STATUS}/{feed}"])
        assert links
        assert all(one == STATUS or one.startswith(f"{STATUS}/") for one in links), links
    told = pages[f"{STATUS}/api/v2/summary.json"].json
    assert told["page"]["url"] == STATUS
    lost = client.get(f"{STATUS}/incidents/none")
    assert lost.code == 404
    addresses(lost)


def test_the_status_page_alone_is_given_out_as_the_documentation_shows(site: Site) -> None:
    client = site.client()
    page = client.get("/status")
    assert (page.code, 'href="/status/history"' in page.text) == (200, True)
    assert client.get("/status/feed.atom").code == 200
    assert client.get("/health-dashboard/").code == 404
    assert client.get("/status/../health-dashboard/").code in (400, 404)


def test_with_an_address_of_its_own_feeds_and_programs_find_their_way_back(unbelieving: Site) -> None:
    client = unbelieving.client()
    for feed in ("feed.atom", "feed.rss"):
        links = _links_of(client.get(f"{STATUS}/{feed}"))
        assert links
        assert all(one.startswith("https://status.example.org/how-we-are") for one in links), links
    told = client.get(f"{STATUS}/api/v2/summary.json").json
    assert told["page"]["url"] == "https://status.example.org/how-we-are"


def _links_of(feed: Reply) -> list[str]:
    assert feed.code == 200
    return re.findall(r'<link[^>]* href="([^"]+)"', feed.text) + re.findall(r"<link>([^<]+)</link>", feed.text)


def test_the_address_of_who_asks_stands_in_the_audit(site: Site, token: str) -> None:
    client = site.client(source="127.0.0.9")
    told = {"x-forwarded-for": "192.0.2.7", **bearer(token)}
    assert client.ask("POST", f"{PREFIX}/api/v1/checks/gate/run", **told).code == 200

    def row() -> bool:
        asked = client.ask("GET", f"{PREFIX}/api/v1/events?kind=request_done", **bearer(token)).json["items"]
        return any(one["data"]["address"] == "127.0.0.9" for one in asked)

    eventually(row, what="the row")
