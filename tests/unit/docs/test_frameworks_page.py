"""What the page on frameworks shows stands, word by word, in an example that the tests run under its real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/how-to/frameworks.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^<!-- (examples/[\w.]+) -->\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example, block", SHOWN, ids=[f"{name}-{place}" for place, (name, _) in enumerate(SHOWN)])
def test_what_is_shown_stands_in_the_example(example: str, block: str) -> None:
    assert block in (ROOT / example).read_text(encoding="utf-8")


def test_every_example_of_a_framework_is_shown() -> None:
    there = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert {example for example, _ in SHOWN} == there


def test_every_key_of_the_django_setting_is_explained() -> None:
    source = (ROOT / "src/salus/integrations/django/conf.py").read_text(encoding="utf-8")
    keys = set(re.findall(r'^    "([A-Z_]+)": ', source, re.MULTILINE))
    assert {"HEALTH", "CHECKS", "HEALTH_CHECKS"} <= keys
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []
