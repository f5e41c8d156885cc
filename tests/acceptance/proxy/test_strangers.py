"""Who is nobody's proxy, and says so all the same: what they forward is not believed, and little else is lost."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.acceptance.proxy.client import Client
from tests.acceptance.proxy.nginx import PREFIX
from tests.acceptance.proxy.site import HOME, Site, bearer
from tests.visitor import Html

SESSION = "/api/v1/session"
BURST = 10


def guesses(client: Client, path: str, count: int, first: int) -> list[int]:
    """Send wrong tokens, each as if from an address of its own."""
    codes = []
    for number in range(first, first + count):
        told = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": f"198.51.100.{number}"}
        codes.append(client.ask("GET", path, **told, **bearer("salus_wrong")).code)
    return codes


def test_behind_a_proxy_that_is_not_believed_pages_are_whole_and_their_links_are_those_of_no_proxy(
    unbelieving: Site,
) -> None:
    client = unbelieving.client()
    page = client.get(f"{HOME}sign-in")
    assert page.code == 200
    assert f'action="{HOME}sign-in"' not in page.text
    links = [urlsplit(one).path for one in Html(page.text).links if one.startswith("/")]
    assert links
    assert all(one.startswith("/health-dashboard/") for one in links)
    root = client.get(f"{PREFIX}/")
    assert root.leads_to == f"{client.origin}{HOME}"
    assert client.get(f"{PREFIX}/status").code == 200


def test_behind_a_proxy_that_is_not_believed_tokens_work_and_cookies_are_those_of_no_proxy(unbelieving: Site) -> None:
    token = unbelieving.token()
    client = unbelieving.client()
    assert client.ask("GET", f"{PREFIX}/api/v1/checks", **bearer(token)).code == 200
    document = client.get(f"{PREFIX}/api/v1/openapi.json").json
    assert document["servers"] == [{"url": "/api/v1"}]
    signed = client.send(f"{HOME}sign-in", {"token": token, "next": HOME})
    assert signed.headers["location"] == "/health-dashboard/"
    (cookie,) = signed.cookies
    assert "Path=/;" in cookie
    assert "Secure" not in cookie
    assert client.get(HOME).code == 200


def test_nobody_slips_past_the_throttle_by_saying_to_be_somebody_else(unbelieving: Site) -> None:
    direct = unbelieving.direct(source="127.0.0.2")
    codes = guesses(direct, SESSION, BURST + 5, 1)
    assert codes[0] == 401
    assert codes[-1] == 429
    proxied = guesses(unbelieving.client(source="127.0.0.3"), PREFIX + SESSION, BURST + 5, 30)
    assert proxied[-1] == 429


def test_behind_a_believed_proxy_everybody_has_their_own_measure_and_cannot_choose_it(site: Site, token: str) -> None:
    mallory, alice = site.client(source="127.0.0.2"), site.client(source="127.0.0.3")
    codes = guesses(mallory, PREFIX + SESSION, BURST + 5, 1)
    assert codes[0] == 401
    assert codes[-1] == 429
    assert guesses(alice, PREFIX + SESSION, 1, 1) == [401]
    assert mallory.ask("GET", PREFIX + SESSION, **bearer(token)).code == 200


def test_who_comes_without_the_proxy_is_believed_nothing(site: Site, token: str) -> None:
    stranger = site.direct(source="127.0.0.4")
    assert guesses(stranger, SESSION, BURST + 5, 1)[-1] == 429
    told = {"x-forwarded-prefix": "/evil", "x-forwarded-proto": "https"}
    page = stranger.get("/health-dashboard/", **told)
    assert page.headers["location"].startswith("/health-dashboard/sign-in?")
    (cookie,) = stranger.send("/health-dashboard/sign-in", {"token": token}, **told).cookies
    assert "Path=/;" in cookie
    assert "Secure" not in cookie


def test_a_visitor_cannot_choose_the_path_that_the_proxy_says(site: Site) -> None:
    told = {"x-forwarded-prefix": "/evil", "x-forwarded-proto": "http"}
    page = site.client().get(f"{HOME}sign-in", **told)
    assert page.code == 200
    assert "/evil" not in page.text
    assert f'action="{HOME}sign-in"' in page.text
