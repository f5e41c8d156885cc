"""What a running agent tells at ``/metrics``, also across a reload."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path

from salus.app.agent import Agent
from salus.config import load
from salus.model import EventKind
from salus.surfaces.metrics.app import OPENMETRICS
from tests.exposition import Found, counters, parse, value

CONFIG = """\
salus: {{listen: "127.0.0.1:0", state_dir: ./state, metrics: {metrics}}}
checks:
  disk: {{disk: {{path: /}}, interval: {interval}}}
  {other}: {{disk: {{path: /}}}}
alerts: {{channels: {{log: {{log: {{}}}}}}}}
"""


async def scrape(agent: Agent, *, openmetrics: bool = True) -> tuple[int, dict[str, Found]]:
    port = agent.server.addresses[0][1]

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/metrics", headers={"Accept": OPENMETRICS if openmetrics else "text/plain"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    code, body = await asyncio.to_thread(ask)
    return code, parse(body, openmetrics=openmetrics) if code == 200 else {}


async def test_a_running_agent_is_scraped_and_a_reload_takes_no_count_away(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG.format(metrics="local", interval="30s", other="attic"))
    file.chmod(0o600)
    agent = Agent(load(file), config_path=file)
    await agent.start()
    try:
        await asyncio.gather(*(agent.control.check_now(name) for name in ("disk", "attic")))
        code, before = await scrape(agent)
        assert code == 200
        assert value(before, "salus_check_status", check="disk", salus_check_status="healthy") == 1
        assert value(before, "salus_notifications_total", channel="log", result="sent") is not None
        assert value(before, "salus_check_runs_total", check="attic", status="healthy") is not None

        file.write_text(CONFIG.format(metrics="local", interval="20s", other="cellar"))
        await agent.reload()
        await asyncio.gather(*(agent.control.check_now(name) for name in ("disk", "cellar")))
        _, after = await scrape(agent, openmetrics=True)
        found, known = counters(after), counters(before)
        gone = {key for key in known if key not in found}
        assert all(("check", "attic") in labels for _, labels in gone)
        assert all(found[key] >= count for key, count in known.items() if key in found)
        name, labels = "salus_check_runs_total", (("check", "disk"), ("status", "healthy"))
        assert found[name, labels] > known[name, labels]

        file.write_text(CONFIG.format(metrics="token", interval="20s", other="cellar"))
        await agent.reload()
        assert (await scrape(agent))[0] == 401
    finally:
        await agent.stop()


async def test_what_happens_before_anybody_scrapes_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG.format(metrics="local", interval="30s", other="attic"))
    file.chmod(0o600)
    agent = Agent(load(file))
    await agent.start()
    try:
        agent.engine.bus.tell(EventKind.ACTION_FINISHED, check="disk", action="log", reason="ok")
        _, told = await scrape(agent, openmetrics=False)
        assert value(told, "salus_actions_total", action="log", result="ok") == 1
    finally:
        await agent.stop()
