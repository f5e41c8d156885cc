"""A check that hears of trouble by itself is looked at without waiting for its interval."""

from __future__ import annotations

import asyncio
from pathlib import Path

from salus.app.agent import Agent
from salus.config import load
from tests.applications import application

CONFIG = """\
salus: {listen: "127.0.0.1:0", state_dir: ./state}
checks:
  loop:
    event_loop: {blocked_after: 100ms}
    interval: 1h
"""


async def test_a_blocked_application_is_unhealthy_in_a_second_at_an_interval_of_an_hour(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    agent = Agent(load(file))
    await agent.start()
    try:
        with application() as app:
            unit = agent.engine.unit("loop")
            app.live_at(agent.engine.site)
            await agent.engine.look(unit)
            app.block()
            loop = asyncio.get_running_loop()
            began = loop.time()
            # A busy machine may have blocked it for a moment before: that is another line.
            while unit.state.last is None or "in crunch" not in unit.state.last.message:
                assert loop.time() - began < 5
                await asyncio.sleep(0.01)
            assert unit.state.status.bad
            assert not app.free.is_set()
            agent.engine.site.look_now("a check that is not there")
    finally:
        await agent.stop()
    agent.engine.site.look_now("loop")
