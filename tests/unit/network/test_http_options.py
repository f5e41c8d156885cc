"""The options of the http check: what is refused, and what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from salus.checks.http import Http
from salus.secret import Secret


@pytest.mark.parametrize(
    "options,field",
    [
        ({"url": "example.org"}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://x:y:z/"}, "url"),
        ({"url": "http://exa mple.org/"}, "url"),
        ({"status": "9xx"}, "status"),
        ({"status": 99}, "status"),
        ({"status": ()}, "status"),
        ({"status": "400-300"}, "status"),
        ({"method": "GET /x"}, "method"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"a": "b\r\nEvil: yes"}}, "headers"),
        ({"headers": {"a": "\u2603"}}, "headers"),
        ({"body": "x", "json": {}}, "json"),
        ({"bearer": Secret("x"), "username": "y"}, "bearer"),
        ({"password": Secret("x")}, "password"),
        ({"body_matches": "("}, "body_matches"),
        ({"json_path": {"a..b": 1}}, "json_path"),
        ({"json_path": {"a": {"over": 1}}}, "json_path"),
        ({"client_key": Path("k")}, "client_key"),
        ({"unix_socket": Path("s"), "proxy": "environment"}, "proxy"),
        ({"proxy": "socks5://127.0.0.1:1"}, "proxy"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(options: dict[str, Any], field: str) -> None:
    made = Http(**{"url": "http://example.org/", **options})
    assert [where for where, _ in made.problems()] == [field]


def test_ordinary_options_are_fine() -> None:
    assert Http(url="https://exämple.org:8443/päth?q=ü", headers={"X": "y"}, status=(200, "3xx")).problems() == []


def test_the_label_gives_no_secret_away() -> None:
    label = repr(
        Http(
            url="https://joe:s3cret@example.org/x?token=s3cret",
            headers={"Authorization": "s3cret", "X-Api-Key": "s3cret", "Accept": "text/html"},
            body="s3cret",
            password=Secret("s3cret"),
            username="joe",
            proxy="http://joe:s3cret@proxy:1",
        )
    )
    assert "s3cret" not in label
    assert "https://example.org/x" in label
    assert "text/html" in label


def test_the_request_gives_no_secret_away() -> None:
    options = Http(url="https://joe:s3cret@example.org/?t=s3cret", bearer=Secret("s3cret"), body="s3cret")
    assert "s3cret" not in repr(options.request())
