"""Nothing gets out that was not chosen, and nothing that was chosen does harm."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salus.model import AgentInfo, Maintenance, PolicyReport, Selector, Status
from salus.model.statuspage import Impact
from tests.asgi import Answer
from tests.fake_agent import NOW
from tests.fake_status import Shop
from tests.unit.surfaces.statuspage.test_app import EVERYTHING

SECRETS = [
    "hunter2",
    "sekret",
    "web-internal",
    "db-internal",
    "hidden-check",
    "tag-internal",
    "svc-internal",
    "rule-internal",
    "chan-internal",
    "env-internal",
    "host-internal",
    "path-internal",
    "window-internal",
    "why-internal",
    "message-internal",
    "olaf-internal",
    "description-internal",
    "10.9.8.7",
    "9.9.9-version",
]
CONFIG = """
salus: {environment: env-internal}
services: {svc-internal: {process: {command: [path-internal/run, --password, hunter2], environment: {KEY: sekret}}}}
checks:
  web-internal:
    http: {url: "http://user:hunter2@host-internal:1/path-internal", headers: {Authorization: sekret}}
    tags: [tag-internal]
    service: svc-internal
    description: description-internal
  db-internal: {tcp: {host: host-internal, port: 3}, tags: [tag-internal], depends_on: [web-internal]}
  hidden-check: {file: path-internal}
rules: {web-internal: {actions: [{log: rule-internal}]}}
maintenance: {window-internal: {cron: "0 2 * * *", duration: 1h, checks: [web-internal], description: why-internal}}
alerts: {channels: {chan-internal: {webhook: {url: "http://host-internal/hunter2"}}}}
status_page:
  title: Shop
  components: {Website: web-internal}
  groups: [{name: Behind, components: {Data: {tags: [tag-internal]}}}]
"""
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}{% raw %}]]>"


async def secretive() -> Shop:
    """Return a shop of which everything that can be told is a secret, with a past."""
    shop = Shop(CONFIG)
    shop.view.reports = []
    for name in ("web-internal", "db-internal", "hidden-check"):
        shop.become(name, Status.UNHEALTHY, "message-internal at 10.9.8.7: hunter2")
        shop.past.days_of[name] = shop.past.days_of["web-http"]
    shop.view.info = AgentInfo(
        version="9.9.9-version", hostname="host-internal", pid=1, started_at=NOW, environment="env-internal"
    )
    members = Selector(checks=("web-internal",), tags=("tag-internal",), services=("svc-internal",))
    shop.hold(
        PolicyReport(
            maintenance=tuple(
                Maintenance(
                    id=f"window-internal-{days}",
                    since=NOW + timedelta(days=days),
                    until=NOW + timedelta(days=days, hours=1),
                    members=members,
                    reason="why-internal",
                    by="olaf-internal",
                )
                for days in (0, 2)
            )
        )
    )
    shop.outage("web-internal", ago=timedelta(days=2), lasted=timedelta(minutes=5))
    shop.outage("db-internal", ago=timedelta(days=40), lasted=timedelta(minutes=5))
    shop.outage("hidden-check", ago=timedelta(days=1), lasted=timedelta(minutes=5))
    shop.outage("web-internal", ago=timedelta(minutes=5), lasted=None)
    shop.clock.at = NOW
    made = await shop.book.announce("We know", Impact.MAJOR, ["Website"], text="More soon", by="olaf-internal")
    await shop.book.update(made.id, "Soon", by="olaf-internal")
    return shop


async def everything(shop: Shop) -> list[tuple[str, Answer]]:
    """Ask for all there is, and for what there is not."""
    told: Any = await shop.json("incidents")
    paths = [*EVERYTHING, "/status/history?month=2026-02", "/status/history?month=2026-01", "/status/nothing"]
    paths += [f"/status/incidents/{one['id']}" for one in told["incidents"]]
    paths += [f"/status/{secret}" for secret in ("static/status.css", "incidents/web-internal", "api/v2/checks.json")]
    return [(path, await shop.ask(path, accept=accept)) for path in paths for accept in ("text/html", "*/*")]


async def test_no_secret_of_a_config_full_of_them_is_in_any_byte_of_any_answer() -> None:
    shop = await secretive()
    answers = await everything(shop)
    assert sum(answer.code == 200 for _, answer in answers) >= 2 * (len(EVERYTHING) + 2 + 3)
    for path, answer in answers:
        whole = answer.body.decode() + repr(answer.headers)
        for secret in SECRETS:
            if secret not in path:
                assert secret not in whole, (path, secret)
            else:
                assert secret not in answer.body.decode(), (path, secret)
        assert "/etc/" not in whole
        assert "unhealthy:" not in whole


async def test_the_hidden_incident_is_not_even_counted() -> None:
    shop = await secretive()
    told: Any = await shop.json("incidents")
    assert len(told["incidents"]) == 4
    assert {one["name"] for one in told["incidents"]} >= {"We know"}


class Reader(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: set[str] = set()
        self.names: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "action")]


async def test_names_full_of_markup_are_text_and_nothing_else() -> None:
    config = f"""
