from __future__ import annotations

import hmac
import time
from datetime import timedelta
from typing import Any

import pytest

from salus.model import EventKind, Role
from salus.surfaces.access import sessions
from salus.surfaces.access.audit import BURST, Audit
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.proxies import Origin, origin
from salus.surfaces.access.sessions import COOKIE, IDLE, LONGEST, MOST, Sessions
from salus.surfaces.access.throttle import MOST_ADDRESSES, Throttle
from salus.surfaces.http import cookies
from tests.fake_access import Door, scope
from tests.fake_agent import FixedClock

PROXY = ("10.0.0.0/8", "127.0.0.1", "fd00::/8")


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bearer_token_says_who_asks_and_what_they_may() -> None:
    door = Door()
    caller = door.gate.caller(scope(authorization=f"Bearer {await door.token(Role.OPERATOR)}"))
    assert (caller.name, caller.role, caller.wrong) == ("operator", Role.OPERATOR, False)
    assert caller.may(Role.VIEWER)
    assert not caller.may(Role.ADMIN)


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer x", "Basic dXNlcjpw", "Token {}", "Bearer {} {}", "Bearer {}, Bearer {}", "{}"]
)
async def test_anything_but_one_good_bearer_token_is_wrong(authorization: str) -> None:
    door = Door()
    good = await door.token(Role.ADMIN)
    caller = door.gate.caller(scope(authorization=authorization.replace("{}", good)))
    assert (caller.wrong, caller.role) == (True, None)


async def test_expired_and_revoked_and_unknown_tokens_are_wrong_in_the_same_way() -> None:
    door = Door()
    texts = [await door.expired(), await door.revoked(), "salus_00000000_nothing"]
    found = [door.gate.caller(scope(authorization=f"Bearer {text}")) for text in texts]
    assert found == [found[0]] * 3
    assert found[0].wrong


async def test_a_wrong_token_is_not_saved_by_a_good_cookie() -> None:
    door = Door()
    await door.token(Role.ADMIN)
    cookie, _ = door.gate.sessions.begin(door.book.tokens()[0])
    caller = door.gate.caller(scope(authorization="Bearer x", cookie=f"{COOKIE}={cookie}"))
    assert (caller.wrong, caller.role) == (True, None)


async def test_every_look_at_a_token_compares_once_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    good = await door.token(Role.ADMIN)
    lengths: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def compare(a: Any, b: Any) -> bool:
        lengths.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for text in (good, good[:-1], "salus_00000000_x", "", "x"):
        door.book.known(text)
    assert lengths == [(64, 64)] * 5


# ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_cookie_stands_for_its_token_until_that_is_revoked() -> None:
    door = Door()
    await door.token(Role.OPERATOR)
    token = door.book.tokens()[0]
    cookie, session = door.gate.sessions.begin(token)
    asked = scope(cookie=f"theme=dark; {COOKIE}={cookie}")
    caller = door.gate.caller(asked)
    assert (caller.name, caller.role) == ("operator", Role.OPERATOR)
    assert caller.session is not None
    assert caller.session.csrf == session.csrf
    await door.book.revoke(token.id)
    assert door.gate.caller(asked) == Caller(address="192.0.2.7")


async def test_the_cookie_of_another_salus_on_the_same_host_does_not_hide_ours() -> None:
    door = Door()
    await door.token(Role.OPERATOR)
    cookie, _ = door.gate.sessions.begin(door.book.tokens()[0])
    for text in (
        f"{COOKIE}={cookie}; {COOKIE}=x",
        f"{COOKIE}=x; {COOKIE}={cookie}",
        f"a=b;{COOKIE}=x;{COOKIE}={cookie}",
    ):
        assert door.gate.caller(scope(cookie=text)).role is Role.OPERATOR
    others = f"{COOKIE}=x; " * 100
    assert door.gate.caller(scope(cookie=f"{others}{COOKIE}={cookie}")).role is None


