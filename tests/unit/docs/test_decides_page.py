"""The page on how Salus decides explains every reason, and names only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import click

from salus.cli.root import root
from salus.config import shapes
from salus.model import RefusalReason
from salus.rules.decide import STAGES
from salus.rules.phases import Phase

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "explanation/how-salus-decides.md").read_text(encoding="utf-8")
COMPARED = (DOCS / "explanation/salus-compared.md").read_text(encoding="utf-8")
DRAWN = (DOCS / "explanation/life-of-a-rule.svg").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
KEY = re.compile(r"`([a-z]+_[a-z_]+)(?::[^`]*)?`")


def keys() -> set[str]:
    every = (
        shapes.AgentShape,
        shapes.CheckShape,
        shapes.RuleShape,
        shapes.LimitsShape,
        shapes.GroupShape,
        shapes.MaintenanceShape,
        shapes.ServiceShape,
    )
    return {name for shape in every for name in shape.__struct_encode_fields__}


def commands() -> set[str]:
    context, found = click.Context(root), set[str]()
    for name in root.list_commands(context):
        found.add(name)
        command = root.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}" for inner in command.list_commands(context)}
    return found


def test_every_reason_is_explained_in_the_order_of_the_stages() -> None:
    rows = ROW.findall(PAGE)
    assert [reason for _, reason, *_ in rows] == [stage.reason.value for stage in STAGES]
    assert {reason for _, reason, *_ in rows} == {reason.value for reason in RefusalReason}
    assert [int(place) for place, *_ in rows] == list(range(1, len(STAGES) + 1))
    assert all(re.match(r"while|when|until|after|in the|rather", refuses) for *_, refuses, _ in rows)


def test_every_key_that_the_page_names_is_a_key_of_the_config() -> None:
    named = set(KEY.findall(PAGE))
    assert "exhausted_retry" in named
    assert named - keys() - {reason.value for reason in RefusalReason} == set()


def test_every_command_that_the_page_names_exists() -> None:
    named = {words.strip() for words in re.findall(r"`salus ((?:[a-z]+ ?){1,2})", PAGE)}
    assert {"explain", "maintenance end", "reset"} <= named
    assert named - commands() == set()


def test_every_phase_is_drawn() -> None:
    assert all(f'class="box {phase.value}"' in DRAWN for phase in Phase)


def rows() -> dict[str, list[str]]:
    """Return the cells about other systems, by scenario."""
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in COMPARED.splitlines())
    return {first.strip("`"): rest[1:] for first, *rest in cells if first.startswith("`") and len(rest) == 5}


def test_every_scenario_has_its_row_in_the_comparison() -> None:
    assert set(rows()) == {path.stem for path in (DOCS.parent / "tests/scenarios").glob("*.yaml")}


def test_whatever_is_said_of_another_system_has_a_source() -> None:
    sources = set(re.findall(r"^\[(\w+)\]: https://", COMPARED, re.MULTILINE))
    for scenario, cells in rows().items():
        for cell in cells:
            named = re.search(r"\[(?:manual|source|#\d+)\]\[(\w+)\]|\[(measured)\]", cell)
            assert cell == "-" or (named and (named[2] or named[1] in sources)), (scenario, cell)