checks: {{web-http: memory}}
status_page:
  title: {EVIL[:90]!r}
  description: {EVIL!r}
  show_messages: true
  components: {{{EVIL[:90]!r}: {{checks: web-http, description: {EVIL!r}}}}}
  groups: [{{name: {EVIL[:90]!r}, description: {EVIL!r}, components: {{B: web-http}}}}]
""".replace("\\'", "''")
    shop = Shop(config)
    shop.become("web-http", Status.UNHEALTHY, EVIL)
    shop.hold(
        PolicyReport(
            maintenance=(
                Maintenance(
                    id=EVIL, since=NOW, until=NOW + timedelta(hours=1), members=Selector(everything=True), reason=EVIL
                ),
            )
        )
    )
    shop.outage("web-http", ago=timedelta(minutes=5), lasted=None)
    await shop.book.announce(EVIL, Impact.MAJOR, [EVIL[:90]], text=EVIL)
    for path, answer in await everything(shop):
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        reader = Reader()
        reader.feed(answer.text)
        assert not reader.found & {"script", "img", "style", "iframe", "object", "form"}, path
        assert not any(name.startswith("on") or name == "style" for name in reader.names), path
        assert all(link.startswith(("/status", "#")) for link in reader.links), path
    page = (await shop.ask()).text
    assert "&lt;script&gt;" in page
    assert "{{7*7}}" in page  # it is no template either


TRAVERSALS = [
    "../app.py",
    "..%2fapp.py",
    "%2e%2e/app.py",
    "....//app.py",
    "/etc/passwd",
    "..\\app.py",
    "status.css",
    "status.css\x00.css",
    "",
    ".",
    "a" * 5000,
    "\ud800",
    "ÿ",
]


@pytest.mark.parametrize("name", TRAVERSALS)
async def test_no_name_of_a_static_file_leads_anywhere_else(name: str) -> None:
    shop = Shop()
    for path in (f"/status/static/{name}", f"/status/static/static/{name}"):
        assert (await shop.ask(path)).code == 404


PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["history", "incidents", "api", "v2", "summary.json", "static", "..", "", "feed.atom", "%00"]),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(
    st.lists(PIECES, max_size=5), st.text(max_size=30), st.sampled_from(["GET", "HEAD", "POST", "BREW"]), st.binary()
)
async def test_whatever_is_asked_for_is_never_an_error_of_ours(
    pieces: list[str], query: str, method: str, header: bytes
) -> None:
    shop = Shop(days=2)
    more = {
        "Accept-Encoding": header.decode("latin-1"),
        "If-None-Match": header.decode("latin-1"),
        "Accept": header.decode("latin-1"),
        "Cookie": header.decode("latin-1"),
        "Authorization": f"Bearer {header.decode('latin-1')}",
        "X-Forwarded-Prefix": "//evil.example",
        "Host": "evil.example",
    }
    path = "/status/" + "/".join(pieces).replace("?", "")
    answer = await shop.ask(f"{path}?{quote(query)}", method=method, more=more)
    assert answer.code < 500
    assert "evil" not in answer.body.decode() + repr(answer.headers)
