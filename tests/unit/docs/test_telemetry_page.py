"""The page on OpenTelemetry has every instrument and every key, and its configs are good ones."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from logging import LogRecord
from pathlib import Path

from salus.config import loads
from salus.config.telemetry import TelemetryShape
from salus.logs import JsonLines
from salus.surfaces.telemetry.instruments import INSTRUMENTS

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/telemetry.md").read_text(encoding="utf-8")


def test_every_instrument_has_its_row() -> None:
    rows = re.findall(r"^\| `(salus\.[a-z_.]+)` \| (?:`([^`]+)` )?\| `(salus_\w+)` \|$", PAGE, re.MULTILINE)
    assert rows == [(one.name, one.unit, one.prometheus) for one in INSTRUMENTS]


def test_every_key_has_its_row() -> None:
    table = PAGE.split("| key | default | |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(TelemetryShape.__struct_encode_fields__)


def test_every_config_on_the_page_is_a_good_one() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert loads(block, environ={}).warnings == ()


def test_the_line_of_the_log_is_one_that_salus_writes() -> None:
    shown = PAGE.split("```json\n")[1].split("\n```")[0]
    line = json.loads(shown)
    facts = {key: line[key] for key in ("check", "rule", "service", "recovery", "reason")}
    record = LogRecord(line["logger"], 20, __file__, 1, line["message"], (), None)
    record.__dict__ |= {"event": line["event"], "facts": facts, "at": datetime(2026, 3, 1, 12, 0, 0, 412000, UTC)}
    assert JsonLines().format(record) == shown
