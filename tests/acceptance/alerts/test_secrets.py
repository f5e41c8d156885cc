"""Secrets in every place where a config takes one, and receivers that repeat them: they are found nowhere else."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from salus.cli.root import run
from salus.clock import SystemClock
from salus.surfaces import control
from tests.acceptance.alerts.receiving import Receiver
from tests.acceptance.salus_process import SalusProcess, eventually
from tests.certificates import Authority
from tests.integration.channels.mailserver import MailServer, mail_server

NOTIFIER = Path(__file__).parent / "notifier.py"
PATIENCE = 150.0
"""Seconds; the longer a channel has failed, the longer it is until it is tried again."""


class Planted:
    """Secrets by their places. Each is made once, and looks like no other text."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        return self.places.setdefault(place, sha256(f"a secret: {place}".encode()).hexdigest()[:32])

    def found_in(self, text: bytes) -> list[str]:
        """Return the places whose secrets a text holds, as they are or as HTTP and SMTP write them."""
        return sorted(place for place, secret in self.places.items() if any(one in text for one in _forms(secret)))

    def quoted_in(self, text: bytes) -> list[str]:
        """Return them with what stands before and after, for whoever mends it."""
        forms = [(place, form) for place, secret in self.places.items() for form in _forms(secret)]
        found = [(place, form, text.find(form)) for place, form in forms]
        return [f"{place}: {text[max(0, at - 300) : at + len(form) + 50]!r}" for place, form, at in found if at >= 0]


def _forms(secret: str) -> Iterator[bytes]:
    """Yield what a secret looks like: by itself, and encoded at whatever place of a longer text (base64)."""
    yield secret.encode()
    for shift in range(3):
        yield b64encode(b" " * shift + secret.encode())[4:-4]


def environment(planted: Planted, port: int) -> dict[str, str]:
    return {
        "OPS_WEBHOOK": f"http://127.0.0.1:{port}/{planted('webhook path of a variable')}",
        "API_TOKEN": planted("token of a variable"),
        "DB_PASSWORD": planted("password of a service"),
    }


def channels(planted: Planted, folder: Path, port: int, mail: MailServer, ca_file: Path) -> dict[str, Any]:
    """Return channels of every kind that takes a secret, in every way in which it takes one."""
    at = f"127.0.0.1:{port}"

    def file(place: str) -> str:
        path = folder / f"secret-{len(planted.places)}"
        path.write_text(planted(place) + "\n")
        return str(path)

    options: dict[str, Any] = {
        "hook": {
            "webhook": {
                "url": f"http://{at}/{planted('webhook path')}?token={planted('webhook query')}",
                "headers": {"Authorization": f"Bearer {planted('header')}", "X-Key": planted("another header")},
                "secret_file": file("hmac"),
            }
        },
        "user": {"webhook": f"http://someone:{planted('password in a url')}@{at}/hook"},
        "variable": {"webhook": "${OPS_WEBHOOK}"},
        "header": {"webhook": {"url": f"http://{at}/", "headers": {"X-Token": "${API_TOKEN}"}}},
        "proxy": {
            "webhook": {
                "url": "http://127.0.0.2:9/hook",
                "proxy": f"http://someone:{planted('password of a proxy')}@{at}",
            }
        },
        "chat": {"slack": {"url": f"http://{at}/services/T0000/{planted('slack')}"}},
        "pager": {"pagerduty": {"routing_key_file": file("routing key"), "url": f"http://{at}"}},
        "manager": {"alertmanager": {"url": f"http://{at}", "bearer_file": file("bearer"), "resend": "1h"}},
        "manager2": {
            "alertmanager": {"url": f"http://{at}", "username": "salus", "password": planted("basic"), "resend": "1h"}
        },
        "other": {"apprise": f"json://someone:{planted('apprise password')}@{at}/{planted('apprise path')}"},
        "program": {
            "exec": {
                "command": [sys.executable, "-I", "-S", str(NOTIFIER), str(folder / "unwilling")],
                "environment": {"TOKEN": planted("environment of a program")},
            }
        },
        "mail": {
            "email": {
                "host": "localhost",
                "port": mail.port,
                "username": "salus",
                "password_file": file("smtp password"),
                "ca_file": str(ca_file),
                "from": "salus@example.org",
                "to": ["ops@example.org"],
            }
        },
    }
    common = {"timeout": "2s", "rate_limit": 1000}
    return {name: {**channel, **common} for name, channel in options.items()}


