"""The parts of the base of HTTP channels that need no network."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.channels._http import LONGEST_WAIT, place, retry_after, signature, url_problems
from salus.channels._redact import Redactor
from salus.channels.webhook import Webhook
from salus.secret import Secret

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
URL = "https://us%65r:pass-word@hooks.example.org/services/T00000000/B00000000/XXXXsecretXXXX?token=s3cr3t-t0ken"


def test_a_signature_can_be_checked_by_whoever_has_the_secret() -> None:
    expected = hmac.new(b"hush", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert signature(Secret("hush"), b'{"a":1}', 1700000000) == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("999999999", LONGEST_WAIT),
        ("Mon, 23 Nov 2026 03:02:00 GMT", 120.0),
        ("Mon, 23 Nov 2026 03:02:00 -0000", 120.0),
        ("Mon, 23 Nov 2026 02:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2027 03:00:00 GMT", LONGEST_WAIT),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_and_bounded(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=80))
def test_no_retry_after_can_hurt(value: str) -> None:
    found = retry_after(value, NOW)
    assert found is None or 0 <= found <= LONGEST_WAIT


@pytest.mark.parametrize(
    "url, shown",
    [
        (URL, "hooks.example.org:443"),
        ("http://[::1]:8080/x", "[::1]:8080"),
        ("no url at all: s3cr3t", "nowhere"),
    ],
)
def test_of_a_url_only_host_and_port_are_shown(url: str, shown: str) -> None:
    assert place(url) == shown


@pytest.mark.parametrize(
    "url", ["s3cr3t", "ftp-s3cr3t://host/", "http://", "http://h:s3cr3t/", "http://s3cr3t\u2100@h/"]
)
def test_a_bad_url_is_a_problem_that_does_not_quote_it(url: str) -> None:
    assert url_problems(Secret(url))
    assert "s3cr3t" not in str(url_problems(Secret(url)))


def test_the_repr_of_a_channel_shows_its_host_alone() -> None:
    webhook = Webhook(url=Secret(URL), headers={"Authorization": Secret("Bearer t0ken")}, secret=Secret("hush"))
    assert repr(webhook) == str(webhook) == "Webhook(to hooks.example.org:443)"


def test_everything_that_a_url_hides_is_taken_out_of_a_line() -> None:
    redact = Redactor(["Bearer t0ken"], URL)
    for part in (URL, "XXXXsecretXXXX", "s3cr3t-t0ken", "pass-word", "dXNlcjpwYXNzLXdvcmQ="):
        assert redact(f"<{part}>") == "<***>"
    assert redact("</services/T00000000>") == "</***/***>"


def test_of_an_answer_the_first_line_that_says_something_is_kept() -> None:
    redact = Redactor(["hush-hush"])
    assert redact.line("\n  \n\tno such hook hush-hush\x1b[0m\nmore\n") == "no such hook ***\ufffd[0m"
    assert len(redact.line("x" * 10_000)) <= 200


def test_a_secret_that_was_cut_in_two_is_not_shown_either() -> None:
    redact = Redactor(["hush-hush-hush"])
    assert "hush" not in redact.line("you sent hush-hush", truncated=True)


@pytest.mark.parametrize(
    "options, field",
    [
        ({"headers": {"X": Secret("a\nb")}}, "headers"),
        ({"headers": {"X Y": Secret("a")}}, "headers"),
        ({"client_key": "/k"}, "client_key"),
        ({"proxy": Secret("https://p/")}, "proxy"),
        ({"secret": Secret("")}, "secret"),
        ({"content_type": "a\r\nb"}, "content_type"),
        ({"template": "x", "format": "alertmanager"}, "template"),
    ],
)
def test_what_cannot_be_sent_is_a_problem(options: dict[str, object], field: str) -> None:
    found = Webhook(url=Secret("https://hooks.example.org/"), **options).problems()  # type: ignore[arg-type]
    assert [name for name, _ in found] == [field]


def test_an_ordinary_webhook_has_no_problems() -> None:
    headers = {"Authorization": Secret("Bearer t0ken")}
    assert Webhook(url=Secret(URL), headers=headers, proxy=Secret("environment")).problems() == []
