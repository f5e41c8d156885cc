"""Colours, small pictures, and drawings that stand alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import Status
from salus.surfaces.charts import DARK, GUTTER, ICONS, LIGHT, RULES, Node, bars, curve, graph, icon, standalone, style
from salus.surfaces.charts.svg import elide, number, text
from tests.unit.surfaces.charts.drawn import D, H, U, hostile, parsed, series

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_says_nothing_to_who_cannot_see_it(name: str) -> None:
    root = parsed(icon(name))
    assert root.attrib["aria-hidden"] == "true"
    assert root.attrib["viewBox"] == "0 0 16 16"
    assert root.attrib["stroke-width"] == "1.5"


def test_statuses_differ_in_shape() -> None:
    assert len({parsed(icon(status))[0].attrib["d"] for status in Status}) == 4


def test_an_icon_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        icon("nothing")


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["text", "muted", "healthy", "degraded", "unhealthy", "unknown", "accent"])
def test_words_can_be_read_on_their_grounds(colours: Mapping[str, str], name: str) -> None:
    for ground in ("surface", "bg"):
        assert contrast(colours[name], colours[ground]) >= 4.5


def test_every_class_that_is_drawn_is_told_in_the_one_place() -> None:
    drawings = [bars([H, U]), curve(series([1.0]), heading="x"), graph([Node(name="x", status=D)], []), icon("bell")]
    used = {one for names in re.findall('class="([^"]*)"', "".join(drawings)) for one in names.split()}
    for one in used:
        assert f"``{one}``" in (style.__doc__ or "")
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\(--([a-z-]+)\)", RULES)) <= LIGHT.keys()


@given(hostile)
def test_a_drawing_that_stands_alone_is_a_document_with_its_colours(name: str) -> None:
    drawing = curve(series([1.0, 2.0], check=name), heading=name)
    root = ET.fromstring(standalone(drawing, 720, 200, left=GUTTER))
    assert root.tag == f"{SVG}svg"
    (sheet,) = root.iter(f"{SVG}style")
    assert "prefers-color-scheme:dark" in (sheet.text or "")
    assert LIGHT["healthy"] in (sheet.text or "")


@given(st.text(max_size=300), st.floats(0, 300))
def test_a_name_is_shortened_in_its_middle(raw: str, room: float) -> None:
    shown = elide(raw, room, 12.0)
    if shown != raw:
        head, _, tail = shown.partition("…") if "…" not in raw else (shown, "", "")
        assert raw.startswith(head)
        assert raw.endswith(tail)


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert elide("payments-eu-west-1-gateway", 100.0, 12.0) == "paymen…teway"


def test_text_that_no_document_may_hold_is_replaced() -> None:
    assert text("a\x00<\ud800\u202e\ufffe\t") == "a\ufffd&lt;\ufffd\ufffd\ufffd\t"


@pytest.mark.parametrize("value, written", [(1.0, "1"), (1.25, "1.2"), (-0.04, "0"), (0.55, "0.6"), (1000.0, "1000")])
def test_coordinates_are_short(value: float, written: str) -> None:
    assert number(value) == written


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