def config(planted: Planted, folder: Path, port: int, channels: dict[str, Any]) -> dict[str, Any]:
    """Return the sections of a config."""
    asked = f"127.0.0.1:{port}"
    (folder / "receive-token").write_text(planted("token to receive"))
    (folder / "check-bearer").write_text(planted("bearer of a check"))
    never = {"interval": "1h"}
    checks = {
        "a": {"command": ["test", "!", "-e", str(folder / "a")], "interval": "300ms", "timeout": "10s"},
        "basic": {"http": {"url": f"http://{asked}/?key={planted('query of a check')}", "username": "salus",
                           "password": planted("password of a check")}, **never},
        "bearer": {"http": {"url": f"http://{asked}/b", "bearer_file": "check-bearer", "body_contains": "x"}, **never},
        "url": {"http": f"http://someone:{planted('password in the url of a check')}@{asked}/c", **never},
        "header": {"http": {"url": f"http://{asked}/d", "headers": {"X-Token": "${API_TOKEN}"}}, **never},
        "heard": {"alert": {"match": 'alertname="Stuck"'}, **never},
    }  # fmt: skip
    request = {
        "url": f"http://{asked}/restart?token={planted('query of an action')}",
        "bearer": planted("bearer of an action"),
        "headers": {"X-More": planted("header of an action")},
    }
    return {
        "services": {
            "web": {"process": {"command": ["sleep", "600"], "environment": {"PASSWORD": "${DB_PASSWORD}"}}},
        },
        "checks": checks,
        "rules": {
            "a": {
                "actions": ["capture_evidence", {"http_request": request}],
                "cooldown_period": "1s",
                "verify_timeout": "300ms",
                "max_recovery_attempts": 3,
            }
        },
        "alerts": {
            "channels": channels,
            "rules": {"bad": {"all_checks": True, "status": "unhealthy"}},
            "routes": [{"channels": [*channels], "group_by": ["check"]}],
            "group_wait": "0s",
            "group_interval": "50ms",
            "receive": {"token_file": "receive-token"},
        },
        "limits": {"storm_brake": "100%"},
    }


def written(sections: dict[str, Any]) -> str:
    return "".join(f"{name}: {json.dumps(section)}\n" for name, section in sections.items())


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────────────────────

HEALTH = ("/health?verbose", "/health", "/livez", "/readyz?verbose", "/startupz", "/health/checks/basic")
_LINE = re.compile(r"^    (GET|POST)\s+(/v1/\S+(?: or \S+)?)\s*(.*)$", re.MULTILINE)
_ENDING = frozenset({"stop", "stream"})


def endpoints(names: dict[str, list[str]]) -> Iterator[tuple[str, str, bytes]]:
    """Yield every request that the control socket documents, with every name that may stand in it."""
    assert control.__doc__ is not None
    for method, path, rest in _LINE.findall(control.__doc__):
        body = b"{}"
        if rest.startswith("{"):
            body = json.dumps(json.JSONDecoder().raw_decode(rest)[0]).encode()
        stem, _, verbs = path.rpartition("/")
        room = path.split("/")[2]
        for verb in verbs.split("|"):
            if verb in _ENDING:
                continue
            whole = re.sub(r"<[^>]*>", "{}", f"{stem}/{verb}")
            for name in names.get(room, ["nothing"]) if "{}" in whole else [""]:
                yield method, whole.format(name), body


