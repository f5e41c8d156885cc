"""Raw options become typed ones, or problems at their own place."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest

from salus.checks.command import Command
from salus.checks.tcp import Tcp
from salus.config import SCALAR, Sources, loads, options
from salus.errors import ConfigError
from salus.model import Effect, Json
from salus.options import Options
from salus.secret import Secret
from salus.services.command import CommandOptions
from salus.units import Amount, Duration, Share, Size


class Login(msgspec.Struct, frozen=True, kw_only=True):
    user: str
    password: Secret


class Probe(Options, frozen=True, kw_only=True):
    scalar: ClassVar[str] = "url"

    url: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 80
    status: tuple[int, ...] = (200,)
    headers: Mapping[str, str] = {}
    within: Duration | None = None
    larger: Size | None = None
    free: Amount | None = None
    share: Share = Share(0.5)
    file: Path | None = None
    ratio: float = 0.0
    token: Secret | None = None
    login: Login | None = None
    method: Literal["GET", "HEAD"] = "GET"
    effect: Effect = Effect.CHANGES
    expect: str | list[str] | None = None
    signal: str | int = "TERM"
    body: Any = None
    anything: dict[str, Json] = msgspec.field(default_factory=dict)
    pair: tuple[str, int] | None = None

    def problems(self) -> list[tuple[str, str]]:
        if self.url.startswith("ftp:"):
            return [("url", f"{self.url} is no web address")]
        if self.method == "HEAD" and self.body is not None:
            return [("body", "a HEAD request has no body")]
        return []


class Plain(Options, frozen=True, kw_only=True):
    path: Path = Path()


def convert(
    kind: type[Options], body: str, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Any:
    """Read ``body`` as the options of a check and convert them."""
    lines = dedent(body).strip("\n").replace("\n", "\n      ")
    text = f"checks:\n  web:\n    probe:\n      {lines}\n"
    settings = loads(text, name="salus.yaml", environ=environ or {}, folder=folder)
    raw = settings.checks["web"].options
    return options(kind, raw, path=("checks", "web", "probe"), sources=settings.sources)


def problems(kind: type[Options], body: str, **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        convert(kind, body, **given)
    return str(caught.value).splitlines()


def test_every_type_is_read_from_text(tmp_path: Path) -> None:
    body = """
    url: http://127.0.0.1/
    port: 8080
    status: [200, 204]
    headers: {Accept: text/plain}
    within: 1m30s
    larger: 2KiB
    free: 10%
    share: 25%
    file: data/x
    ratio: 3
    token: hush
    login: {user: me, password: "123"}
    method: HEAD
    effect: replaces
    expect: [a, b]
    signal: 9
    anything: {a: [1, {b: null}]}
    pair: [a, 1]
    """
    probe = convert(Probe, body, folder=tmp_path)
    assert probe == Probe(
        url="http://127.0.0.1/",
        port=8080,
        status=(200, 204),
        headers={"Accept": "text/plain"},
        within=Duration(90),
        larger=Size(2048),
        free=Amount.parse("10%"),
        share=Share(0.25),
        file=tmp_path / "data/x",
        ratio=3.0,
        token=Secret("hush"),
        login=Login(user="me", password=Secret("123")),
        method="HEAD",
        effect=Effect.REPLACES,
        expect=["a", "b"],
        signal=9,
        anything={"a": [1, {"b": None}]},
        pair=("a", 1),
    )
    assert probe.free.relative
    assert type(probe.within) is Duration


def test_a_bare_value_fills_the_scalar() -> None:
    assert convert(Probe, "http://a") == Probe(url="http://a")
    assert options(Probe, "http://a", path=(), sources=Sources()) == Probe(url="http://a")
    assert options(Probe, {SCALAR: "http://a"}, path=(), sources=Sources()) == Probe(url="http://a")


def test_a_bare_value_where_there_is_no_scalar_teaches_the_long_form() -> None:
    assert problems(Plain, "/tmp") == [
        "salus.yaml:4:7: checks.web.probe: expected a mapping, got the text '/tmp' (write probe: {path: ...})"
    ]


@pytest.mark.parametrize(
    "kind, raw, remedy",
    [
        (Tcp, 80, "write tcp: {port: ...}"),
        (Tcp, "localhost", "write tcp: {host: ...}"),
        (Tcp, [80], "write tcp: {host: ...}"),
        (CommandOptions, "web", "write commandoptions: {start: ...}"),
    ],
)
def test_the_long_form_names_a_key_that_is_needed_or_may_have_been_meant(
    kind: type[Options], raw: object, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        options(kind, raw, path=("checks", "a", kind.__name__.lower()), sources=Sources())
    assert caught.value.problems[0].remedy == remedy


@pytest.mark.parametrize(
    "text, remedy",
    [
        ("ls -l /tmp", "[ls, -l, /tmp]"),
        ("ls -l | grep x", '[sh, -c, "ls -l | grep x"]'),
        ('echo "$HOME"', r'[sh, -c, "echo \"$HOME\""]'),
        ("echo ${HOME} $$", '[sh, -c, "echo $${HOME} $$$$"]'),
        ("head -n 1 - yes: #a @b [c] {d} !e", '[head, -n, "1", "-", "yes:", "#a", "@b", "[c]", "{d}", "!e"]'),
        ("0x10 .5 ~ null on 007 1e3", '["0x10", ".5", "~", "null", "on", "007", "1e3"]'),
        ("a,b k=v --x=y host:80 u@h %d ./x-1.2", '["a,b", k=v, --x=y, host:80, u@h, "%d", ./x-1.2]'),
    ],
)  # fmt: skip
def test_a_command_written_as_text_is_taught_as_a_list_that_means_the_same(text: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options(Command, text, path=("checks", "a", "command"), sources=Sources())
    assert caught.value.problems[0].remedy == f"write {remedy}"
    words = convert(Command, remedy).run
    assert words == (("sh", "-c", text) if words[0] == "sh" else tuple(text.split()))


def test_a_kind_without_options_takes_its_defaults() -> None:
    assert options(Plain, {}, path=(), sources=Sources()) == Plain()


def test_every_problem_of_an_object_is_told_at_its_place() -> None:
    body = """
    urll: x
    port: 70000
    status: [200, "204", yes]
    headers: {Accept: 1, X-Retry: no}
    within: soon
    larger: 5 apples
    free: 5 %%
    ratio: .nan
    token: 12345678
    login: {user: [a]}
    method: get
    effect: changed
    expect: {a: b}
    signal: 1.5
    pair: [a]
    file: ""
    """
    assert problems(Probe, body) == [
        "salus.yaml:4:7: checks.web.probe: the key 'url' is missing (add it)",
        "salus.yaml:4:7: checks.web.probe.urll: unknown key 'urll' (did you mean 'url'?)",
        "salus.yaml:5:13: checks.web.probe.port: must be at most 65535, got 70000",
        "salus.yaml:6:21: checks.web.probe.status[1]: expected a whole number, got the text '204' (remove the quotes)",
        "salus.yaml:6:28: checks.web.probe.status[2]: expected a whole number, got yes, which YAML reads as true",
        'salus.yaml:7:25: checks.web.probe.headers.Accept: expected text, got the number 1 (quote it: "1")',
        (
            "salus.yaml:7:37: checks.web.probe.headers.X-Retry: expected text, got no, which YAML reads as false"
            ' (quote it: "no")'
        ),
        "salus.yaml:8:15: checks.web.probe.within: 'soon' is not a duration (write it like 500ms, 30s, 5m or 1h30m)",
        (
            "salus.yaml:9:15: checks.web.probe.larger: '5 apples' is not a size"
            " (write it like 512MiB, 1GB or a number of bytes)"
        ),
        "salus.yaml:10:13: checks.web.probe.free: '5 %%' is not a share (write it like 10% (0% to 100%) or 0.1)",
        "salus.yaml:11:14: checks.web.probe.ratio: expected a number, got the text '.nan'",
        "salus.yaml:12:14: checks.web.probe.token: expected a secret, got another value (put the text in quotes)",
        "salus.yaml:13:14: checks.web.probe.login: the key 'password' is missing (add it)",
        "salus.yaml:13:21: checks.web.probe.login.user: expected text, got a list",
        "salus.yaml:14:15: checks.web.probe.method: expected one of GET, HEAD, got 'get' (did you mean 'GET'?)",
        (
            "salus.yaml:15:15: checks.web.probe.effect: expected one of records, waits, changes, replaces,"
            " got 'changed' (did you mean 'changes'?)"
        ),
        "salus.yaml:16:15: checks.web.probe.expect: expected text or a list of text, got a mapping",
        (
            "salus.yaml:17:15: checks.web.probe.signal: expected text or a whole number, got the number 1.5"
            ' (quote it: "1.5")'
        ),
        "salus.yaml:18:13: checks.web.probe.pair: expected a list of 2 entries, got 1",
        (
            "salus.yaml:19:13: checks.web.probe.file: a path cannot be empty or hold NUL"
            " (write the path of a file or folder)"
        ),
    ]


def test_what_a_kind_finds_itself_is_told_at_the_field() -> None:
    assert problems(Probe, "url: x\nmethod: HEAD\nbody: y") == [
        "salus.yaml:6:13: checks.web.probe.body: a HEAD request has no body"
    ]


def test_a_variable_is_text_where_text_is_wanted_and_a_number_where_a_number_is() -> None:
    body = """
    url: ${V}
    port: ${V}
    headers: {A: "${V}"}
    ratio: ${R:-0.5}
    token: ${V}
    signal: ${V}
    within: ${V}ms
    body: ${V}
    """
    probe = convert(Probe, body, environ={"V": "8080"})
    assert (probe.url, probe.port, probe.headers, probe.ratio) == ("8080", 8080, {"A": "8080"}, 0.5)
    assert (probe.token.reveal(), probe.within, probe.body) == ("8080", Duration(8.08), 8080)
    assert type(probe.url) is str


def test_a_quoted_variable_stays_text() -> None:
    assert problems(Probe, 'url: x\nport: "${V}"', environ={"V": "80"}) == [
        ("salus.yaml:5:13: checks.web.probe.port: expected a whole number, got the text '${V}' (remove the quotes)")
    ]


def test_no_value_of_a_variable_is_told() -> None:
    body = """
    url: ${V}
    port: ${V}
    within: ${V}
    larger: ${V}
    free: ${V}
    share: ${V}
    method: ${V}
    effect: ${V}
    headers: ${V}
    status: [ "${V}" ]
    pair: ${V}
    login: ${V}
    """
    told = "\n".join(problems(Probe, body, environ={"V": "hunter2"}))
    assert told.count("\n") == 10
    told += "\n".join(problems(Probe, "url: ftp://${V}", environ={"V": "hunter2"}))
    assert "hunter2" not in told
    assert "${V}" in told


def test_a_secret_is_read_from_its_file_without_the_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush\n\n")
    (tmp_path / "password").write_text("word\r\n")
    probe = convert(Probe, "url: x\ntoken_file: token\nlogin: {user: a, password_file: password}", folder=tmp_path)
    assert probe.token.reveal() == "hush\n"
    assert probe.login.password.reveal() == "word"


def test_a_secret_is_found_among_the_credentials_of_the_service_manager(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/token").write_text("from credentials")
    (tmp_path / "token").write_text("from the folder")
    (tmp_path / "other").write_text("other")
    given: dict[str, Any] = {"environ": {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}, "folder": tmp_path}
    assert convert(Probe, "url: x\ntoken_file: token", **given).token.reveal() == "from credentials"
    assert convert(Probe, "url: x\ntoken_file: other", **given).token.reveal() == "other"


def test_a_secret_that_cannot_be_read_is_a_problem_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70000)
    remedy = "let the user that runs Salus read it, or correct the path"
    place = "salus.yaml:5:19: checks.web.probe.token_file:"
    for name, what in {
        "none": f"the secret cannot be read from {tmp_path}/none: No such file or directory ({remedy})",
        ".": f"the secret cannot be read from {tmp_path}: it is not a regular file (name a file)",
        "empty": f"the secret in {tmp_path}/empty is empty (put the secret into it)",
        "binary": f"the secret in {tmp_path}/binary is not UTF-8 text (name the file of the secret itself)",
        "large": f"the secret in {tmp_path}/large is larger than 65536 bytes (name the file of the secret itself)",
    }.items():
        assert problems(Probe, f"url: x\ntoken_file: {name}", folder=tmp_path) == [f"{place} {what}"]


def test_a_secret_is_given_once() -> None:
    assert problems(Probe, "url: x\ntoken: a\ntoken_file: b") == [
        "salus.yaml:6:7: checks.web.probe.token_file: 'token' and 'token_file' are both given (keep one of them)"
    ]


def test_a_secret_prints_as_stars() -> None:
    probe = convert(Probe, "url: x\ntoken: hush")
    assert "hush" not in repr(probe)


@pytest.mark.parametrize("raw", [None, True, 5, 1.5, "x", [], [1], {}, {"": {}}, {"": None}, {"url": {"": 1}}])
def test_options_that_were_not_read_from_a_file_are_converted_too(raw: object) -> None:
    with suppress(ConfigError):
        result = options(Probe, raw, path=("checks", "x", "probe"), sources=Sources())
        assert isinstance(result, Probe)
