"""The page on how Salus tells people explains every reason to keep quiet, and claims nothing without a source."""

from __future__ import annotations

import re
from pathlib import Path

from salus.alerts import rounds
from salus.alerts.compose import MOST_ALERTS
from salus.alerts.life import Flaps
from salus.alerts.phases import Phase
from salus.alerts.stages import STAGES
from salus.app import registry
from salus.config import alert_shapes
from salus.engine import courier, lane, recorder
from salus.model import ChannelSpec, Suppression
from salus.units import format_duration

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "explanation/how-salus-tells.md").read_text(encoding="utf-8")
COMPARED = (DOCS / "explanation/salus-compared.md").read_text(encoding="utf-8")
DRAWN = (DOCS / "explanation/life-of-an-alert.svg").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def test_every_reason_is_explained_in_the_order_of_the_stages() -> None:
    rows = ROW.findall(PAGE)
    assert [reason for _, reason, *_ in rows] == [stage.reason.value for stage in STAGES]
    assert {reason for _, reason, *_ in rows} == {reason.value for reason in Suppression}
    assert [int(place) for place, *_ in rows] == list(range(1, len(STAGES) + 1))
    assert all(re.match(r"while|about|during", quiet) for *_, quiet, _ in rows)


def test_every_phase_is_drawn() -> None:
    assert all(f'class="box {phase.value}"' in DRAWN for phase in Phase)


def test_every_key_that_the_page_names_is_a_key_of_the_config() -> None:
    every = (
        alert_shapes.AlertsShape,
        alert_shapes.ChannelShape,
        alert_shapes.AlertRuleShape,
        alert_shapes.RouteShape,
        alert_shapes.InhibitShape,
    )
    keys = {name for shape in every for name in shape.__struct_encode_fields__}
    said = set(re.findall(r"`([a-z]+_[a-z_]+)(?::[^`]*)?`", PAGE))
    reasons = {reason.value for reason in Suppression}
    assert "group_interval" in said
    assert said - keys - reasons == {"dedup_key", "depends_on"}


def test_what_a_second_time_looks_like_is_told_of_every_kind_of_channel() -> None:
    table = PAGE.partition("| channel | the same message twice is |")[2].partition("\n\n")[0]
    told = [
        kind for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for kind in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(told) == [name for name, _ in registry.kinds("channels")]


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    usual, flaps = ChannelSpec(name="c", kind="log"), Flaps()
    minutes = int(usual.rate_period // 60)
    for said in (
        f"({flaps.threshold} in {format_duration(flaps.window)})",
        f"({usual.rate_limit} in {minutes} min)",
        f"{MOST_ALERTS} at most, and counts the rest",
        f"up to {int(lane.MOST_PAUSE // 60)} min",
        f"({recorder.MOST_ROWS:,} rows of a kind)",
    ):
        assert said in FLAT, said
    assert flaps.quiet.total_seconds() == flaps.window / 4
    assert lane.JITTER == 0.2
    assert rounds.DIGEST_PAUSE.total_seconds() == 10
    assert courier.LATE == 60
    assert lane.FAILING_AFTER == 3
    assert usual.give_up_after == 86400


# ── What is said of others ────────────────────────────────────────────────────────────────────────────────────────────


def named(text: str, page: str) -> set[str]:
    """Return the sources that a text names; each must lead somewhere."""
    sources = set(re.findall(r"^\[(\w+)\]: https://", page, re.MULTILINE))
    found = set(re.findall(r"\[(?:source|#\d+)\]\[(\w+)\]", text))
    assert found <= sources, text
    return found


def test_whatever_the_table_says_of_another_system_has_a_source() -> None:
    table = PAGE.partition("| | Salus | Alertmanager")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert len(rows) > 3
    assert [cell for row in rows for cell in row[2:] if cell != "-" and not named(cell, PAGE)] == []


def test_where_others_are_better_has_sources_too() -> None:
    better = PAGE.partition("Where they are better:")[2].partition("\n\n")[0]
    assert {"am", "kumas", "gatuses"} == named(better, PAGE)


def test_every_paragraph_on_telling_people_among_the_comparisons_has_a_source() -> None:
    section = COMPARED.partition("## Telling people")[2].partition("\n## ")[0]
    claims = [text for text in section.split("\n\n") if text.startswith("**")]
    assert len(claims) == 4
    assert all(named(text, COMPARED) for text in claims)
