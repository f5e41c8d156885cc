"""The page on being watched: its configs are good ones, and its unit is one that systemd takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from salus.app.vitals import STUCK_AFTER
from salus.config import loads
from salus.config.pings import PingShape
from salus.units import format_duration

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "how-to/be-watched.md").read_text(encoding="utf-8")
UNIT = DOCS / "examples/systemd/salus.service"


def settings() -> dict[str, list[str]]:
    """Return what the unit says, by key."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, sign, value = line.partition("=")
            assert sign, line
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_says_what_salus_says_and_lets_its_services_live() -> None:
    said = settings()
    assert said["Type"] == ["notify-reload"]
    assert said["Restart"] == ["always"]
    assert said["KillMode"] == ["process"]
    assert said["NoNewPrivileges"] == ["yes"]
    assert said["WatchdogSec"] == ["30s"]
    assert all(len(values) == 1 for values in said.values())


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("not on this platform: there is no systemd-analyze")
    version = int(subprocess.run([analyze, "--version"], capture_output=True, text=True, check=True).stdout.split()[1])
    text = UNIT.read_text(encoding="utf-8")
    text = text.replace("/usr/bin/salus", sys.executable)
    if version < 253:  # as the unit's own comment says
        text = text.replace("Type=notify-reload", "Type=notify\nExecReload=/bin/kill -HUP $MAINPID")
    copy = tmp_path / "salus.service"
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False, timeout=30
    )
    about_us = [line for line in done.stderr.splitlines() if "salus.service" in line]
    assert (done.returncode, about_us) == (0, []), done.stderr


def test_every_config_on_the_page_is_a_good_one() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        assert loads(block, environ={"PING_URL": "https://hc-ping.com/x"}).warnings == ()


def test_the_page_has_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE, re.MULTILINE))
    assert list(rows) == list(PingShape.__struct_encode_fields__)
    assert rows["interval"].strip() == "`1m`"
    assert f"{format_duration(STUCK_AFTER)}" in PAGE
