"""What a changed config changes in a running agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus.app.agent import Agent
from salus.config import load
from salus.errors import ConflictError
from salus.model import Event, EventKind

CONFIG = """\
salus: {{listen: "127.0.0.1:0", state_dir: ./state, show_details: {details}, environment: {environment}}}
checks:
  disk: {{disk: {{path: /}}}}
"""


async def test_a_reload_changes_who_is_told_what(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG.format(details="always", environment="test"))
    file.chmod(0o600)
    agent = Agent(load(file), config_path=file)
    await agent.start()
    try:
        assert agent.view.agent().show_details == "always"
        file.write_text(CONFIG.format(details="never", environment="staging"))
        await agent.reload()
        told = agent.view.agent()
        assert (told.show_details, told.environment) == ("never", "staging")
    finally:
        await agent.stop()


async def test_a_reload_says_which_checks_are_gone(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG.format(details="always", environment="test") + "  attic: {disk: {path: /}}\n")
    file.chmod(0o600)
    agent = Agent(load(file), config_path=file)
    heard: list[Event] = []
    await agent.start()
    try:
        agent.engine.bus.subscribe(heard.append)
        file.write_text(CONFIG.format(details="always", environment="test"))
        await agent.reload()
    finally:
        await agent.stop()
    assert [one.data for one in heard if one.kind is EventKind.CONFIG_RELOADED] == [{"removed": ["attic"]}]


async def test_a_reload_that_is_asked_for_too_early_is_refused_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(CONFIG.format(details="always", environment="test"))
    file.chmod(0o600)
    agent = Agent(load(file), config_path=file)
    with pytest.raises(ConflictError, match="still starting"):
        await agent.reload()