@pytest.mark.parametrize("cookie", ["", "x", "=", f"{COOKIE}=", f"{COOKIE}=x", f'{COOKIE}="\\200', "a" * 100_000, ";;"])
async def test_a_cookie_that_is_none_makes_a_stranger(cookie: str) -> None:
    caller = Door().gate.caller(scope(cookie=cookie))
    assert (caller.role, caller.wrong) == (None, False)


async def test_a_session_ends_when_it_is_idle_when_it_is_old_and_when_it_is_ended() -> None:
    door = Door()
    await door.token(Role.VIEWER)
    token, found = door.book.tokens()[0], door.gate.sessions
    idle, _ = found.begin(token)
    door.clock.at += timedelta(seconds=IDLE)
    assert found.find(idle) is None
    old, _ = found.begin(token)
    for _ in range(int(LONGEST / (IDLE - 1))):
        door.clock.at += timedelta(seconds=IDLE - 1)
        assert found.find(old)
    door.clock.at += timedelta(seconds=IDLE - 1)
    assert found.find(old) is None
    ended, session = found.begin(token)
    other, _ = found.begin(token)
    found.end(session.csrf)
    assert found.find(ended) is None
    assert found.find(other)


async def test_there_are_never_more_than_so_many_sessions() -> None:
    door = Door()
    await door.token(Role.VIEWER)
    token, found = door.book.tokens()[0], Sessions(door.clock)
    cookies = []
    for _ in range(MOST + 5):
        door.clock.at += timedelta(seconds=1)
        cookies.append(found.begin(token)[0])
    assert len(found) == MOST
    assert [found.find(cookie) is None for cookie in cookies[:6]] == [True] * 5 + [False]


def test_cookies_are_kept_as_digests_only() -> None:
    assert sessions._digest("x") != "x"
    assert len(sessions._digest("x")) == 64


# ── where it came from ────────────────────────────────────────────────────────────────────────────────────────────────

