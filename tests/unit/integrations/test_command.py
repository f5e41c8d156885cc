"""Whom ``salus health`` asks inside the command line of a framework."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus import HealthSystem
from salus.integrations.command import salus_command


@pytest.mark.parametrize("told", [["--state-dir", "{}"], []])
def test_health_asks_the_state_folder_that_is_named_and_not_its_own(
    told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SALUS_LISTEN", raising=False)
    monkeypatch.setenv("SALUS_STATE_DIR", str(tmp_path / "another"))
    health = HealthSystem("shop", state_dir=tmp_path / "own")
    assert salus_command(health, ["health", *(one.format(tmp_path / "another") for one in told)]) == 1
    assert str(tmp_path / "another" / "salus.sock") in capsys.readouterr().err
