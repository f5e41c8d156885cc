"""What an attacker tries."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from salus.errors import ConflictError, DeliveryError, ServiceError, StoreUnreadableError
from salus.model import Role
from salus.surfaces.bodies import LARGEST
from tests.asgi import Answer, ask
from tests.fake_access import Door
from tests.fake_agent import check
from tests.fake_api import FakeApi

API = "/api/v1"
JSON = {"Content-Type": "application/json"}
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


async def sign_in(api: FakeApi, role: Role = Role.OPERATOR, **more: str) -> tuple[str, str, Answer]:
    """Sign in; returns the cookie, the CSRF token and the answer."""
    body = json.dumps({"token": await api.door.token(role)}).encode()
    answer = await ask(api.app, f"{API}/session", method="POST", body=body, more={**JSON, **more})
    assert answer.code == 200, answer.text
    return answer.headers["set-cookie"].partition(";")[0], answer.json["csrf"], answer


# ── sessions and forged requests ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_write_by_cookie_needs_what_only_our_pages_know() -> None:
    api = FakeApi()
    cookie, csrf, _ = await sign_in(api)
    forged = [{}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1]}, {"X-CSRF-Token": csrf + "x"}]
    for more in forged:
        answer = await ask(api.app, f"{API}/pause", method="POST", more={"Cookie": cookie, **more})
        assert (answer.code, api.control.asked) == (403, [])
    _, other, _ = await sign_in(api, Role.ADMIN)
    answer = await ask(api.app, f"{API}/pause", method="POST", more={"Cookie": cookie, "X-CSRF-Token": other})
    assert (answer.code, api.control.asked) == (403, [])
    more = {"Cookie": cookie, "X-CSRF-Token": csrf}
    assert (await ask(api.app, f"{API}/pause", method="POST", more=more)).code == 200
    assert api.control.said["by"] == "operator"
    audited = [row for row in api.door.told.audit() if "pause" in row[1]]
    assert [(by, code) for by, _, code in audited] == [("operator", 403)] * 5 + [("operator", 200)]


async def test_reading_by_cookie_needs_no_more_and_tells_the_csrf_token_again() -> None:
    api = FakeApi()
    cookie, csrf, _ = await sign_in(api)
    told = (await ask(api.app, f"{API}/session", more={"Cookie": cookie})).json
    assert (told["name"], told["role"], told["csrf"]) == ("operator", "operator", csrf)
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": cookie})).code == 200


async def test_a_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites() -> None:
    _, _, answer = await sign_in(FakeApi())
    parts = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
    assert "Secure" not in parts


@pytest.mark.parametrize("trusted", [True, False])
async def test_behind_a_trusted_proxy_a_cookie_is_secure_and_for_its_path(trusted: bool) -> None:
    api = FakeApi(door=Door(trusted=("127.0.0.1",)))
    token = await api.door.token(Role.VIEWER)
    forwarded = [
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-prefix", b"/salus"),
        (b"content-type", b"application/json"),
    ]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps({"token": token}).encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    client = ("127.0.0.1" if trusted else "192.0.2.7", 1)
    scope = {"type": "http", "method": "POST", "path": f"{API}/session", "headers": forwarded, "client": client}
    await api.app(scope, receive, send)
    cookie = dict(sent[0]["headers"])[b"set-cookie"].decode()
    assert ("; Secure" in cookie, "Path=/salus/;" in cookie) == (trusted, trusted)


async def test_whoever_is_signed_in_may_sign_in_as_somebody_else() -> None:
    api = FakeApi()
    cookie, _, _ = await sign_in(api)
    fresh, _, answer = await sign_in(api, Role.ADMIN, Cookie=cookie)
    assert answer.json["name"] == "admin"
    assert fresh != cookie
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": cookie})).code == 401
    assert (await ask(api.app, f"{API}/tokens", more={"Cookie": fresh})).code == 200


async def test_a_cookie_that_somebody_brings_along_is_never_the_one_they_are_signed_in_by() -> None:
    api = FakeApi()
    planted = "salus_session=planted-by-somebody"
    fresh, _, _ = await sign_in(api, Role.ADMIN, Cookie=planted)
    assert fresh != planted
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": planted})).code == 401


async def test_signing_out_ends_the_session_and_only_that() -> None:
    api = FakeApi()
    cookie, csrf, _ = await sign_in(api)
    other, _, _ = await sign_in(api)
    assert (await ask(api.app, f"{API}/session", method="DELETE", more={"Cookie": cookie})).code == 403
    more = {"Cookie": cookie, "X-CSRF-Token": csrf}
    answer = await ask(api.app, f"{API}/session", method="DELETE", more=more)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": cookie})).code == 401
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": other})).code == 200


async def test_revoking_a_token_signs_its_browsers_out() -> None:
    api = FakeApi()
    cookie, _, _ = await sign_in(api)
    more = await api.door.bearer(Role.ADMIN)
    assert (await ask(api.app, f"{API}/tokens/operator/revoke", method="POST", more=more)).code == 200
    assert (await ask(api.app, f"{API}/rules", more={"Cookie": cookie})).code == 401


async def test_a_form_of_another_site_is_not_read() -> None:
    api = FakeApi()
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        more = {**await api.door.bearer(Role.ADMIN), "Content-Type": media}
        answer = await ask(api.app, f"{API}/pause", method="POST", body=b'{"reason": "x"}', more=more)
        assert (answer.code, api.control.asked) == (415, [])


# ── guessing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_wrong_sign_ins_are_answered_alike_then_asked_to_wait_and_the_right_one_still_gets_in() -> None:
    api = FakeApi()
    wrong = [await api.door.expired(), await api.door.revoked(), "", "salus_", "x" * 200, "salus_00000000_abc"]
    answers = []
    for number in range(40):
        body = json.dumps({"token": wrong[number % len(wrong)]}).encode()
        answers.append(await ask(api.app, f"{API}/session", method="POST", body=body, more=JSON))
    assert [one.code for one in answers[:12]] == [401] * 10 + [429] * 2
    assert len({one.body for one in answers if one.code == 401}) == 1
    assert all(int(one.headers["retry-after"]) >= 1 for one in answers if one.code == 429)
    await sign_in(api)


# ── what is sent ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_that_is_too_large_or_no_json_or_says_too_much_is_refused() -> None:
    api = FakeApi()
    more = {**await api.door.bearer(Role.ADMIN), **JSON}
    bodies = {
        b"{" + b" " * LARGEST + b"}": 413,
        b"{": 422,
        b"\xff": 422,
        b"[]": 422,
        b'{"surprise": 1}': 422,
        b'{"seconds": 0}': 422,
        b'{"seconds": 1e300}': 422,
        b'{"seconds": NaN}': 422,
        b'{"reason": "' + b"x" * 501 + b'"}': 422,
        b'{"reason": ' + b"[" * 20_000: 422,
    }
    for body, code in bodies.items():
        answer = await ask(api.app, f"{API}/pause", method="POST", body=body, more=more)
        assert (answer.code, answer.headers["content-type"]) == (code, "application/problem+json"), body[:40]
    assert api.control.asked == []


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/checks/../../etc/passwd",
            "/checks/..",
            "/checks/%2e%2e",
            "/checks//run",
            "/checks/",
            "/",
            "",
            "/checks/a/b/c",
        ),
        *(
            "/services/web/../../x/output",
            "/badges/.svg",
            "/badges/../web.svg",
            "/badges/web",
            "/nothing",
            "/checks/\x00",
        ),
        *("/checks/" + "x" * 201, "/checks/\u202e", "/api/v1/checks", "/checks/web%00", "/recoveries/'%20OR%201=1--"),
        *("/openapi.json/", "/stream/x", "/session/x", "/checks/<script>alert(1)<script>", "/alerts/nothing"),
    ],
)
async def test_a_path_that_means_nothing_is_not_found(path: str) -> None:
    api = FakeApi()
    await api.fill()
    answer = await ask(api.app, API + path, more=await api.door.bearer(Role.ADMIN))
    assert answer.code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body) < 1000


async def test_who_asks_cannot_be_made_up() -> None:
    api = FakeApi()
    more = {**await api.door.bearer(Role.OPERATOR), **JSON}
    await ask(api.app, f"{API}/pause", method="POST", body=b'{"by": "root"}', more=more)
    assert api.control.said["by"] == "operator"


async def test_nothing_that_is_sent_comes_back_in_a_header() -> None:
    api = FakeApi()
    more = {**await api.door.bearer(Role.ADMIN), "Origin": "https://evil.example", "X-Forwarded-Prefix": "/evil"}
    for path in ("/checks/evil%0d%0aset-cookie:x", "/checks?after=evil", "/openapi.json", "/session"):
        for method in ("GET", "POST", "EVIL\r\nset-cookie: x"):
            answer = await ask(api.app, API + path, method=method, more=more)
            assert "evil" not in str(answer.headers).lower()
            assert "access-control-allow-origin" not in answer.headers


async def test_every_answer_is_safe_in_a_browser() -> None:
    api = FakeApi()
    more = await api.door.bearer(Role.ADMIN)
    for path in ("/api/v1/checks", "/api/v1/nothing", "/api/v1/openapi.json", "/health", "/nothing", "/livez"):
        for headers in ({}, more):
            answer = await ask(api.app, path, more=headers)
            assert {name: answer.headers[name] for name in SAFE} == SAFE


async def test_however_many_strangers_ask_at_once_two_are_answered_at_a_time_and_nobody_known_waits() -> None:
    api = FakeApi(door=Door(details="always"))
    going: list[int] = []
    most: list[int] = []
    hold = asyncio.Event()

    async def slow(seconds: float) -> None:
        going.append(1)
        most.append(len(going))
        await hold.wait()
        going.pop()

    api.view.reports = [check(f"c{number}") for number in range(100)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.door.clock, "sleep", slow)
        async with asyncio.TaskGroup() as tasks:
            strangers = [tasks.create_task(ask(api.app, f"{API}/checks")) for _ in range(30)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            viewer = await api.door.bearer(Role.VIEWER)
            assert (await ask(api.app, f"{API}/status", more=viewer)).code == 200
            assert len(going) == 2
            hold.set()
    assert {task.result().code for task in strangers} == {200}
    assert max(most) == 2


@pytest.mark.parametrize(
    "error, code",
    [
        (ConflictError("a recovery is running"), 409),
        (ServiceError("web did not start"), 502),
        (DeliveryError("no answer"), 502),
        (StoreUnreadableError("the disk is gone"), 503),
        (RuntimeError("a bug with do-not-tell"), 500),
    ],
)
async def test_what_goes_wrong_is_a_problem_with_its_code_and_audited(error: Exception, code: int) -> None:
    api = FakeApi()
    api.control.error = error
    more = await api.door.bearer(Role.OPERATOR)
    api.control.error = error
    answer = await ask(api.app, f"{API}/rules/web/heal", method="POST", more=more)
    assert answer.code == code
    assert "do-not-tell" not in answer.text
    assert api.door.told.audit()[-1] == ("operator", f"POST {API}/rules/web/heal", code)
