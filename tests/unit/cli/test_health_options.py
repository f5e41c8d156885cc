from __future__ import annotations

from pathlib import Path

import pytest

from salus.cli.health import _options, _seconds, _target, _UsageError, main


@pytest.mark.parametrize(
    "words, found",
    [
        ([], {}),
        (["-H", "::1", "-p", "80"], {"host": "::1", "port": "80"}),
        (["-H::1", "-p80", "-v"], {"host": "::1", "port": "80", "verbose": "yes"}),
        (["--host=a", "--port", "1", "--timeout=2s"], {"host": "a", "port": "1", "timeout": "2s"}),
        (["-vp", "80"], {"verbose": "yes", "port": "80"}),
        (["--path", "/livez"], {"path": "/livez"}),
    ],
)
def test_options_are_read_as_everybody_writes_them(words: list[str], found: dict[str, str]) -> None:
    assert _options(words) == found


@pytest.mark.parametrize("words", [["x"], ["-x"], ["--nope"], ["-p"], ["--host"], ["--verbose=1"], ["-"], ["--"]])
def test_what_makes_no_sense_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(_UsageError):
        _options(words)
    assert main(words) == 64


@pytest.mark.parametrize(
    "options, listen, target",
    [
        ({}, None, ("127.0.0.1", 8787)),
        ({}, "0.0.0.0:9000", ("127.0.0.1", 9000)),
        ({}, "[::]:9000", ("::1", 9000)),
        ({}, "[fe80::1]:9000", ("fe80::1", 9000)),
        ({"port": "1"}, "10.0.0.1:9000", ("10.0.0.1", 1)),
        ({"host": "[::1]"}, None, ("::1", 8787)),
        ({"host": "/run/salus.sock"}, None, ("/run/salus.sock", 8787)),
    ],
)
def test_the_target_comes_from_the_options_then_from_the_environment(
    options: dict[str, str], listen: str | None, target: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    if listen is None:
        monkeypatch.delenv("SALUS_LISTEN", raising=False)
    else:
        monkeypatch.setenv("SALUS_LISTEN", listen)
    monkeypatch.delenv("SALUS_STATE_DIR", raising=False)
    assert _target(options, os.environ) == target


@pytest.mark.parametrize(
    "options, environ, host",
    [
        ({"state-dir": "./.salus"}, {}, "./.salus/salus.sock"),
        ({"state-dir": "state"}, {"SALUS_LISTEN": "0.0.0.0:9000", "SALUS_STATE_DIR": "/b"}, "state/salus.sock"),
        ({}, {"SALUS_STATE_DIR": "/var/lib/salus"}, "/var/lib/salus/salus.sock"),
        ({}, {"SALUS_STATE_DIR": "/b", "SALUS_LISTEN": "10.0.0.1:9000"}, "10.0.0.1"),
        ({"port": "9"}, {"SALUS_STATE_DIR": "/b"}, "127.0.0.1"),
        ({"host": "a"}, {"SALUS_STATE_DIR": "/b"}, "a"),
        ({}, {"SALUS_STATE_DIR": ""}, "127.0.0.1"),
    ],
)
def test_a_state_folder_names_the_socket_in_it_unless_an_address_is_said(
    options: dict[str, str], environ: dict[str, str], host: str
) -> None:
    assert _target(options, environ)[0] == host


def test_a_folder_and_an_address_are_two_places(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", "a", "--port", "1"]) == 64
    assert "--state-dir and --port say two places to ask: keep one" in capsys.readouterr().err


def test_where_no_salus_runs_its_folder_is_named_and_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--state-dir={tmp_path}"]) == 1
    told = capsys.readouterr().err
    assert f"{tmp_path}/salus.sock: nobody listens there (is `salus run` running?)" in told


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "\u0661"])
def test_a_port_is_a_port(port: str) -> None:
    assert main(["--port", port]) == 64


@pytest.mark.parametrize("text, seconds", [("5", 5), ("0.5", 0.5), ("500ms", 0.5), ("2s", 2), ("1m", 60)])
def test_times_may_carry_a_unit(text: str, seconds: float) -> None:
    assert _seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "nan", "inf", "1h"])
def test_a_time_that_is_none_is_a_usage_error(text: str) -> None:
    assert main(["--timeout", text]) == 64


@pytest.mark.parametrize("path", ["health", "/a b", "/x\r\nHost: evil", "/ü"])
def test_a_path_cannot_smuggle_a_header(path: str) -> None:
    assert main(["--path", path]) == 64