def everything_said(agent: SalusProcess, names: dict[str, list[str]]) -> bytes:
    """Ask everything that can be asked; return all answers."""
    answers = []
    for method, path, body in endpoints(names):
        status, answer = agent.talk(method, path, body if method == "POST" else None)
        assert status != 500, f"{method} {path}: {answer!r}"
        answers.append(answer)
    for path in HEALTH:
        answers += [agent.talk("GET", path)[1], public(agent, "GET", path)[1]]
    return b"\n".join(answers)


def public(agent: SalusProcess, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", agent.port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Stream:
    """All events, as the control socket tells them."""

    def __init__(self, agent: SalusProcess) -> None:
        self.said = b""
        self._thread = threading.Thread(target=self._listen, args=(agent,), daemon=True)
        self._thread.start()

    def _listen(self, agent: SalusProcess) -> None:
        self.said = agent.talk("GET", "/v1/events/stream", timeout=60)[1]

    def end(self) -> bytes:
        self._thread.join(20)
        return self.said


# ── the story ─────────────────────────────────────────────────────────────────────────────────────────────────────────

HTTP = ("hook", "user", "variable", "header", "proxy", "chat", "pager", "manager", "manager2")
NOT_TOLD_TO_THE_RECEIVER = {
    "hmac",
    "smtp password",
    "token to receive",
    "environment of a program",
    "password of a service",
    "a wrong token",
}


class Story:
    """A Salus among receivers that repeat what they are told."""

    def __init__(self, agent: SalusProcess, people: Receiver, mail: MailServer, planted: Planted) -> None:
        self.agent, self.people, self.mail, self.planted = agent, people, mail, planted
        self.said: list[bytes] = []
        self._begin = 0

    def now(self, how: str, *, others_fail: bool) -> None:
        """Let the receivers be so; the program and the mail server fail, or do not, and repeat what they know."""
        self._begin = len(self.agent.log)
        unwilling, word = self.agent.folder / "unwilling", self.planted("smtp password")
        if others_fail:
            unwilling.touch()
            self.mail.answers["AUTH"] = f"454 4.7.0 not now, {word} ({b64encode(word.encode()).decode()})"
        else:
            unwilling.unlink(missing_ok=True)
            self.mail.answers.clear()
        self.people.be(how)

    def until(self, channels: Iterable[str], does: str) -> None:
        """Wait until the log has said it of all of these channels since ``now``."""
        for name in channels:
            eventually(partial(self._does, f"{name}: {does}"), PATIENCE, f"{name}: {does}\n{self.agent.log[-5000:]}")

    def _does(self, words: str) -> bool:
        return words in self.agent.log[self._begin :]

    def ask_everything(self, channels: Iterable[str]) -> None:
        names = {
            "checks": ["a", "basic"],
            "rules": ["a"],
            "services": ["web"],
            "channels": [*channels],
            "alerts": [self._known("select id from alerts where resolved_at is null")],
            "notifications": [self._known("select id from deliveries where state = 'dead'")],
        }
        self.said.append(everything_said(self.agent, names))

    def _known(self, query: str) -> str:
        with closing(sqlite3.connect(self.agent.state / "ledger.sqlite")) as ledger:
            return str(ledger.execute(query).fetchone()[0])

    def read_the_folder(self) -> None:
        """Read every byte of the state folder and of the log, as they are now."""
        files = [file for file in self.agent.state.rglob("*") if file.is_file()]
        self.said += [file.read_bytes() for file in files]
        self.said.append(self.agent.log.encode())


@pytest.mark.timeout(600)
async def test_no_secret_is_in_the_log_an_answer_or_the_ledger(
    tmp_path: Path, receiver: Callable[[str], Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted, people = Planted(), receiver("people")
    authority = Authority(tmp_path, SystemClock().now())
    for name, value in environment(planted, people.port).items():
        monkeypatch.setenv(name, value)
    async with mail_server(tls=authority.issue().server(), logins=True) as mail:
        told = channels(planted, tmp_path, people.port, mail, authority.file)
        mail.credentials = (b"salus", planted("smtp password").encode())
        sections = config(planted, tmp_path, people.port, told)
        agent = SalusProcess(tmp_path, written(sections))
        try:
            story = Story(agent, people, mail, planted)
            await asyncio.to_thread(tell, story, sections, [*told])
        finally:
            await asyncio.to_thread(agent.close)
        assert mail.mails, "no mail arrived"
    came = (people.folder / "requests").read_bytes()
    assert planted.found_in(came) == sorted(set(planted.places) - NOT_TOLD_TO_THE_RECEIVER), "not all of them were used"
    found = planted.quoted_in(b"\n".join(story.said))
    assert not found, "\n".join(found)


def tell(story: Story, sections: dict[str, Any], every: list[str]) -> None:
    """Let deliveries fail and succeed in every way, ask everything that can be asked, and read what was written."""
    agent, planted = story.agent, story.planted
    story.now("scold", others_fail=True)
    agent.start("--log-level", "debug")
    agent.ready()
    stream = Stream(agent)
    story.until(every, "try 1")
    story.now("praise", others_fail=False)
    story.until(every, "firing delivered")
    story.now("refuse", others_fail=True)
    (agent.folder / "a").touch()
    story.until(HTTP, "given up")
    eventually(lambda: planted.found_in((story.people.folder / "requests").read_bytes()).count("bearer of an action"))
    story.now("refer", others_fail=True)
    (agent.folder / "a").unlink()
    story.until(HTTP, "given up")
    for token in (planted("a wrong token"), planted("token to receive")):
        public(agent, "POST", "/api/v2/alerts", [{"labels": {"alertname": "Stuck"}}], token)
    story.ask_everything(every)
    story.read_the_folder()
    broken = {**sections, "services": {"web": {"process": {"command": planted("token to receive")}}}}
    broken["alerts"] = {**sections["alerts"], "channels": {"x": {"webhook": {"url": [planted("webhook path")]}}}}
    agent.write(written(broken))
    story.said.append(agent.talk("POST", "/v1/reload")[1])
    agent.write(written(sections))
    story.said.append(agent.talk("POST", "/v1/reload")[1])
    story.now("down", others_fail=True)
    (agent.folder / "a").touch()
    story.until(HTTP, "try ")
    assert agent.stop() == 0
    story.said.append(stream.end())
    story.read_the_folder()
    story.now("scold", others_fail=True)
    agent.start("--log-level", "debug", "--log-format", "json")
    agent.ready()
    story.until(every, "try ")
    assert agent.stop() == 0
    story.read_the_folder()


# ── complaints about a config ─────────────────────────────────────────────────────────────────────────────────────────


def broken_channels(planted: Planted) -> dict[str, Any]:
    """Return channels that are wrong where their secret is, or beside it."""
    url = f"http://127.0.0.1:1/{planted('path')}?token={planted('query')}"
    return {
        "a list": {"webhook": {"url": [planted("list")]}},
        "a mapping": {"webhook": {"url": {planted("key"): planted("value")}}},
        "a number": {"webhook": {"url": url, "secret": 12.5}},
        "no url": {"webhook": planted("no url")},
        "another scheme": {"webhook": f"ftp://{planted('ftp')}/x"},
        "a blank": {"webhook": f"http://127.0.0.1:1/{planted('blank')} {planted('after a blank')}"},
        "a port": {"webhook": f"http://someone:{planted('password')}@127.0.0.1:{planted('port')}/"},
        "unknown key": {"webhook": {"url": url, "tokn": planted("unknown key")}},
        "a header": {"webhook": {"url": url, "headers": {"X": f"{planted('header')}\n{planted('next line')}"}}},
        "headers": {"webhook": {"url": url, "headers": planted("headers")}},
        "a proxy": {"webhook": {"url": url, "proxy": f"socks5://u:{planted('proxy')}@127.0.0.1:1"}},
        "both": {"webhook": {"url": url, "secret": planted("secret"), "secret_file": planted("a file's name, shown")}},
        "a template": {"webhook": {"url": url, "template": "{% if %}"}},
        "a key": {"pagerduty": planted("routing key")[:31]},
        "chat": {"slack": {"url": f"//{planted('slack')}"}},
        "apprise": {"apprise": f"nothing-like-it://{planted('apprise')}"},
        "apprise2": {"apprise": {"urls": planted("apprise urls")}},
        "manager": {"alertmanager": {"url": url, "bearer": planted("bearer"), "username": "x"}},
        "manager2": {"alertmanager": {"urls": [url], "password": planted("basic")}},
        "mail": {"email": {"host": "mx.example.org", "from": "a@b.c", "to": ["x@y.z"], "security": "none",
                           "username": planted("user"), "password": planted("smtp")}},
        "mail2": {"email": {"host": "mx.example.org", "password": {"a": planted("mapping")}}},
        "program": {"exec": {"command": ["true"], "environment": {"TOKEN": [planted("environment")]}}},
        "program2": {"exec": {"command": ["true"], "environment": planted("environments")}},
        "two kinds": {"webhook": url, "slack": url},
        "variable": {"webhook": "${BROKEN_URL}"},
        "unset": {"webhook": f"http://{planted('beside what is unset')}/${{NOT_SET_ANYWHERE}}"},
        "not a variable": {"webhook": f"http://127.0.0.1/${{{planted('name')}!}}"},
    }  # fmt: skip


SHOWN = {"a file's name, shown", "unknown key", "name", "key"}


def test_no_secret_is_in_what_validate_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = Planted()
    monkeypatch.setenv("BROKEN_URL", f"htp:/{planted('a variable')}")
    sections: dict[str, Any] = {"checks": {"m": {"memory": None}}}
    bearer = {"url": "http://127.0.0.1:1", "bearer": [planted("bearer of a check")], "username": "x"}
    said = ""
    variants: list[dict[str, Any]] = [
        {"alerts": {"channels": {name.replace(" ", "-"): channel}}}
        for name, channel in broken_channels(planted).items()
    ]
    variants += [
        {"checks": {"x": {"http": bearer}}},
        {"alerts": {"receive": {"token": [planted("receive")]}}},
        {"alerts": {"receive": {"token": planted("receive twice"), "token_file": "x"}}},
        {"alerts": {"receive": {"token": planted("short")[:3]}}},
        {"alerts": {"receive": planted("receive itself")}},
    ]
    texts = [written(sections | variant) for variant in variants]
    texts += [
        f"alerts: {{channels: {{x: {{webhook: {{url: 'http://{planted('syntax')}}}}}}}}}\n",
        f'alerts:\n  channels:\n    x:\n      webhook: "http://x/{planted("open quote")}\n',
        f"alerts:\n  channels:\n    x: {{webhook: a: {planted('colon')}}}\n",
        f"alerts:\n  channels:\n    x:\n      webhook:\n        url: x\n        url: {planted('twice')}\n",
        f"alerts:\n  channels:\n    x:\n      webhook:\n\t\turl: {planted('tab')}\n",
        f"alerts:\n  channels:\n    x:\n      webhook: *{planted('alias')}\n",
    ]
    for text in texts:
        path = tmp_path / "salus.yaml"
        path.write_text(text)
        path.chmod(0o600)
        run(["validate", "--config", str(path)])
        out, err = capsys.readouterr()
        assert "salus.yaml:" in out or "valid: " in out
        said += out + err
    found = [one for one in planted.quoted_in(said.encode()) if one.partition(":")[0] not in SHOWN]
    assert not found, "\n".join(found)
