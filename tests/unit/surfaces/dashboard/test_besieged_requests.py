"""Whatever is sent to the dashboard, by whomever: an answer safe in a browser, never a bug, and nothing leaks."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from salus.errors import StoreUnreadableError
from salus.model import Role
from salus.surfaces.bodies import Body, Seconds
from salus.surfaces.dashboard import forms
from salus.surfaces.http import Refused
from tests.fake_access import Door
from tests.fake_agent import FakeView
from tests.fake_api import FakeApi
from tests.fake_desk import SECRET
from tests.unit.surfaces.dashboard.besieged import besieged, one_of_each
from tests.visitor import FORM, ROOT, Visitor

PAGE = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
SAFE = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "server": None,
    "access-control-allow-origin": None,
    "cache-control": "no-store",
}
PATHS = (
    *(one_of_each().values()),
    "/sign-in",
    "/live",
    "/theme",
    "/sign-out",
    "/do/pause",
    "/api/data",
    "/static/x",
    "",
)


@dataclass(frozen=True)
class Sent:
    code: int
    headers: dict[str, str]
    text: str


async def send(
    api: FakeApi,
    path: str,
    method: str = "GET",
    *,
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes = b"",
    client: str = "192.0.2.7",
) -> Sent:
    """Send a request of any bytes, and go away as soon as it is answered."""
    sent: list[Any] = []
    scope: Any = {"type": "http", "method": method, "path": ROOT + path, "query_string": query}
    scope |= {"headers": list(headers), "client": (client, 4711), "scheme": "http"}

    async def receive() -> Any:
        return {"type": "http.disconnect" if path == "/live" else "http.request", "body": body}

    async def answer(message: Any) -> None:
        sent.append(message)

    await api.app(scope, receive, answer)
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    text = b"".join(one.get("body", b"") for one in sent[1:])
    return Sent(sent[0]["status"], found, text.decode("utf-8", "replace"))


async def known(api: FakeApi, role: Role | None) -> tuple[tuple[bytes, bytes], ...]:
    visitor = await Visitor(api).sign_in(role) if role else Visitor(api)
    return tuple((b"cookie", f"{name}={value}".encode()) for name, value in visitor.cookies.items())


# ── what stands at the head of every answer ───────────────────────────────────────────────────────────────────────────


class Broken(FakeView):
    def overall(self, exclude: frozenset[str] = frozenset()) -> Any:
        raise self.error

    error: Exception = StoreUnreadableError("the ledger cannot be read")


@pytest.mark.parametrize(
    "method,path,code",
    [
        *(("GET", path, 200) for path in one_of_each().values()),
        ("HEAD", "/", 200),
        ("GET", "/sign-in", 200),
        ("GET", "/live", 200),
        ("GET", "", 308),
        ("GET", "/nowhere", 404),
        ("GET", "/checks/nobody", 404),
        ("GET", "/static/x", 404),
        ("GET", "/api/nowhere", 404),
        ("POST", "/theme", 415),
        ("POST", "/do/pause", 415),
        ("PUT", "/", 405),
        ("TRACE", "/", 405),
    ],
)
async def test_every_answer_is_safe_in_a_browser(method: str, path: str, code: int) -> None:
    api = await besieged()
    answer = await send(api, path, method, headers=((b"accept", b"text/html"), *await known(api, Role.ADMIN)))
    assert answer.code == code
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    if answer.headers["content-type"].startswith("text/html"):
        assert {name: answer.headers[name] for name in PAGE} == PAGE
        assert "Cookie" in answer.headers["vary"]
    else:
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("error", [StoreUnreadableError("the ledger cannot be read"), ZeroDivisionError("do-not-tell")])
async def test_an_answer_that_something_went_wrong_is_safe_too(error: Exception) -> None:
    view = Broken()
    view.error = error
    api = FakeApi(view=view)
    bearer = (b"authorization", f"Bearer {await api.door.token(Role.VIEWER)}".encode())
    for path in ("/", "/live"):
        answer = await send(api, path, headers=((b"accept", b"text/html"), bearer))
        assert answer.code in (500, 503)
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE
        assert "do-not-tell" not in answer.text
        assert "Traceback" not in answer.text


# ── whatever is sent ──────────────────────────────────────────────────────────────────────────────────────────────────

TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", ".", "..", "../", "%2e%2e", "\x00", "\r\n", "\ud800", "a" * 5000, "-1", "9" * 30, "²", "٣", "--5"]
    ),
)
NAMES = st.sampled_from(
    [
        *("q", "page", "tab", "match", "group", "status", "tag", "service", "failing", "refresh", "hours", "metric"),
        *("before", "after", "kind", "who", "what", "check", "rule", "outcome", "level", "state", "quiet", "mode"),
        *("view", "mark", "next", "days", "since", "until", "focus", "open", "text"),
    ]
)
HEADERS = st.sampled_from(
    [
        *(b"cookie", b"authorization", b"accept", b"accept-encoding", b"content-type", b"last-event-id", b"origin"),
        *(b"sec-fetch-site", b"host", b"x-forwarded-for", b"x-forwarded-prefix", b"x-forwarded-host", b"forwarded"),
    ]
)
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"salus_session=x", b"salus_theme=dark\r\nx: y", b'a="\\"\\"', b"gzip;q=0", b"Bearer \xff", FORM.encode()]
    ),
)


@st.composite
def queries(draw: Any) -> bytes:
    pairs = draw(st.lists(st.tuples(NAMES, TEXT), max_size=3, unique_by=lambda one: one[0]))
    if draw(st.booleans()):
        inner = quote(draw(st.sampled_from(PATHS)) + "?" + draw(TEXT), safe="", errors="replace")
        return f"view={inner}&mark={quote(draw(TEXT), errors='replace')}".encode()
    whole = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in pairs)
    return draw(st.one_of(st.just(whole.encode()), st.binary(max_size=40)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Request:
    path: str
    method: str
    query: bytes
    more: list[tuple[bytes, bytes]]
    body: bytes


REQUESTS = st.builds(
    Request,
    path=st.one_of(st.sampled_from(PATHS), st.builds("{}/{}".format, st.sampled_from(PATHS), TEXT)),
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"]),
    query=queries(),
    more=st.lists(st.tuples(HEADERS, VALUES), max_size=3),
    body=st.one_of(
        st.binary(max_size=60), st.sampled_from([b"csrf=x", b"token=" + b"a" * 70_000, b"&".join([b"a=b"] * 200)])
    ),
)


@given(
    request=REQUESTS,
    role=st.sampled_from([None, None, *Role]),
    details=st.sampled_from(["always", "when_authorized"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_whatever_is_sent_nothing_breaks_and_nothing_leaks(
    request: Request, role: Role | None, details: str
) -> None:
    api = FakeApi(door=Door(details=details))
    await api.past.open()
    headers = (*await known(api, role), *request.more)
    answer = await send(api, request.path, request.method, query=request.query, headers=headers, body=request.body)
    assert 200 <= answer.code < 500, (answer.code, answer.text[:300])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "\n" not in "".join(answer.headers.values())
    assert not [one for one in ("do-not-tell", SECRET, "Traceback") if one in answer.text]
    assert answer.headers.get("location", ROOT).startswith(ROOT)
    assert api.control.asked == []


class Asking(Body, frozen=True, kw_only=True):
    example: ClassVar[str] = "{}"
    seconds: Seconds | None = None
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    names: tuple[str, ...] = ()
    sure: bool = False


@given(
    st.dictionaries(st.sampled_from(["seconds", "count", "names", "sure", "by", "other"]), st.lists(TEXT, min_size=1))
)
@example({"count": ["--5"]})
@example({"seconds": ["9" * 400]})
@example({"seconds": ["9" * 400 + "h"]})
def test_whatever_stands_in_a_field_is_a_body_or_refused(form: dict[str, list[str]]) -> None:
    form = {name: [one.replace("\ud800", "") for one in values] for name, values in form.items()}
    try:
        told = forms.body(form, Asking)
    except Refused:  # 422, and nothing else may be raised
        return
    assert isinstance(msgspec.json.decode(told), dict)


def test_a_refusal_survives_what_python_does_to_what_is_raised() -> None:
    @contextmanager
    def around() -> Any:
        yield

    with pytest.raises(Refused), around():
        raise Refused(404, "nothing is here")


# ── what proxies say ──────────────────────────────────────────────────────────────────────────────────────────────────

FORWARDED = (
    (b"x-forwarded-for", b"203.0.113.9"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-prefix", b"/evil"),
    (b"x-forwarded-host", b"evil.example"),
    (b"forwarded", b"for=203.0.113.9;host=evil.example;proto=https"),
    (b"x-real-ip", b"203.0.113.9"),
    (b"host", b"evil.example"),
)


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",)])
async def test_what_is_forwarded_by_nobody_who_is_trusted_is_seen_nowhere(trusted: tuple[str, ...]) -> None:
    api = await besieged(details="always", trusted=trusted)
    html = (b"accept", b"text/html")
    for path in (*one_of_each().values(), "/sign-in", "/nowhere", ""):
        answer = await send(api, path, headers=(html, *FORWARDED))
        assert "evil" not in str(answer.headers)
        assert "/evil" not in answer.text
        assert "evil.example" not in answer.text
    form = (b"content-type", FORM.encode())
    answer = await send(api, "/theme", "POST", headers=(form, *FORWARDED), body=b"theme=dark")
    assert answer.headers["set-cookie"] == "salus_theme=dark; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly"
    body = f"token={await api.door.token(Role.VIEWER)}".encode()
    answer = await send(api, "/sign-in", "POST", headers=(form, *FORWARDED), body=body)
    assert answer.headers["location"] == f"{ROOT}/"
    assert answer.headers["set-cookie"].endswith("Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
    origin = (b"origin", b"https://evil.example")
    forged = tuple(one for one in FORWARDED if one[0] != b"host")
    answer = await send(api, "/theme", "POST", headers=(form, origin, (b"host", b"salus"), *forged), body=b"theme=dark")
    assert answer.code == 403


async def test_who_makes_addresses_up_is_made_to_wait_all_the_same() -> None:
    api = FakeApi()
    form, wrong = (b"content-type", FORM.encode()), []
    for number in range(12):
        made_up = (b"x-forwarded-for", f"203.0.113.{number}".encode())
        answer = await send(api, "/sign-in", "POST", headers=(form, made_up), body=b"token=x")
        wrong.append(answer.headers["location"].partition("?")[2].partition("=")[0])
    assert wrong == ["wrong"] * 10 + ["wait"] * 2
    rows = [event.data.get("address") for event in api.door.told.events]
    assert set(rows) == {"192.0.2.7"}


async def test_a_form_that_a_trusted_proxy_was_asked_for_by_its_own_name_is_taken() -> None:
    api = FakeApi(door=Door(trusted=("192.0.2.7",)))
    headers = ((b"content-type", FORM.encode()), (b"host", b"127.0.0.1:8787"), (b"origin", b"https://salus.example"))
    told = (*headers, (b"x-forwarded-host", b"salus.example"))
    assert (await send(api, "/theme", "POST", headers=told, body=b"theme=dark")).code == 303
    assert (await send(api, "/theme", "POST", headers=told, body=b"theme=dark", client="192.0.2.8")).code == 403


@pytest.mark.parametrize("up", ["..", ".", "%2e%2e", "%2E.", ".%2e", "%2e"])
async def test_nobody_is_sent_above_the_pages(up: str) -> None:
    visitor = Visitor(FakeApi())
    for where in (f"{ROOT}/{up}/elsewhere", f"{ROOT}/checks/{up}", f"{ROOT}/{up}"):
        assert (await visitor.post("/theme", theme="dark", next=where)).headers["location"] == f"{ROOT}/"
    for where in (f"{ROOT}/checks/..%2fweb", f"{ROOT}/checks/a..b?x=/../"):
        assert (await visitor.post("/theme", theme="dark", next=where)).headers["location"] == where
