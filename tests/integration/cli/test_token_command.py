"""`salus token`, against a real control socket."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.cli.root import run
from tests.served_agent import Agent

ME = pwd.getpwuid(os.getuid()).pw_name
Out = pytest.CaptureFixture[str]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    one = Agent(tmp_path)
    yield one
    one.stop()


def code_of(agent: Agent, method: str, path: str, token: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)
    connection.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_token_is_printed_alone_and_opens_what_its_role_opens(agent: Agent, capsys: Out) -> None:
    assert run(["token", "create", "deploy", "--role", "operator", "--expires", "12h"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"salus_[0-9a-f]{8}_[\w-]{43}\n", out)
    assert "operator token 'deploy'" in err
    assert "not shown again" in err
    token = out.strip()
    assert code_of(agent, "GET", "/checks", token) == 200
    assert code_of(agent, "POST", "/checks/web/run", token) == 200
    assert code_of(agent, "GET", "/tokens", token) == 403


def test_tokens_are_listed_with_who_made_them_and_never_their_secrets(agent: Agent, capsys: Out) -> None:
    run(["token", "list"])
    assert capsys.readouterr().out == "no tokens\n"
    run(["token", "create", "grafana", "--expires", "never"])
    secret = capsys.readouterr().out.strip().split("_", 2)[2]
    run(["token", "list"])
    table = capsys.readouterr().out
    assert "grafana" in table
    assert "viewer" in table
    assert ME in table
    assert secret not in table
    run(["token", "list", "--json"])
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["expires_at"], one["used_at"], one["by"]) == (None, None, ME)


def test_a_revoked_token_opens_nothing(agent: Agent, capsys: Out) -> None:
    run(["token", "create", "deploy", "--json"])
    token = json.loads(capsys.readouterr().out)["token"]
    assert code_of(agent, "GET", "/checks", token) == 200
    assert run(["token", "revoke", "deploy"]) == 0
    assert "is refused from now on" in capsys.readouterr().out
    assert code_of(agent, "GET", "/checks", token) == 401
    assert run(["token", "revoke", "deploy"]) == 1
    assert "there is no token 'deploy'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, code",
    [
        (["x", "--role", "emperor"], 64),
        (["x", "--expires", "soon"], 64),
        (["x", "--expires", "0s"], 64),
        (["two words"], 1),
        (["../etc"], 1),
    ],
)
def test_what_makes_no_sense_is_refused(agent: Agent, capsys: Out, words: list[str], code: int) -> None:
    assert run(["token", "create", *words]) == code
    assert capsys.readouterr().err.startswith("salus: ")
    assert agent.api.door.book.tokens() == []
