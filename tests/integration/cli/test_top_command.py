"""`salus top`, against a real socket and a real port: how an agent is reached, and what is said when it is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from salus.cli.root import run
from salus.cli.top.feed import everything, first
from salus.cli.top.reach import Reach
from salus.clock import SystemClock
from tests.fake_agent import check
from tests.served_agent import Agent

Out = pytest.CaptureFixture[str]
WRONG = "salus_00000000_do-not-tell-anybody-this"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("SALUS_TOKEN", raising=False)
    one = Agent(tmp_path)
    yield one
    one.stop()


@contextmanager
def stranger(code: int, body: bytes) -> Iterator[str]:
    """Serve something that is no Salus."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "http://elsewhere.example.org/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name for it
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


def test_one_picture_over_the_socket(agent: Agent, capsys: Out) -> None:
    assert run(["top", "--once", "--state-dir", str(agent.folder)]) == 0
    out = capsys.readouterr().out
    assert "! degraded: 1 of 2 checks need attention: api" in out
    assert "you: admin" in out
    assert "pid 777" in out


def test_over_the_network_with_a_token_from_a_file_or_the_environment(
    agent: Agent, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["token", "create", "me", "--role", "operator", "--state-dir", str(agent.folder)])
    token = capsys.readouterr().out.strip()
    file = agent.folder / "token"
    file.write_text(f"{token}\n")
    url = f"http://127.0.0.1:{agent.port}"
    assert run(["top", "--url", url, "--token-file", str(file)]) == 0
    first_picture = capsys.readouterr().out
    monkeypatch.setenv("SALUS_TOKEN", token)
    assert run(["top", "--url", f"{url}/"]) == 0
    for out in (first_picture, capsys.readouterr().out):
        assert "you: operator" in out
        assert "services 1" in out
        assert token not in out


def test_a_wrong_token_is_refused_with_how_to_get_one_and_is_not_told(
    agent: Agent, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUS_TOKEN", WRONG)
    assert run(["top", "--url", f"http://127.0.0.1:{agent.port}"]) == 1
    told = capsys.readouterr()
    assert "the token is missing or wrong" in told.err
    assert "salus token create NAME" in told.err
    assert WRONG not in told.out + told.err


def test_without_a_token_where_details_are_not_for_everybody(agent: Agent, capsys: Out) -> None:
    assert run(["top", "--url", f"http://127.0.0.1:{agent.port}"]) == 1
    assert "--token-file or SALUS_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize(
    "code, body, says",
    [
        (200, b"<html>", "is no Salus"),
        (200, b"{}", "is no Salus"),
        (200, b"[" * 100_000, "is no Salus"),
        (404, b"not here", "is no Salus: it said 404"),
        (302, b"", "sends elsewhere (if you trust it, use --url http://elsewhere.example.org/)"),
        (503, b'{"detail": "\\u001b[31mclosed", "remedy": null}', "salus: [31mclosed"),
    ],
)
def test_what_is_no_salus_is_said_to_be_none(
    code: int, body: bytes, says: str, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUS_TOKEN", WRONG)
    with stranger(code, body) as url:
        assert run(["top", "--url", url]) == 1
    told = capsys.readouterr()
    assert says in told.err
    assert "\x1b" not in told.err
    assert WRONG not in told.out + told.err


def test_where_nothing_answers_that_is_said(tmp_path: Path, capsys: Out) -> None:
    assert run(["top", "--state-dir", str(tmp_path)]) == 1
    assert "no Salus answers at" in capsys.readouterr().err
    assert run(["top", "--url", "http://127.0.0.1:1"]) == 1
    assert "no Salus answers at http://127.0.0.1:1: Connection refused" in capsys.readouterr().err


def test_a_token_belongs_to_an_address(tmp_path: Path, capsys: Out) -> None:
    assert run(["top", "--token-file", str(tmp_path / "token")]) == 64
    assert "no token is needed" in capsys.readouterr().err


def test_all_checks_are_asked_for_page_by_page(agent: Agent) -> None:
    agent.view.reports = [check(f"c{number:04}") for number in range(1234)]
    reach = Reach(agent.folder / "salus.sock")
    told = everything(reach, SystemClock()).told
    assert [one["name"] for one in told["checks"]] == [f"c{number:04}" for number in range(1234)]
    assert first(reach, SystemClock()).role == "admin"
