"""`salus top` in a real terminal, about a real agent: what a person sees and types, and the terminal they get back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.cli.terminal import Page, Terminal
from tests.acceptance.salus_process import SalusProcess, eventually

CONFIG = """\
services:
  web: {{process: {{command: [{python}, -c, "import signal; signal.pause()"]}}}}
checks:
  web-up: {{process: {{service: web}}, interval: 200ms, timeout: 2s, critical: true, service: web}}
  gate: {{file: {{path: {folder}/open}}, interval: 200ms, timeout: 2s}}
  disk: {{disk: {{path: /}}, interval: 1s}}
rules:
  web-up: {{check: web-up, cooldown_period: 1s, actions: [{{run: {wait}, timeout: 40s}}, restart_service]}}
alerts: {{rules: {{gate-shut: {{check: gate, status: unhealthy, for: 0s}}}}}}
"""
# The first step of the recovery lasts until a file is there: it is seen while it runs, however slow the machine is.
WAIT = '["sh", "-c", "until test -e {folder}/go; do sleep 0.05; done"]'
SEEN = {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
Start = Callable[..., Terminal]


@pytest.fixture
def salus(tmp_path: Path) -> Iterator[SalusProcess]:
    (tmp_path / "open").touch()
    wait = WAIT.format(folder=tmp_path)
    one = SalusProcess(tmp_path, CONFIG.format(python=sys.executable, folder=tmp_path, wait=wait))
    try:
        one.start()
        one.ready()
        eventually(lambda: one.ready()["overall"]["message"] == "All systems operational", what="health")
        yield one
    finally:
        one.close()


@pytest.fixture
def start(salus: SalusProcess) -> Iterator[Start]:
    begun: list[Terminal] = []

    def begin(*words: str, width: int = 100, height: int = 30, **environment: str) -> Terminal:
        command = [*salus.command, "top", *(words or ("--state-dir", str(salus.state)))]
        found = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "SALUS_TOKEN")}
        begun.append(Terminal(command, {**found, **SEEN, **environment}, width=width, height=height))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def given_back(terminal: Terminal) -> bool:
    """See that the terminal is as it was: its modes, its page, its cursor. Its last words may still be on their way."""
    seen: dict[str, bool] = {}

    def all_of_it() -> bool:
        seen["modes"] = terminal.attributes() == terminal.before
        seen["page"], seen["cursor"] = not terminal.page.other, terminal.page.cursor
        return all(seen.values())

    try:
        return eventually(all_of_it, what="the terminal as it was")
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}, last came {terminal.written[-200:]!r}") from None


@pytest.mark.parametrize("cut", range(1, 9))
def test_what_ends_a_picture_that_was_cut_short_is_understood(cut: int) -> None:
    page = Page(20, 5)
    page.feed("\x1b[?1049h\x1b[?25l\x1b[2J")
    page.feed("\x1b[12;34H"[:cut])
    page.feed("\x1b[?25h\x1b[0m\x1b[?1049l")
    assert (page.other, page.cursor) == (False, True)


def test_a_killed_service_is_seen_to_be_healed_and_q_gives_the_terminal_back(salus: SalusProcess, start: Start) -> None:
    top = start()
    top.shows("✓ healthy: All systems operational", "web-up", "✓ running", " live")
    assert top.page.other
    os.kill(salus.service("web")["pid"], signal.SIGKILL)
    shown = top.shows("healing now 1", "rule web-up, attempt 1 of 3, step 1 of 2: run", "✗ unhealthy: web-up")
    clock = re.search(r"… +(\d+\.\d) s +web-up", shown)
    assert clock is not None
    top.shows("✗ exited", "healing · exited: killed by SIGKILL")
    eventually(
        lambda: (found := re.search(r"… +(\d+\.\d) s +web-up", top.text)) and found[1] != clock[1], what="a tick"
    )
    (salus.folder / "go").touch()
    top.shows("✓ healthy: All systems operational", "2 starts", "recovered after")
    eventually(lambda: "healing now" not in top.text, what="an answer that knows that it is over")
    assert top.page.unknown == set()
    top.type("q")
    assert top.ended() == 0
    assert given_back(top)


def test_an_agent_that_dies_is_said_to_and_one_that_comes_back_goes_on(salus: SalusProcess, start: Start) -> None:
    top = start()
    top.shows("All systems operational", " live")
    salus.kill()
    top.shows("✗ no answer for", "trying again", "no Salus answers", "web-up")
    top.shows("asking every moment")
    salus.start()
    top.shows("Salus was started anew, as pid")
    top.shows("last events", "agent started")
    eventually(lambda: "no answer for" not in top.text, what="an answer")
    top.shows("All systems operational", " live")
    (salus.folder / "open").unlink()
    top.shows("gate is unhealthy")  # by the stream, which has been begun again
    top.type("q")
    assert top.ended() == 0


def test_what_is_asked_for_is_done_and_said(salus: SalusProcess, start: Start) -> None:
    top = start()
    top.shows("needs attention", "gate")
    (salus.folder / "open").unlink()
    top.shows("needs attention 1", "▌ ✗ unhealthy")
    top.type("r")
    top.shows("gate looks unhealthy")
    top.type("h")
    top.shows("no rule heals gate")
    top.shows("✗ firing")
    top.type("a")
    top.shows("the alert gate-shut about gate is yours: nobody is reminded of it", "acknowledged")
    top.type("p")
    top.shows("pause all automatic recovery, until you let it go on? y or n")
    top.type("n")
    top.shows("nothing was done")
    top.type("py")
    top.shows("■ paused", "salus top", "all automatic recovery is paused; p lets it go on")
    top.type("p")
    top.shows("let automatic recovery go on? y or n")
    top.type("y")
    eventually(lambda: "■ paused" not in top.text, what="the end of the pause")
    top.type("/web-up\r")
    top.shows("with 'web-up'")
    top.type("\r")
    top.shows("web-up has nothing to heal", "is looked at")
    top.type("h")
    top.shows("run rule web-up (run, restart_service) now? y or n")
    top.type("y")
    (salus.folder / "go").touch()
    top.shows("rule web-up: ")
    top.type("\x1b")
    top.shows("checks 1")
    top.type("q")
    assert top.ended() == 0
    asked = [one["message"] for one in _events(salus)]
    assert any("POST /api/v1/rules/web-up/heal: 200" in one for one in asked)


def _events(salus: SalusProcess) -> list[dict[str, str]]:
    found: list[dict[str, str]] = salus.ask("GET", "/api/v1/events?kind=request_done")[1]["items"]
    return found


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 0), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_gives_the_terminal_back(start: Start, number: signal.Signals, code: int) -> None:
    top = start()
    top.shows("All systems operational")
    top.process.send_signal(number)
    assert top.ended() == code
    assert given_back(top)


def test_ctrl_c_ends_it(start: Start) -> None:
    top = start()
    top.shows("All systems operational")
    top.type("\x03")
    assert top.ended() == 0
    assert given_back(top)


def test_an_error_gives_the_terminal_back(start: Start) -> None:
    program = (
        "from salus.cli.top.screen import Screen\nwith Screen() as screen: screen.keys(60); raise ValueError('oh')"
    )
    one = Terminal([sys.executable, "-c", program], {**os.environ, **SEEN})
    try:
        eventually(lambda: one.page.other, what="the other page")
        assert one.attributes() != one.before
        one.type("x")
        assert one.ended() == 1
        assert given_back(one)
        one.shows("ValueError: oh")
    finally:
        one.close()


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again(salus: SalusProcess) -> None:
    shell = Terminal(["bash", "--norc", "--noprofile", "-i"], {**os.environ, **SEEN, "PS1": "ready> ", "HOME": "/"})
    try:
        shell.shows("ready>")
        shell.type(f"{' '.join(salus.command)} top --state-dir {salus.state}\r")
        shell.shows("All systems operational", "q quit")
        shell.type("\x1a")
        shell.shows("Stopped")
        assert (shell.page.other, shell.page.cursor) == (False, True)
        shell.type("\x0cfg\r")
        eventually(lambda: shell.page.other, what="the other page")  # what was drawn before may still be on the shell's
        shell.shows("All systems operational", "q quit")
        assert (shell.page.other, shell.page.cursor) == (True, False)
        shell.type("q")
        eventually(lambda: not shell.page.other, what="the shell's page")
        shell.type("exit\r")
        shell.ended()
    finally:
        shell.close()


def test_a_pane_that_changes_its_size_is_filled_anew(start: Start) -> None:
    top = start(width=160, height=20)
    top.shows(" │ ", "q quit")
    top.resize(60, 12)
    top.shows("q quit", "checks 4")
    eventually(lambda: " │ " not in top.text, what="a picture of that width")  # one of the old may have been on its way
    top.resize(120, 40)
    top.shows("q quit", "p pause", "last events")


def test_a_plain_terminal_gets_plain_signs_and_no_colours(start: Start) -> None:
    top = start(PYTHONIOENCODING="ascii", NO_COLOR="1", width=80)
    top.shows("+ healthy: All systems operational", "q quit")
    assert top.written.isascii()
    colours = {int(one) for found in re.findall(rb"\x1b\[([0-9;]+)m", top.written) for one in found.split(b";")}
    assert colours <= {0, 1}
    top.type("q")
    top.ended()


def test_over_the_network_a_token_decides_what_is_seen_and_done(salus: SalusProcess, start: Start) -> None:
    url = f"http://127.0.0.1:{salus.port}"
    made = [*salus.command, "token", "create", "me", "--state-dir", str(salus.state)]
    token = subprocess.run(made, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    stranger = start("--url", url)
    stranger.shows("you: a stranger", "not shown without a token that may see it: services", "web-up")
    stranger.type("r")
    stranger.shows("a stranger may look, not act")
    viewer = start("--url", url, SALUS_TOKEN=token)
    viewer.shows("you: viewer", "services 1", " live")
    viewer.type("p")
    viewer.shows("a viewer may look, not act: use a token with the role operator")
    assert token.encode() not in viewer.written


def test_where_nobody_looks_one_picture_is_printed(salus: SalusProcess) -> None:
    command = [*salus.command, "top", "--state-dir", str(salus.state)]
    environment = {**os.environ, **SEEN, "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=30, check=True)
    text = done.stdout.decode()
    assert text.startswith("✓ healthy: All systems operational\n")
    assert all(one in text for one in ("web-up", "disk", "✓ running", "last events"))
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
