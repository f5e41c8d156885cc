"""The recipe for databases, caches, mail servers and WebSockets: its configs are ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from salus.app.build import resolve
from salus.config import loads

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/check-other-systems.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n")[1].strip(" :") for block in BLOCKS])
def test_every_config_on_the_page_is_one_that_nothing_need_be_said_against(block: str, tmp_path: Path) -> None:
    for name in re.findall(r"/run/secrets/([\w-]+)", block):
        (tmp_path / name).write_text("opens", encoding="utf-8")
    resolved = resolve(loads(block.replace("/run/secrets", str(tmp_path)), environ={}))
    assert resolved.settings.warnings == ()
    assert "opens" not in repr(resolved.checks)


def test_every_system_of_the_table_has_its_section() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    linked = re.findall(r"^\| \[.*?\]\(#([\w-]+)\)", PAGE, re.MULTILINE)
    assert linked
    assert set(linked) <= places