FORWARDED = {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https", "x_forwarded_prefix": "/salus"}


def test_forwarded_headers_are_believed_of_a_trusted_proxy() -> None:
    assert origin(scope("10.1.2.3", **FORWARDED), PROXY) == Origin("203.0.113.9", True, "/salus")
    assert origin(scope("::ffff:10.1.2.3", **FORWARDED), PROXY) == Origin("203.0.113.9", True, "/salus")


@pytest.mark.parametrize("client, trusted", [("192.0.2.7", PROXY), ("10.1.2.3", ()), ("", PROXY), ("strange", PROXY)])
def test_forwarded_headers_of_strangers_are_not(client: str, trusted: tuple[str, ...]) -> None:
    assert origin(scope(client, **FORWARDED), trusted) == Origin(client, False, "")


@pytest.mark.parametrize(
    "chain, address",
    [
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.1.1.1, 10.2.2.2", "10.1.2.3"),
        ("spoofed, <script>", "10.1.2.3"),
        ("", "10.1.2.3"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("x" * 9000 + ", 203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_last_address_that_is_no_proxy_counts(chain: str, address: str) -> None:
    assert origin(scope("10.1.2.3", x_forwarded_for=chain), PROXY).address == address


@pytest.mark.parametrize(
    "prefix", ["salus", "/a b", "/a;Domain=evil", "/..", "/a/../b", "//evil.example", "/a\r\nset-cookie: x", "/" * 9]
)
def test_a_prefix_that_is_no_plain_path_is_left_out(prefix: str) -> None:
    assert origin(scope("10.1.2.3", x_forwarded_prefix=prefix), PROXY).prefix == ""


# ── floods ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flood_of_wrong_tokens_is_told_to_wait_and_locks_nobody_out() -> None:
    door = Door()
    good = await door.token(Role.ADMIN)
    waits = [door.gate.caller(scope(authorization="Bearer x")).wait for _ in range(50)]
    assert waits[:10] == [0.0] * 10
    assert all(wait > 0 for wait in waits[10:])
    assert door.gate.caller(scope(authorization=f"Bearer {good}")).role is Role.ADMIN
    assert door.gate.caller(scope("198.51.100.1", authorization="Bearer x")).wait == 0
    door.clock.at += timedelta(minutes=1)
    assert door.gate.caller(scope(authorization="Bearer x")).wait == 0


def test_a_flood_from_many_addresses_is_bounded_over_all_and_in_memory() -> None:
    throttle = Throttle(FixedClock())
    waits = [throttle.wrong(f"2001:db8::{number:x}") for number in range(5000)]
    assert sum(wait == 0 for wait in waits) == 100
    assert len(throttle._addresses) == MOST_ADDRESSES


def test_the_audit_of_refusals_is_bounded_and_counts_the_rest() -> None:
    door = Door()
    audit = Audit(door.told, clock=door.clock)
    for _ in range(int(BURST) + 40):
        audit.write(Caller(address="192.0.2.7"), "POST", "/api/v1/pause", 401)
    assert len(door.told.events) == BURST
    door.clock.at += timedelta(seconds=15)
    audit.write(Caller(), "POST", "/api/v1/pause", 401)
    assert door.told.events[-1].data["untold"] == 40
    door.clock.at += timedelta(seconds=15)
    audit.write(Caller(), "POST", "/api/v1/pause", 401)
    assert "untold" not in door.told.events[-1].data


@pytest.mark.parametrize("code", [200, 404, 405, 413, 422])
def test_nothing_that_a_stranger_asks_can_fill_the_ledger(code: int) -> None:
    door = Door()
    audit = Audit(door.told, clock=door.clock)
    for _ in range(500):
        audit.write(Caller(), "POST", "/api/v1/nothing", code)
    assert len(door.told.events) == BURST
    assert door.told.events[0].kind is (EventKind.REQUEST_DONE if code == 200 else EventKind.REQUEST_REFUSED)
    audit.write(Caller(name="deploy", role=Role.OPERATOR), "POST", "/api/v1/pause", 200)
    assert door.told.events[-1].data["by"] == "deploy"


def test_the_audit_says_who_asked_what_and_how_it_ended_in_one_clean_line() -> None:
    door = Door()
    audit = Audit(door.told, clock=door.clock)
    caller = Caller(name="deploy", role=Role.OPERATOR, address="192.0.2.7")
    audit.write(caller, "POST", "/api/v1/rules/a\nb\x1b[31m/heal", 409, "a recovery\nis running")
    event = door.told.events[0]
    assert event.kind is EventKind.REQUEST_DONE
    assert event.message == "deploy: POST /api/v1/rules/a b [31m/heal: 409 a recovery is running"
    assert event.data == {
        "by": "deploy",
        "request": "POST /api/v1/rules/a b [31m/heal",
        "code": 409,
        "role": "operator",
        "address": "192.0.2.7",
    }


# ── cookies ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent,found",
    [
        ("salus_session=abc", ["abc"]),
        ("a=b; salus_session=abc; c=d", ["abc"]),
        ("salus_session = abc ;x", ["abc"]),
        ("salus_session=one; salus_session=two", ["one", "two"]),
        ("salus_session=a=b", ["a=b"]),
        ("xsalus_session=abc; salus_sessionx=abc", []),
        ("", []),
    ],
)
def test_a_cookie_is_found_by_its_name(sent: str, found: list[str]) -> None:
    assert cookies(scope(cookie=sent), COOKIE) == found


@pytest.mark.parametrize(
    "most", ['a="' + "\\" * 32_000, ";" * 32_000, "a=b;" * 8_000, '"' * 32_000, f"{COOKIE}=" * 2000]
)
def test_no_cookie_takes_long_to_read(most: str) -> None:
    one = scope(cookie=f"{COOKIE}=x;{most}")
    began = time.thread_time()
    for _ in range(20):
        cookies(one, COOKIE)
    assert time.thread_time() - began < 0.2  # far more than what it takes; Python's own reader takes a second
