"""Pictures for `salus top`: a shop in trouble, asked by its API; `python -m tests.top` writes the golden ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from salus.cli.top.draw import screen, still
from salus.cli.top.feed import ONE_PAGE, PARTS
from salus.cli.top.keys import Page, Ui
from salus.cli.top.lines import Look
from salus.cli.top.picture import Answers, Explained, Lost, Past, Picture, clean, fold
from salus.cli.top.rows import Section
from salus.cli.top.sections import Frame
from salus.model import (
    CheckReport,
    Event,
    EventKind,
    Maintenance,
    PolicyReport,
    RefusalReason,
    Role,
    Selector,
    ServiceState,
    ServiceStatus,
    Status,
)
from salus.ports import Batch
from tests.asgi import ask
from tests.fake_agent import API, DISK, NEW, NOW, RECOVERY, WEB, WEB_RULE, WEB_SERVICE, FakeView, check, explanation
from tests.fake_agent import refusal as refused
from tests.fake_api import FakeApi
from tests.fake_desk import WAITS, WEB_DOWN, FakeDesk

GOLDEN = Path(__file__).parent / "golden/top"
HEARD = 100.0
MARKUP = "[red]\x1b[31m<b>&日本語"
_LETTERS = {"h": 1, "d": 2, "u": 3}
_MEMBERS = Selector(services=("db",))
_WINDOW = Maintenance(id="deploy", since=NOW, until=NOW + timedelta(hours=1), members=_MEMBERS, reason="42", by="olaf")


def seen(report: CheckReport, letters: str) -> CheckReport:
    """Return a check whose last looks were these."""
    recent = 0
    for letter in letters:
        recent = recent << 2 | _LETTERS[letter]
    return replace(report, state=replace(report.state, recent=recent))


def happened(number: int, kind: EventKind, message: str, **facts: Any) -> Event:
    at = NOW - timedelta(seconds=10 - number)
    return Event(id=int(at.timestamp() * 1_000_000) + number, at=at, kind=kind, message=message, **facts)


EVENTS = (
    happened(0, EventKind.AGENT_STARTED, "Salus 0.1.0 watches 9 checks, 3 services, 1 rule"),
    happened(4, EventKind.STATUS_CHANGED, "expected status 200, got 500", check="web", old="healthy", new="unhealthy"),
    happened(5, EventKind.RECOVERY_STARTED, "attempt 2: expected status 200, got 500", check="web", rule="web"),
    happened(6, EventKind.ACTION_FINISHED, "log: ok (0.1 ms)", check="web", rule="web", reason="ok"),
    happened(7, EventKind.SERVICE_EXITED, "killed by SIGKILL after 2m", service="web"),
)


def shop() -> FakeApi:
    """Return an agent that heals one check while others need attention."""
    checks = [
        seen(API, "hhhhdddd"),
        check("certificate", message="valid for 61 days", kind="tls", since=86400 * 61),
        DISK,
        seen(check("mail", message="220 ready", kind="tcp"), "h" * 31),
        NEW,
        seen(check("odd", Status.DEGRADED, MARKUP, tags=("shop",)), "hd" * 6),
        seen(check("queue", message="12 waiting", description="what waits to be sent"), "h" * 20),
        seen(replace(WEB, healing=True), "hhhhhhhhuuu"),
        seen(check("worker-of-the-long-name-that-nobody-can-type", message="runs"), "h" * 9),
    ]
    services = [
        ServiceStatus(name="db", kind="process", state=ServiceState.RUNNING, since=NOW, pid=1, starts=1),
        replace(WEB_SERVICE, state=ServiceState.STARTING, pid=None, message="waiting until it is ready"),
        ServiceStatus(name="worker", kind="process", state=ServiceState.STOPPED, wanted=False, starts=3),
    ]
    running = replace(RECOVERY, id="now", outcome=None, finished_at=None, duration=None, steps=RECOVERY.steps[:1])
    view = FakeView(
        sorted(checks, key=lambda one: one.spec.name),
        service_list=services,
        rule_list=[WEB_RULE],
        running=[running],
        report=PolicyReport(maintenance=(_WINDOW,)),
        explained=[explanation(refused(RefusalReason.COOLING_DOWN, "18 s ago", 42))],
    )
    return FakeApi(view=view, desk=FakeDesk(alerts=[WEB_DOWN, WAITS]))


async def picture(api: FakeApi | None = None, role: Role = Role.OPERATOR) -> Picture:
    """Return what somebody with that role knows of an agent."""
    api = api or shop()
    await api.past.open()
    await api.past.write(Batch(events=list(EVENTS)))
    bearer = await api.door.bearer(role)

    async def get(path: str) -> Any:
        answer = await ask(api.app, f"/api/v1{path}", more=bearer)
        assert answer.code == 200, answer.text
        return clean(answer.json)

    told = {"whole": await get("/status"), "checks": (await get("/checks"))["items"]}
    for part, path in PARTS.items():
        found = await get(path)
        told[part] = found["items"] if part in (*ONE_PAGE, "rules", "services") else found
    found = fold(Picture(told={}, listening=True), Answers(told=told, at=NOW, heard=HEARD))
    found = fold(found, Past(events=(await get("/events"))["items"]))
    if found.check("web") is None:
        return found
    explained = await get("/checks/web/explain")
    looks = [{"status": "unhealthy", "at": "2026-03-01T11:59:58Z", "duration": 0.012, "message": "got 500"}]
    return fold(found, Explained(check="web", rules=explained["rules"], looks=looks))


def frame(found: Picture, ui: Ui | None = None, *, look: Look | None = None, **more: Any) -> Frame:
    return Frame(picture=found, ui=ui or Ui(), now=NOW, look=look or Look(zone=UTC), **more)


def pictures(found: Picture) -> dict[str, str]:
    """Return the golden pictures by their names."""
    lost = fold(found, Lost(why="no Salus answers at /run/salus/salus.sock"))
    ascii_ = frame(found, look=Look("ascii", UTC))
    drawn = {
        "60-columns": screen(frame(found), 60, 40),
        "100-columns": screen(frame(found, Ui(focus=Section.CHECKS)), 100, 30),
        "160-columns": screen(frame(found), 160, 24),
        "few-lines": screen(frame(found, Ui(focus=Section.CHECKS)), 80, 10),
        "ascii": screen(ascii_, 80, 30),
        "lost": screen(frame(lost, silent=12.0), 100, 24),
        "details": screen(frame(found, Ui(page=Page.DETAILS, check="web")), 100, 50),
        "help": screen(frame(found, Ui(page=Page.HELP)), 80, 24),
        "once": still(frame(found, still=True), 100),
    }
    return {name: "\n".join(line.plain.rstrip() for line in lines) + "\n" for name, lines in drawn.items()}


def main() -> None:
    """Write the golden pictures."""
    GOLDEN.mkdir(exist_ok=True)
    for name, text in pictures(asyncio.run(picture())).items():
        (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
