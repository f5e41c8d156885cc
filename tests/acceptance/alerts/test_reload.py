"""A config is read again while notifications wait: nothing is lost, and what left the config is told to have ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from salus.app.agent import Agent
from salus.config import load
from tests.integration.channels.receiver import Receiver, receiving

RULES: dict[str, Any] = {"broken": {"checks": ["queue", "site"], "status": "unhealthy"}}
DOWN = ("503 Service Unavailable", "")
FINE = ("200 OK", "")


@dataclass
class World:
    """An agent, and two receivers.

    Attributes:
        folder: a file that is called like a check breaks it.
        agent: the agent.
        one, two: the receivers.
    """

    folder: Path
    one: Receiver
    two: Receiver
    agent: Agent

    def write(self, channels: dict[str, Receiver], *, rules: dict[str, Any] = RULES, to: list[str]) -> None:
        """Write a config with these channels, whose only route goes to ``to``."""
        checks = {
            name: {"command": ["test", "!", "-e", str(self.folder / name)], "interval": "500ms", "timeout": "10s"}
            for name in ("queue", "site")
        }
        alerts = {
            "channels": {
                name: {"webhook": receiver.url, "timeout": "10s", "rate_limit": 1000}
                for name, receiver in channels.items()
            },
            "rules": rules,
            "default_rules": False,
            "routes": [{"channels": to}],
            "group_wait": "0s",
            "group_interval": "50ms",
        }
        head = f"salus: {{listen: '127.0.0.1:0', state_dir: {json.dumps(str(self.folder / 'state'))}}}\n"
        text = f"{head}checks: {json.dumps(checks)}\nalerts: {json.dumps(alerts)}\n"
        (self.folder / "salus.yaml").write_text(text)

    def break_(self, check: str) -> None:
        (self.folder / check).touch()

    def heal(self, check: str) -> None:
        (self.folder / check).unlink()

    async def waits(self, channel: str, count: int) -> None:
        """Wait until so many notifications of a channel are in the outbox."""
        async with asyncio.timeout(15):
            while (await self.agent._store.depth()).get(channel, 0) != count:
                await asyncio.sleep(0.02)


def told(receiver: Receiver) -> list[str]:
    """Return what a receiver took, each notification once: check and state."""
    taken = {each.body["id"]: each.body for each in receiver.requests}
    return [f"{each['alerts'][0]['check']} {each['state']}" for each in taken.values()]


async def comes_to(receiver: Receiver, *words: str) -> None:
    await receiver.gets(lambda _: told(receiver) == list(words), f"{words}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(receiving()) for _ in range(2)]
        made = World(tmp_path, one, two, None)  # type: ignore[arg-type] # it is made of what the world writes
        made.write({"ops": one}, to=["ops"])
        made.agent = Agent(load(tmp_path / "salus.yaml"), config_path=tmp_path / "salus.yaml")
        await made.agent.start()
        stack.push_async_callback(made.agent.stop)
        async with asyncio.timeout(15):
            while {unit.state.status.value for unit in made.agent.engine.units.values()} != {"healthy"}:
                await asyncio.sleep(0.01)
        yield made


@pytest.mark.parametrize("trouble", [DOWN, None], ids=["down", "hangs"])
async def test_what_waits_for_a_receiver_in_trouble_goes_to_where_its_channel_leads_now(
    world: World, trouble: tuple[str, str] | None
) -> None:
    world.one.answer = lambda _: trouble
    world.break_("queue")
    await world.one.gets(bool, "a try")
    world.break_("site")
    await world.waits("ops", 2)
    world.write({"ops": world.two}, to=["ops"])
    await world.agent.reload()
    await world.two.gets(lambda _: sorted(told(world.two)) == ["queue firing", "site firing"], "both")
    world.heal("queue")
    world.heal("site")
    await world.two.gets(lambda _: sorted(told(world.two)[2:]) == ["queue resolved", "site resolved"], "both ends")
    assert len(world.two.requests) == 4
    await world.waits("ops", 0)


@pytest.mark.parametrize("answer", [FINE, DOWN], ids=["told", "waiting"])
async def test_an_alert_whose_rule_left_ends_and_its_end_is_told(world: World, answer: tuple[str, str]) -> None:
    world.one.answer = lambda _: answer
    world.break_("queue")
    await world.one.gets(bool, "a try")
    other = {"other": {"check": "site", "status": "unhealthy"}}
    world.write({"ops": world.one}, rules=other, to=["ops"])
    await world.agent.reload()
    await world.waits("ops", 0 if answer is FINE else 2)
    world.one.answer = lambda _: FINE
    await comes_to(world.one, "queue firing", "queue resolved")
    assert world.one.requests[-1].body["alerts"][0]["resolution"] == "its alert rule is no longer in the config"
    assert world.agent.alerting.desk.active() == []


async def test_who_was_told_by_an_old_route_hears_the_end_and_who_stands_on_the_new_one_hears_it_all(
    world: World,
) -> None:
    world.break_("queue")
    await comes_to(world.one, "queue firing")
    world.write({"ops": world.one, "chat": world.two}, to=["chat"])
    await world.agent.reload()
    await comes_to(world.two, "queue firing")
    world.heal("queue")
    await comes_to(world.one, "queue firing", "queue resolved")
    await comes_to(world.two, "queue firing", "queue resolved")


async def test_a_channel_that_leaves_and_comes_back_hears_what_waited_and_how_it_ended(world: World) -> None:
    world.one.answer = lambda _: DOWN
    world.break_("queue")
    await world.one.gets(bool, "a try")
    world.write({"chat": world.two}, to=["chat"])
    await world.agent.reload()
    await comes_to(world.two, "queue firing")
    world.heal("queue")
    await comes_to(world.two, "queue firing", "queue resolved")
    world.one.answer = lambda _: FINE
    world.one.requests.clear()
    world.write({"ops": world.one}, to=["ops"])
    await world.agent.reload()
    await comes_to(world.one, "queue firing", "queue resolved")
