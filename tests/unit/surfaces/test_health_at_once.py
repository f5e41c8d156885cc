"""What is written already goes out without the ordinary way, and says exactly what the ordinary way says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.surfaces.door import FrontDoor
from salus.surfaces.health import HealthApp
from salus.surfaces.receiving import AlertDoors
from tests.asgi import ask
from tests.fake_agent import API, DISK, NOW, WEB, FakeControl, FakeView, FixedClock, check

TARGETS = ["/health", "/healthz", "/livez", "/readyz?verbose", "/readyz?exclude=web", "/health/checks/web"]


def app(view: FakeView | None = None, clock: FixedClock | None = None, details: bool | None = None) -> HealthApp:
    return HealthApp(view or FakeView(), FakeControl(), details=details, clock=clock or FixedClock())


@pytest.mark.parametrize("accept", ["", "text/plain", "application/health+json"])
@pytest.mark.parametrize("target", TARGETS)
async def test_it_says_what_the_ordinary_way_says_with_the_same_headers_in_the_same_order(
    target: str, accept: str
) -> None:
    health = app()
    assert health.at_once(target.encode(), accept.encode()) is None
    ordinary = await ask(health, target, accept=accept or None)
    written = health.at_once(target.encode(), accept.encode())
    assert written is not None
    head, _, body = written.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status == {200: "HTTP/1.1 200 OK", 503: "HTTP/1.1 503 Service Unavailable"}[ordinary.code]
    assert lines == ["server: salus", *(f"{name}: {value}" for name, value in ordinary.headers.items())]
    assert body == ordinary.body


async def test_a_change_of_the_truth_and_a_new_second_go_the_ordinary_way_first() -> None:
    view, clock = FakeView([DISK]), FixedClock()
    health = app(view, clock)
    await ask(health, "/health")
    assert health.at_once(b"/health", b"")
    view.version += 1
    assert health.at_once(b"/health", b"") is None
    await ask(health, "/health")
    clock.at = NOW + timedelta(seconds=1)
    assert health.at_once(b"/health", b"") is None
    await ask(health, "/health")
    assert b"\r\ndate: Sun, 01 Mar 2026 12:00:01 GMT\r\n" in (health.at_once(b"/health", b"") or b"")


async def test_details_that_may_no_longer_be_told_are_not_told() -> None:
    view = FakeView([DISK], show_details="always")
    health = app(view)
    await ask(health, "/health")
    assert b"62% free" in (health.at_once(b"/health", b"") or b"")
    view.show_details = "never"  # a reload, and nothing else has changed
    assert health.at_once(b"/health", b"") is None


async def test_what_somebody_with_a_role_was_told_is_never_told_to_a_stranger() -> None:
    health = app(FakeView([DISK]), details=True)
    await ask(health, "/health")
    health._details = None
    assert health.at_once(b"/health", b"") is None


@pytest.mark.parametrize(
    "target", [b"/health/checks/a%25b", b"/health/checks/\xe9", b"http://host/health", b"/nothing", b"/ping/x", b""]
)
async def test_what_is_written_in_another_way_or_is_none_of_it_goes_the_ordinary_way(target: bytes) -> None:
    health = app(FakeView([API, DISK, WEB, check("a%25b"), check("é")]))
    for name in ("a%25b", "é"):
        assert (await ask(health, f"/health/checks/{name}")).code == 200
    await ask(health, "/health")
    assert health.at_once(target, b"") is None


async def test_an_error_is_never_kept() -> None:
    health = app()
    assert (await ask(health, "/health?exclude=nope")).code == 400
    assert health.at_once(b"/health?exclude=nope", b"") is None


def test_the_doors_in_front_of_it_offer_it_too() -> None:
    health = app()
    assert FrontDoor([], AlertDoors(lambda: None, FakeControl(), health)).at_once == health.at_once


@given(target=st.binary(max_size=60) | st.sampled_from(TARGETS).map(str.encode), accept=st.binary(max_size=20))
def test_whatever_is_asked_nothing_is_made_up_and_nothing_breaks(target: bytes, accept: bytes) -> None:
    assert app().at_once(target, accept) is None
