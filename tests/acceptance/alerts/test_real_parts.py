"""The whole agent tells a real Alertmanager, a real mail server and a webhook: each hears exactly what it must.

How a healed incident reads stands in ``tests/golden/alerts``. ``WRITE_GOLDEN=1`` writes it anew, to be read before it
stays.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from salus.app.agent import Agent
from salus.config import load
from salus.matchers import parse_matchers
from salus.model import Suppression
from tests import mails
from tests.integration.channels.alertmanager import RunningAlertmanager, alertmanager, needs_alertmanager
from tests.integration.channels.mailserver import MailServer, mail_server
from tests.integration.channels.receiver import Receiver, receiving

GOLDEN = Path(__file__).parents[2] / "golden" / "alerts"
CHECKS = ("queue", "site")

pytestmark = [needs_alertmanager, pytest.mark.timeout(60)]


def config(folder: Path, *, web: str, hook: str, manager: str, mail: int) -> str:
    checks: dict[str, Any] = {
        name: {"command": ["test", "!", "-e", str(folder / name)], "interval": "500ms", "timeout": "10s"}
        for name in CHECKS
    }
    checks["web-http"] = {"http": f"{web}/", "interval": "1s", "timeout": "10s"}
    every = ["hook", "mail", "manager"]
    sections = {
        "salus": {"listen": "127.0.0.1:0", "state_dir": str(folder / "state"), "environment": "test"},
        "checks": checks,
        "rules": {
            "web-http": {
                "actions": [
                    {"run": ["test", "-e", str(folder / "nothing-is-here")]},
                    {"wait": "200ms"},
                    {"http_request": f"{web}/heal"},
                ],
                "verify_timeout": "2s",
            }
        },
        "alerts": {
            "channels": {
                "hook": {"webhook": hook},
                "mail": {
                    "email": {"host": "127.0.0.1", "port": mail, "security": "none",
                              "from": "Salus <salus@example.org>", "to": ["ops@example.org"]}
                },
                "manager": {"alertmanager": {"url": manager, "resend": "2s"}},
            },
            "rules": {
                "web-down": {"check": "web-http", "status": "unhealthy", "level": "critical",
                             "runbook": "https://runbooks.example.org/web"},
                "site-down": {"check": "site", "status": "unhealthy", "level": "critical"},
                "queue-stuck": {"check": "queue", "status": "unhealthy", "level": "warning"},
            },
            "default_rules": False,
            "routes": [
                {"match": 'level="warning"', "channels": every, "repeat_interval": "1s"},
                {"channels": every},
            ],
            "inhibit": {"site-down": {"source": 'alertname="site-down"', "target": 'level="warning"'}},
            "group_wait": "0s",
            "group_interval": "50ms",
            "link": "https://salus.example.org",
        },
    }  # fmt: skip
    return "".join(f"{name}: {json.dumps(section)}\n" for name, section in sections.items())


class Web:
    """A server that answers 503 from when it is broken to when somebody asks it to heal."""

    def __init__(self) -> None:
        self.broken = False

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/heal" in head:
            self.broken = False
        status = b"503 Service Unavailable" if self.broken else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()


@dataclass
class World:
    """An agent, and those whom it tells.

    Attributes:
        folder: a file that is called like a check breaks it.
        agent: the agent.
        web: what ``web-http`` looks at.
        hook: the receiver of the webhook.
        mail: the mail server.
        manager: the Alertmanager.
        people: whom the Alertmanager tells.
    """

    folder: Path
    agent: Agent
    web: Web
    hook: Receiver
    mail: MailServer
    manager: RunningAlertmanager
    people: Receiver

    def break_(self, check: str) -> None:
        (self.folder / check).touch()

    def heal(self, check: str) -> None:
        (self.folder / check).unlink()

    @property
    def by_hook(self) -> list[str]:
        """Return what the webhook was told: check and occasion."""
        documents = [each.body for each in self.hook.requests]
        return [f"{each['alerts'][0]['check']} {each['occasion']}" for each in documents]

    @property
    def by_mail(self) -> list[str]:
        """Return what was told by mail: check and occasion."""
        subjects = [(str(each["Subject"]), str(each["X-Salus-Occasion"])) for each in self.mail.mails]
        return [f"{next(n for n in ('web-http', *CHECKS) if n in said)} {occasion}" for said, occasion in subjects]

    @property
    def by_manager(self) -> list[str]:
        """Return what the Alertmanager told its own people: check and state."""
        alerts = [alert for each in self.people.requests for alert in each.body["alerts"]]
        return [f"{alert['labels']['check']} {alert['status']}" for alert in alerts]

    async def comes_to(self, *words: str) -> None:
        """Wait until webhook and mail have told exactly this since the beginning, but for reminders."""
        try:
            async with asyncio.timeout(15):
                while not news(self.by_hook) == news(self.by_mail) == list(words):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"expected {words}, the webhook heard {self.by_hook}, and mail said {self.by_mail}")

    async def firing(self, *checks: str) -> None:
        """Wait until the Alertmanager shows exactly these as firing."""
        await self.manager.shows(
            lambda alerts: sorted(alert["labels"]["check"] for alert in alerts) == sorted(checks), f"{checks}"
        )

    async def seen(self, check: str, status: str) -> None:
        """Wait until the agent knows of it, and has had the time to tell."""
        async with asyncio.timeout(15):
            while self.agent.engine.units[check].state.status.value != status:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        hook, people = [await stack.enter_async_context(receiving()) for _ in range(2)]
        mail = await stack.enter_async_context(mail_server())
        manager = await stack.enter_async_context(alertmanager(tmp_path, people.url))
        web = Web()
        server = await stack.enter_async_context(await asyncio.start_server(web.serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        path = tmp_path / "salus.yaml"
        path.write_text(
            config(tmp_path, web=f"http://127.0.0.1:{port}", hook=hook.url, manager=manager.url, mail=mail.port)
        )
        agent = Agent(load(path), config_path=path)
        await agent.start()
        stack.push_async_callback(agent.stop)
        made = World(tmp_path, agent, web, hook, mail, manager, people)
        await until(lambda: {unit.state.status.value for unit in agent.engine.units.values()} == {"healthy"})
        yield made


def news(heard: Iterable[str]) -> list[str]:
    """Return what was told without the reminders, of which there are more the longer it takes."""
    return [word for word in heard if "reminder" not in word]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_healed_incident_is_told_with_all_that_was_done(world: World) -> None:
    world.web.broken = True
    await world.comes_to("web-http firing", "web-http resolved")
    document = world.hook.requests[-1].body
    same_as_golden("healed-webhook", f"{document['title']}\n\n{document['text']}\n")
    same_as_golden("healed-mail", mails.as_read(world.mail.mails[-1]) + "\n")
    await until(lambda: world.by_manager == ["web-http firing", "web-http resolved"])
    told = world.people.requests[-1].body["alerts"][0]
    same_as_golden("healed-alertmanager", json.dumps(told["annotations"], indent=1).replace("\\n", "\n") + "\n")


async def test_it_fires_is_repeated_acknowledged_and_resolved(world: World) -> None:
    world.break_("queue")
    await world.comes_to("queue firing")
    await world.firing("queue")
    await until(lambda: "queue reminder" in world.by_hook and "queue reminder" in world.by_mail)
    (first,) = await world.manager.alerts()
    await world.manager.shows(lambda alerts: alerts[0]["updatedAt"] > first["updatedAt"], "the alert, told again")
    await world.agent.alerting.desk.acknowledge("queue", by="anna", note="the disk is on its way")
    await until(lambda: "queue acknowledged" in world.by_hook and "queue acknowledged" in world.by_mail)
    heard = (world.by_hook, world.by_mail)
    for told in heard:
        assert told == ["queue firing", *["queue reminder"] * (len(told) - 2), "queue acknowledged"]
    await world.manager.shows(
        lambda alerts: alerts[0]["annotations"].get("acknowledged_by") == "anna", "who has it, at the Alertmanager"
    )
    await asyncio.sleep(2.2)  # two reminders' time
    assert (world.by_hook, world.by_mail) == heard
    world.heal("queue")
    await until(lambda: "queue resolved" in world.by_hook and "queue resolved" in world.by_mail)
    assert (world.by_hook, world.by_mail) == tuple([*told, "queue resolved"] for told in heard)
    await world.firing()
    await until(lambda: world.by_manager == ["queue firing", "queue resolved"])


async def test_a_silence_keeps_it_quiet_but_never_its_end(world: World) -> None:
    desk = world.agent.alerting.desk
    silence = await desk.silence(parse_matchers('check="queue"'), 600, by="anna", comment="we know")
    world.break_("queue")
    await world.seen("queue", "unhealthy")
    (alert,) = desk.active()
    assert {one.hush.reason for one in desk.audiences(alert) if one.hush} == {Suppression.SILENCED}
    assert (world.by_hook, world.by_mail, await world.manager.alerts()) == ([], [], [])
    await desk.expire_silence(silence.id)
    await world.comes_to("queue firing")
    await world.firing("queue")
    await desk.silence(parse_matchers('check="queue"'), 600, by="anna")
    world.heal("queue")
    await world.comes_to("queue firing", "queue resolved")
    await world.firing()
    await until(lambda: world.by_manager == ["queue firing", "queue resolved"])


async def test_what_a_graver_alert_explains_is_not_told(world: World) -> None:
    world.break_("site")
    await world.firing("site")
    await until(lambda: bool(world.by_hook and world.by_mail))
    world.break_("queue")
    await world.seen("queue", "unhealthy")
    world.heal("queue")
    await world.seen("queue", "healthy")
    world.break_("queue")
    await world.seen("queue", "unhealthy")
    await world.firing("site")
    assert {word.split()[0] for word in world.by_hook + world.by_mail + world.by_manager} == {"site"}
    world.heal("site")
    await world.firing("queue")
    world.heal("queue")
    await world.firing()
    await until(lambda: world.by_manager[-1:] == ["queue resolved"])
    await until(lambda: world.by_hook[-1:] == world.by_mail[-1:] == ["queue resolved"])
    for heard in (world.by_hook, world.by_mail):
        assert news(heard) == ["site firing", "site resolved", "queue firing", "queue resolved"]


# ── golden files ──────────────────────────────────────────────────────────────────────────────────────────────────────

_CHANGING = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "(time)"),
    (r"\b(\d+m)?\d+(\.\d+)? ?(µs|ms|s)\b", "(duration)"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:(port)"),
    (r"/alerts/[0-9a-f]+", "/alerts/(id)"),
    (r"X-Salus-Notification: [0-9a-f]+", "X-Salus-Notification: (id)"),
    (r"<[0-9a-f]+@[^>]*>", "<(id)@(host)>"),
    (re.escape(platform.node()), "(host)"),
)


def same_as_golden(name: str, text: str) -> None:
    """Compare a text as a person reads it, but for times, places and ids, with its golden file."""
    text = f"{text.rstrip()}\n"
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
