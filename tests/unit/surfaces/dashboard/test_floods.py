"""Many who ask at once, for ever other pages: what is kept stays small, and healing has its turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from salus.model import Role, Status
from salus.surfaces.access.caller import Caller
from salus.surfaces.dashboard import live as live_room
from salus.surfaces.dashboard.page import Page, Region, Visit
from salus.surfaces.dashboard.watch import Watch, Watches
from salus.surfaces.dashboard.writer import Writer
from tests.fake_access import Door
from tests.fake_agent import NOW, FixedClock, check
from tests.fake_api import FakeApi
from tests.visitor import Visitor

WRITER = Writer(lambda name: name)
VISIT = Visit(caller=Caller(role=Role.VIEWER), now=NOW)


@dataclass
class Says:
    """A page that says what it is told to, after letting others run as often as it is told to."""

    words: list[str]
    rests: list[int] = field(default_factory=list)
    shown: bool = True
    role: Role = Role.VIEWER

    async def page(self, visit: Visit) -> Page:
        words = self.words.pop(0)
        for _ in range(self.rests.pop(0) if self.rests else 0):
            await asyncio.sleep(0)
        facts = {"title": words, "text": "", "picture": "tick", "counts": {}, "entries": [], "at": words}
        parts = [Region(id="one", template="nav.html", facts=facts, classes=words)]
        return Page(title=words, template="overview.html", parts=parts)


def watch_of(view: Any) -> Watch:
    return Watch(view, VISIT, WRITER, FixedClock())


async def test_of_two_who_write_a_page_at_once_neither_hides_what_the_other_wrote() -> None:
    watch = watch_of(Says(["a", "b", "c"], rests=[0, 9, 0]))
    await watch.refresh()
    slow = asyncio.create_task(watch.refresh())
    await asyncio.sleep(0)
    await asyncio.gather(slow, watch.refresh())
    assert watch.version == 3
    assert b'"c"' in watch.since(f"{watch.stamp}-2")
    assert watch.page
    assert watch.page.title == "c"


async def test_marks_that_are_made_up_are_answered_and_nothing_is_kept_for_them() -> None:
    watch = watch_of(Says([str(number) for number in range(200)]))
    for _ in range(200):
        await watch.refresh()
    for seen in range(-1, 300):
        watch.since(f"{watch.stamp}-{seen}")
    assert len(watch._messages) < 20
    assert watch.since(watch.mark) == b""


async def test_pages_that_nobody_listens_to_are_bounded_in_number_and_in_weight() -> None:
    watches = Watches(most=8, heaviest=2000)
    listened = watches.get("kept", lambda: watch_of(Says(["kept" * 500])))
    await listened.refresh()
    watches.listen(listened)
    for number in range(50):
        await watches.get(number, lambda: watch_of(Says(["x" * 10]))).refresh()
    assert len(watches) <= 9
    for number in range(50):
        await watches.get(f"heavy{number}", lambda: watch_of(Says(["x" * 900]))).refresh()
    assert len(watches) <= 4
    assert watches.get("kept", lambda: pytest.fail("it was forgotten")) is listened


async def test_ever_other_searches_of_a_stranger_leave_little_behind() -> None:
    api = FakeApi(door=Door(details="always"))
    api.view.reports = [check(f"c{number:03}", Status.DEGRADED, "slow") for number in range(50)]
    stranger = Visitor(api)
    await stranger.get("/")
    pages = api.app._wings["health-dashboard"]._wing
    assert pages
    for number in range(100):
        assert (await stranger.get(f"/?q=c&x={number}")).code == 200
    kept = [one.weight for one in pages._watches._watches.values()]
    assert len(kept) <= 65
    assert sum(kept) <= 4 * 1024 * 1024 + max(kept)


@pytest.mark.parametrize("role,at_once", [(None, 1), (Role.VIEWER, 2)])
async def test_however_many_load_pages_at_once_few_are_written_at_a_time(role: Role | None, at_once: int) -> None:
    api = FakeApi(door=Door(details="always"))
    visitor = await Visitor(api).sign_in(role) if role else Visitor(api)
    await visitor.get("/")
    busy: list[int] = [0]
    most: list[int] = []
    real = Watch.refresh

    async def counted(self: Watch) -> None:
        busy[0] += 1
        most.append(busy[0])
        try:
            await asyncio.sleep(0)
            await real(self)
        finally:
            busy[0] -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "refresh", counted)
        answers = await asyncio.gather(*(visitor.get(f"/?q={number}") for number in range(60)))
    assert {one.code for one in answers} == {200}
    assert (len(most), max(most)) == (60, at_once)


async def test_nobody_known_waits_for_a_crowd_of_strangers() -> None:
    api = FakeApi(door=Door(details="always"))
    stranger, viewer = Visitor(api), await Visitor(api).sign_in(Role.VIEWER)
    crowd = [asyncio.create_task(stranger.get(f"/?q={number}")) for number in range(60)]
    await asyncio.sleep(0)
    assert (await viewer.get("/")).code == 200
    assert sum(one.done() for one in crowd) < 30
    assert {one.code for one in await asyncio.gather(*crowd)} == {200}


async def test_strangers_leave_room_for_those_who_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_room, "MOST_READERS", 3)
    monkeypatch.setattr(live_room, "MOST_STRANGERS", 2)
    api = FakeApi(door=Door(details="always"))
    stranger, viewer = Visitor(api), await Visitor(api).sign_in(Role.VIEWER)
    async with stranger.looking("/"), stranger.looking("/"):
        assert (await stranger.get("/live")).code == 429
        async with viewer.looking("/"):
            assert (await viewer.get("/live")).code == 429


async def test_a_stranger_may_send_no_large_form() -> None:
    api = FakeApi()
    stranger, operator = Visitor(api), await Visitor(api).sign_in(Role.OPERATOR)
    large = {f"a{number}": "\x01" * 500 for number in range(20)}
    for path in ("/sign-in", "/theme", "/do/pause"):
        assert (await stranger.send(path, large)).code == 413
    assert (await operator.send("/theme", {**large, "csrf": operator.csrf})).code == 303
