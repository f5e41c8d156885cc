"""Every link on a page leads somewhere, every page can be found, and the reference names what there is."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.pages import ROOT, pages, text

_FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
LIBRARY = "docs/reference/library.md"


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page, as MkDocs and GitHub make them of headings."""
    prose = _FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(prose)]
    return frozenset(re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str) -> None:
    here = ROOT / page
    for link in _LINK.findall(_FENCED.sub("", text(page))):
        path, _, anchor = link.partition("#")
        there = (here.parent / path).resolve() if path else here
        assert there.exists(), link
        if anchor and there.suffix == ".md" and there.name not in ("library.md", "api.md"):  # made when it is built
            assert anchor in anchors(there), link


def test_every_page_is_in_the_navigation_and_no_other() -> None:
    nav = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2])
    assert sorted(nav) == sorted(page.removeprefix("docs/") for page in pages() if page.startswith("docs/"))


@pytest.mark.parametrize("page", ["tutorial", "how-to", "reference", "explanation"])
def test_every_page_of_a_section_is_told_of_at_its_beginning(page: str) -> None:
    told = set(_LINK.findall(text(f"docs/{page}/index.md")))
    there = {path.name for path in (ROOT / "docs" / page).glob("*.md")} - {"index.md"}
    assert there - {link.partition("#")[0] for link in told} == set()


def names() -> list[tuple[str, dict[str, object]]]:
    found = re.findall(r"^::: (\S+)\n((?:    .*\n|\n(?=    ))*)", text(LIBRARY), re.MULTILINE)
    return [(name, yaml.safe_load(options or "{}") or {}) for name, options in found]


@pytest.mark.parametrize("name, options", names(), ids=[name for name, _ in names()])
def test_what_the_reference_is_made_from_is_there_and_says_what_it_is(name: str, options: dict[str, object]) -> None:
    assert set(options) <= {"options"}
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        found = getattr(importlib.import_module(module), attribute)
    assert found.__doc__


def test_every_public_name_has_its_place_in_the_reference() -> None:
    import salus

    homes = set(salus._HOMES.values())
    covered = {name for name, _ in names()}
    assert {home for home in homes if home not in covered and f"{home}.HealthSystem" not in covered} == set()
