"""What an attacker tries at the pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salus.errors import StoreUnreadableError
from salus.model import Role, Status
from tests.asgi import ask
from tests.fake_agent import FakeView, check
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Html, Visitor

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "</title></textarea></style><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x00\x1b[31m\u202e\ufeff",
]


async def with_names(names: list[str]) -> Visitor:
    api = FakeApi()
    checks = [check(name, Status.UNHEALTHY, name, tags=(name,), service=name, description=name) for name in names]
    api.view.reports = sorted(checks, key=lambda one: one.spec.name)
    return await Visitor(api).sign_in(Role.ADMIN)


async def test_markup_in_names_messages_tags_and_searches_is_only_text() -> None:
    visitor = await with_names(HOSTILE)
    for path in ("/", "/?q=<script>alert(1)</script>&group=tag", "/?tag=%22><script>", "/?group=service&failing=1"):
        page = await visitor.page(path)
        scripts = [tag for tag in page.tags if tag[0] == "script"]
        assert [list(attrs) for _, attrs in scripts] == [["src", "defer"]]
        assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
        assert not [tag for tag in page.tags if tag[0] in ("img", "iframe", "object", "style")]
        assert not [link for link in page.links if link.lower().startswith("javascript")]
        assert "49" not in page.words.partition("Checks")[2].partition("Filter")[0]


async def test_no_page_has_a_script_or_a_style_within_it() -> None:
    visitor = await with_names(["web"])
    for path in ("/", "/checks/web", "/sign-in", "/nowhere"):
        page = Html((await visitor.get(path)).text)
        assert not [attrs for _, attrs in page.tags if "style" in attrs]
        assert [attrs.get("src") for tag, attrs in page.tags if tag == "script"] != [None]
        assert all(link.startswith((ROOT, "#")) for link in page.links)


async def test_every_page_forbids_what_it_does_not_need() -> None:
    visitor = await with_names(["web"])
    for path in ("/", "/sign-in", "/nowhere", "/checks/nobody"):
        headers = (await visitor.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        f"{ROOT}//evil.example",
        f"{ROOT}/\\evil.example",
        f"{ROOT}/../../evil",
        f"{ROOT}x",
        "/elsewhere",
        "javascript:alert(1)",
        f"{ROOT}/\r\nset-cookie: a=b",
        f"{ROOT}/\u00e9",
    ],
)
async def test_nobody_is_sent_to_another_site(where: str) -> None:
    api = FakeApi()
    visitor = Visitor(api)
    answer = await visitor.post("/sign-in", token=await api.door.token(Role.VIEWER), next=where)
    assert answer.headers["location"] == f"{ROOT}/"
    assert (await visitor.post("/theme", theme="dark", next=where)).headers["location"] == f"{ROOT}/"


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../app.py",
        "/static/../../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/x/salus.css/../../app.py",
        "/static/x/.gitignore",
        "/static/",
        "/static/x",
    ],
)
async def test_no_file_but_those_of_the_pages_is_served(path: str) -> None:
    answer = await Visitor(FakeApi()).get(path)
    assert answer.code == 404
    assert "root:" not in answer.text


async def test_files_may_be_kept_for_ever_under_the_mark_of_their_text_alone() -> None:
    api = FakeApi()
    visitor = Visitor(api)
    page = await visitor.page("/sign-in")
    found = [link for link in page.links if link.endswith(".css")]
    answer = await ask(api.app, found[0])
    assert "immutable" in answer.headers["cache-control"]
    other = await visitor.get("/static/0123456789ab/salus.css")
    assert (other.headers["cache-control"], other.body) == ("no-cache", answer.body)


@pytest.mark.parametrize(
    "error,code",
    [(StoreUnreadableError("the ledger cannot be read"), 503), (ZeroDivisionError("do-not-tell"), 500)],
)
async def test_a_ledger_that_cannot_be_read_and_a_bug_are_pages_too(error: Exception, code: int) -> None:
    class Broken(FakeView):
        def overall(self, exclude: frozenset[str] = frozenset()) -> Any:
            raise error

    visitor = Visitor(FakeApi(view=Broken()))
    visitor.headers = {"authorization": f"Bearer {await visitor.api.door.token(Role.VIEWER)}"}
    answer = await visitor.get("/")
    assert answer.code == code
    assert "do-not-tell" not in answer.text
    assert f'<p class="code">{code}</p>' in answer.text


TEXT = st.text(max_size=40)


@given(path=TEXT, query=TEXT, cookie=TEXT, body=st.binary(max_size=60))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_is_sent_is_answered_and_never_with_a_bug(
    path: str, query: str, cookie: str, body: bytes
) -> None:
    api = FakeApi()
    headers = [(b"cookie", cookie.encode("utf-8", "replace")), (b"accept", b"text/html")]
    for method in ("GET", "POST", "PUT", "HEAD"):
        scope: Any = {"type": "http", "method": method, "path": f"{ROOT}/{path}", "headers": headers}
        scope["query_string"] = query.encode("utf-8", "replace")
        codes: list[int] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                codes.append(message["status"])  # noqa: B023 - sent before the next turn

        await api.app(scope, receive, send)
        assert codes
        assert codes[0] < 500


async def test_a_query_that_is_not_understood_is_a_page_with_a_remedy() -> None:
    visitor = await with_names(["web"])
    assert (await visitor.get("/?q=a&q=b")).code == 422
    for odd in ("page=999999", "page=-1", "page=x", "status=purple", "group=<b>", "failing=maybe", "refresh=1e9"):
        assert (await visitor.get(f"/?{odd}")).code == 200


async def test_two_roles_never_share_a_page() -> None:
    api = FakeApi()
    admin, viewer = await Visitor(api).sign_in(Role.ADMIN), await Visitor(api).sign_in(Role.VIEWER)
    assert admin.csrf in (await admin.get("/")).text
    text = (await viewer.get("/")).text
    assert admin.csrf not in text
    assert "/do/" not in text
