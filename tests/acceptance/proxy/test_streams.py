"""What stays open, through a proxy that would rather keep it until there is enough of it, and that outlives Salus."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance.proxy.client import Client, Stream
from tests.acceptance.proxy.nginx import PREFIX
from tests.acceptance.proxy.site import HOME, Site, bearer
from tests.acceptance.salus_process import eventually

EVENTS = f"{PREFIX}/api/v1/stream"
RULE = f"{PREFIX}/api/v1/rules/web-up"
SOON = 1.0


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Site]:
    """One that everybody may look at, and that may be killed."""
    opened = Site(tmp_path, details="always")
    yield opened
    opened.close()


@pytest.fixture
def buffering(tmp_path: Path) -> Iterator[Site]:
    """One whose proxy was told nothing about streams, and packs whatever passes it."""
    opened = Site(tmp_path, buffered=True)
    yield opened
    opened.close()


def page_stream(client: Client) -> str:
    """Return where the overview listens for what changes of it."""
    page = client.get(HOME)
    facts = dict(re.findall(r' data-(live|view|mark)="([^"]*)"', page.text))
    assert facts["live"] == f"{HOME}live"
    return f"{facts['live']}?view={quote(facts['view'], safe='')}&mark={facts['mark']}"


def soonest(client: Client, token: str, stream: Stream) -> float:
    """Change something a few times; returns how long the fastest took to be heard of after it was done.

    A proxy that waits for more would keep every one of them back for many seconds; a busy machine only some.
    """
    taken = []
    for deed in ("disable", "enable", "disable", "enable"):
        before = len(stream.heard)
        began = time.monotonic()
        assert client.ask("POST", f"{RULE}/{deed}", **bearer(token)).code == 200
        eventually(lambda before=before: len(stream.heard) > before, what=f"{deed} on the stream")  # type: ignore[misc]
        taken.append(stream.at - began)
    return min(taken)


@pytest.mark.alone
def test_events_and_pages_come_as_they_happen(site: Site, token: str) -> None:
    client = site.signed_in(token)
    for url, told in ((EVENTS, bearer(token)), (page_stream(client), {})):
        stream = Stream()
        with client.listening(url, stream, **told):
            assert soonest(client, token, stream) < SOON


@pytest.mark.alone
def test_a_proxy_that_buffers_packs_and_speaks_old_http_keeps_nothing_back(buffering: Site) -> None:
    token = buffering.token()
    client = buffering.signed_in(token)
    for url, told in ((EVENTS, bearer(token)), (page_stream(client), {})):
        stream = Stream()
        with client.listening(url, stream, **told) as response:
            assert response.headers["x-accel-buffering"] is None  # it was for the proxy
            assert soonest(client, token, stream) < SOON


def test_events_go_on_with_their_mark_after_salus_was_killed(open_site: Site) -> None:
    token = open_site.token()
    client, stream = open_site.client(), Stream()
    with client.listening(EVENTS, stream, **bearer(token)):
        assert client.ask("POST", f"{RULE}/disable", **bearer(token)).code == 200
        eventually(lambda: "rule_disabled" in stream.kinds(), what="the rule on the stream")
        open_site.salus.kill()
        away = client.ask("GET", EVENTS, **bearer(token))
        assert away.code == 502
    heard = len(stream.heard)
    open_site.start_again()
    with client.listening(EVENTS, stream, **bearer(token)):
        eventually(lambda: "agent_started" in stream.kinds()[heard:], what="the new start on the stream")
    assert "reset" not in stream.kinds()
    ids = [told["id"] for _, told in stream.heard]
    assert ids == sorted(set(ids))


def test_an_open_page_goes_on_with_its_mark_after_salus_was_killed(open_site: Site) -> None:
    client, stream = open_site.client(), Stream()
    url = page_stream(client)
    with client.listening(url, stream):
        (open_site.folder / "open").unlink()
        eventually(lambda: "gate" in str(stream.heard), what="the change")
        open_site.salus.kill()
        assert client.ask("GET", url).code == 502
    heard = len(stream.heard)
    open_site.start_again()
    with client.listening(url, stream):
        eventually(lambda: stream.heard[heard:], what="the page as it is now")
    assert "region" not in stream.kinds()
    _, told = stream.heard[heard]
    assert {"pulse", "nav"} <= set(told["set"])  # all of it: what it was before, nobody knows any more


def test_who_was_signed_out_by_a_restart_is_asked_to_sign_in(open_site: Site) -> None:
    token = open_site.token()
    client = open_site.signed_in(token)
    assert client.get(f"{HOME}system").code == 200
    url = f"{HOME}live?view={quote('/system', safe='')}"
    open_site.salus.kill()
    assert client.get(f"{HOME}system").code == 502
    open_site.start_again()
    assert client.ask("GET", url).code == 401
    assert client.get(f"{HOME}system").headers["location"].startswith(f"{HOME}sign-in?ended=1&next=")
