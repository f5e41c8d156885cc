"""Simulated time: a year of ten services and a week of two hundred; the real engine, random faults, kept promises."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

from benchmarks._common import Row, print_table
from salus.config import Settings, load, loads
from salus.simulate.run import Finished, Order, simulate
from salus.simulate.scenario import Source, load_scenario, scenario_from

SECONDS = 300.0
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def main(quick: bool = False) -> list[Row]:
    """Run both, or a thirtieth of each when ``quick``; every time the same ledger twice in the short."""
    share = 1 / 30 if quick else 1.0
    ten = load(EXAMPLES / "ten-services.yaml"), load_scenario(EXAMPLES / "ordinary-faults.yaml")
    hundreds = two_hundred()
    rows = [
        *measured("a year of ten services", *ten, days=365 * share, within=SECONDS * share),
        *measured("a week of two hundred", *hundreds, days=7 * share, within=SECONDS * share),
        same_ledger(*ten),
    ]
    print_table("Simulated time", rows)
    return rows


def two_hundred() -> tuple[Settings, Source]:
    """Return forty times a database, two APIs on it and two fronts, looked at every 30 s."""
    services, checks, needs = [], [], []
    for place in range(40):
        of = {"db": [], "api": ["db"], "orders": ["db"], "web": ["api", "orders"], "mail": ["db"]}
        for word, roots in of.items():
            name, on = f"{word}-{place}", [f"{root}-{place}" for root in roots]
            services.append(f"  {name}: {{process: {{command: [/bin/true]}}}}")
            checks.append(f"  {name}: {{tcp: {{port: 1}}, service: {name}, depends_on: {on}}}")
            needs.append(f"  {name}: {{needs: {on}}}")
    config = [
        "salus: {store: memory}",
        "defaults: {interval: 30s, timeout: 5s}",
        "services:",
        *services,
        "checks:",
        *checks,
        "rules:",
        "  heal: {all_checks: true, min_failure_count: 2, cooldown_period: 30s, actions: [log, restart_service]}",
    ]
    faults = (EXAMPLES / "ordinary-faults.yaml").read_text(encoding="utf-8").partition("\nservices:")[0]
    scenario = "\n".join([faults, "services:", *needs])
    return loads("\n".join(config)), scenario_from(scenario)


def measured(what: str, settings: Settings, source: Source, *, days: float, within: float) -> list[Row]:
    """Run one, and judge its time, its figures and its promises."""
    began = time.perf_counter()
    finished = simulate(Order(settings=settings, source=source, days=days, seed=1))
    took = time.perf_counter() - began
    result = finished.result
    return [
        Row(name=what, value=took, unit="s", target=f"under {within:.0f} s", passed=took < within),
        Row(name="  looks", value=result.looks, unit="", note=f"{result.looks / took:,.0f} looks a second"),
        Row(name="  incidents", value=result.incidents, unit=""),
        Row(
            name="  healable incidents healed",
            value=100 * (result.recall or 0),
            unit="%",
            target="all",
            passed=result.healable > 0 and result.healed == result.healable,
        ),
        Row(
            name="  needless actions",
            value=result.needless,
            unit="",
            target="none but after false looks",
            passed=set(result.needless_by_cause) <= {"false_positive"},
        ),
        _promises(finished),
    ]


def _promises(finished: Finished) -> Row:
    broken = finished.violation
    return Row(
        name="  broken promises",
        value=0 if broken is None else 1,
        unit="",
        target="none",
        passed=broken is None,
        note=str(broken or ""),
    )


def same_ledger(settings: Settings, source: Source) -> Row:
    """Run the same week twice and compare the files byte by byte."""
    digests = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one", "two"):
            path = Path(folder, name)
            simulate(Order(settings=settings, source=source, days=7, seed=7, ledger=path))
            digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    same = digests[0] == digests[1]
    return Row(name="same seed, same ledger", value=float(same), unit="", target="byte for byte", passed=same)
