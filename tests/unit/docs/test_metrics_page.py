"""The recipe for metrics, and what is shipped beside it: they speak of what there is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from salus.config.shapes import AgentShape
from salus.surfaces.metrics.table import FAMILIES

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "how-to/metrics.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((DOCS / "examples/prometheus/salus-alerts.yml").read_text(encoding="utf-8"))["groups"][0][
    "rules"
]


def test_the_page_names_every_rule_that_is_shipped_and_no_other() -> None:
    alerts = [rule["alert"] for rule in RULES]
    assert sorted(set(re.findall(r"`(Salus[A-Z]\w+)`", PAGE))) == sorted(alerts)
    assert all({"summary", "description"} <= set(rule["annotations"]) for rule in RULES)
    assert all(rule["labels"]["severity"] in ("warning", "critical") for rule in RULES)


def test_the_metrics_on_the_page_are_some_of_those_that_there_are() -> None:
    named = {name.removesuffix("_bucket") for name in re.findall(r"\bsalus_[a-z_]+", PAGE)}
    assert named <= {family.name for family in FAMILIES}
    assert "seventeen" in PAGE
    assert len(FAMILIES) == 17


def test_the_page_says_who_may_read_it_for_each_word_of_the_config() -> None:
    words = re.findall(r"^\| `(\w+)`(?: \(the default\))? \|", PAGE, re.MULTILINE)
    assert words[:3] == ["local", "public", "token"]
    assert AgentShape().metrics == "local"
