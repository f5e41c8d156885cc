"""The page on frameworks shows every example, and explains every setting."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/how-to/frameworks.md").read_text(encoding="utf-8")


def test_every_example_of_a_framework_is_shown() -> None:
    there = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert set(re.findall(r"^<!-- from (examples/[\w.]+\.py) -->$", PAGE, re.MULTILINE)) == there


def test_every_key_of_the_django_setting_is_explained() -> None:
    source = (ROOT / "src/salus/integrations/django/conf.py").read_text(encoding="utf-8")
    keys = set(re.findall(r'^    "([A-Z_]+)": ', source, re.MULTILINE))
    assert {"HEALTH", "CHECKS", "HEALTH_CHECKS"} <= keys
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []
