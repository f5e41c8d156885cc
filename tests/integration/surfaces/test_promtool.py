"""Prometheus' own tool reads what Salus writes for it, and what is shipped for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from salus.surfaces.metrics.table import FAMILIES, Kind
from tests.unit.surfaces.metrics.scene import Scene, busy

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLES, PAGE = DOCS / "examples/prometheus", DOCS / "how-to/metrics.md"
NAME = re.compile(r"\bsalus_[a-z_]+")


def promtool(*arguments: str, given: bytes = b"", folder: Path = EXAMPLES) -> str:
    """Run it; returns what it said, which is nothing where it found nothing wrong."""
    if (program := shutil.which("promtool")) is None:
        pytest.skip("not on this platform: promtool is not installed (scripts/install-test-peers)")
    command = [program, *arguments]
    done = subprocess.run(command, input=given, cwd=folder, capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def shown(panels: list[dict[str, Any]]) -> list[str]:
    return [target["expr"] for panel in panels for target in panel["targets"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "salus-dashboard.json").read_text(encoding="utf-8"))
    return found


def known() -> set[str]:
    """Return all names that a query may ask for; the label of the states is called like its family."""
    histograms = [family.name for family in FAMILIES if family.kind is Kind.HISTOGRAM]
    parts = {f"{name}{end}" for name in histograms for end in ("_bucket", "_sum", "_count")}
    return parts | {family.name for family in FAMILIES} - set(histograms)


@pytest.mark.parametrize("scene", [Scene(), busy()], ids=["at the start", "busy"])
def test_promtool_finds_nothing_wrong_with_what_is_scraped(scene: Scene) -> None:
    assert promtool("check", "metrics", given=scene.body(openmetrics=False)) == ""


def test_the_config_and_the_alert_rules_that_are_shipped_can_be_used() -> None:
    assert "9 rules found" in promtool("check", "rules", "salus-alerts.yml")
    assert "is valid" in promtool("check", "config", "prometheus.yml")


def test_the_alert_rules_that_are_shipped_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "salus-alerts.yml", tmp_path)
    shutil.copy(Path(__file__).parent / "rules_test.yml", tmp_path)
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml", folder=tmp_path)


def test_every_query_of_the_dashboard_and_of_the_page_can_be_used(tmp_path: Path) -> None:
    shown_on_page = re.findall(r"\?\s\| `(.*)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown_on_page) == 6
    panels = dashboard()["panels"]
    queries = [query.replace("$__rate_interval", "5m").replace("$", "") for query in (*shown(panels), *shown_on_page)]
    rules = [{"record": f"query:number_{place}", "expr": query} for place, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", "rules.yml", folder=tmp_path)


def test_the_dashboard_and_the_rules_ask_for_metrics_that_there_are_and_the_dashboard_for_all_of_them() -> None:
    asked = {name for query in shown(dashboard()["panels"]) for name in NAME.findall(query)}
    variables = {name for one in dashboard()["templating"]["list"] for name in NAME.findall(str(one["query"]))}
    rules = set(NAME.findall((EXAMPLES / "salus-alerts.yml").read_text(encoding="utf-8")))
    assert asked | variables | rules <= known()
    stems = {name.removesuffix("_bucket") for name in asked | variables}
    assert {family.name for family in FAMILIES} - stems == {"salus_check_last_run_timestamp_seconds"}


def test_the_panels_of_the_dashboard_overlap_nowhere_and_are_told_apart() -> None:
    panels = dashboard()["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)
