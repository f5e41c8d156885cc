"""What `salus top` draws. The golden pictures are there to be looked at; `python -m tests.top` writes them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.cli.top.draw import screen, still
from salus.cli.top.keys import Deed, Page, Question, Ui
from salus.cli.top.lines import Look
from salus.cli.top.picture import Done, Picture, clean
from salus.cli.top.rows import Cursor, Section, Sieve
from salus.cli.top.sections import share
from salus.model import PolicyReport, Role, RuleState
from tests.fake_agent import NOW, WAITING, WEB_RULE, FakeView, check
from tests.fake_api import FakeApi
from tests.top import GOLDEN, frame, picture, pictures, shop


@cache
def known() -> Picture:
    return asyncio.run(picture())


@cache
def drawn() -> dict[str, str]:
    return pictures(known())


def text(ui: Ui | None = None, width: int = 100, height: int = 40, found: Picture | None = None, **more: Any) -> str:
    lines = screen(frame(found or known(), ui, **more), width, height)
    return "\n".join(line.plain.rstrip() for line in lines)


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.txt")))
def test_a_picture_is_as_its_golden_file_has_it(name: str) -> None:
    assert drawn()[name] == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_picture() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(drawn())


UIS = st.builds(
    Ui,
    page=st.sampled_from(Page),
    focus=st.sampled_from(Section),
    cursors=st.dictionaries(st.sampled_from(Section), st.builds(Cursor, st.just("web"), st.integers(0, 20))),
    sieve=st.builds(Sieve, st.booleans(), st.sampled_from(["", "web", "nothing has this"])),
    typing=st.booleans(),
    check=st.sampled_from(["web", "odd", "gone"]),
    scroll=st.integers(0, 100),
    question=st.none() | st.just(Question(text="run rule 日本語 now?", deed=Deed(path="/", doing=""))),
    note=st.sampled_from(["", "nothing was done " * 20]),
)


@given(UIS, st.integers(20, 220), st.integers(1, 60), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_every_picture_fits_the_terminal_and_does_nothing_to_it(ui: Ui, width: int, height: int, encoding: str) -> None:
    lines = screen(frame(known(), ui, look=Look(encoding, UTC)), width, height)
    assert len(lines) == height
    assert max(line.cell_len for line in lines) <= width
    for line in lines:
        assert not line.plain or line.plain.isprintable()
        line.plain.encode(encoding)


@given(st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_nothing_that_was_answered_can_do_anything_to_a_terminal(answer: object) -> None:
    def printable(value: object) -> bool:
        if isinstance(value, dict):
            return all(printable(one) for pair in value.items() for one in pair)
        if isinstance(value, list):
            return all(printable(one) for one in value)
        return not isinstance(value, str) or value.isprintable()

    assert printable(clean(answer))


@given(
    st.integers(0, 100),
    st.dictionaries(st.sampled_from(Section), st.integers(0, 50)),
    st.sampled_from(Section),
)
def test_sections_share_the_room_there_is_and_none_gets_more_than_it_wants(
    room: int, wants: dict[Section, int], focus: Section
) -> None:
    given_ = share(room, wants, focus)
    assert sum(rows + 1 for rows in given_.values()) <= room
    assert all(1 <= rows <= wants[one] for one, rows in given_.items())
    full = all(given_.get(one, 0) == wanted for one, wanted in wants.items() if wanted)
    unused = room - sum(rows + 1 for rows in given_.values())
    assert full or unused < 2 or len(given_) < len([one for one in wants if wants[one]])
    if room > 1 and wants.get(focus):
        assert focus in given_


def test_what_has_no_room_is_counted_in_good_english() -> None:
    one_each = {name: known().part(name)[:1] for name in ("services", "alerts")}
    found = replace(known(), told={**known().told, **one_each}, events=known().events[:1])
    shown = text(Ui(focus=Section.CHECKS), width=120, height=10, found=found)
    assert "no room for 1 healing now, 1 service, 1 alert, 1 last event (tab goes there)" in shown


def test_how_many_rows_are_not_shown_is_said() -> None:
    many = FakeApi(view=FakeView([check(f"c{number:03}") for number in range(300)]))
    found = asyncio.run(picture(many))
    assert len(found.part("checks")) == 100  # a page; the feed asks for all of them
    shown = text(Ui(focus=Section.CHECKS), found=found, height=24)
    rows = shown.count("✓ healthy   c")
    assert f"checks 100 · {100 - rows} not shown" in shown


def test_the_row_that_is_chosen_is_on_the_screen_however_far_down() -> None:
    many = FakeApi(view=FakeView([check(f"c{number:03}") for number in range(100)]))
    found = asyncio.run(picture(many))
    for place in (0, 1, 50, 98, 99):
        ui = Ui(focus=Section.CHECKS, cursors={Section.CHECKS: Cursor(f"c{place:03}", place)})
        assert f"▌ ✓ healthy   c{place:03}" in text(ui, found=found, height=20)


def test_an_old_answer_is_shown_with_for_how_long_there_was_none() -> None:
    lost = replace(known(), lost="no Salus answers at /run/salus.sock")
    shown = text(found=lost, silent=72.4)
    assert "no answer for 1m12s, trying again (no Salus answers at /run/salus.sock)" in shown
    assert "needs attention 4" in shown


def test_a_rule_that_waits_for_a_person_or_gave_up_says_so_where_attention_is_needed() -> None:
    api = shop()
    waits = RuleState(rule="web", approval=WAITING)
    api.view.rule_list = [replace(WEB_RULE, state=waits)]
    assert "web  healing · rule web asks for a yes (salus approve web)" in text(found=asyncio.run(picture(api)))
    api.view.rule_list = [replace(WEB_RULE, state=RuleState(rule="web", exhausted_since=NOW))]
    assert "web  healing · rule web has given up · expected" in text(found=asyncio.run(picture(api)))


def test_what_a_stranger_may_not_see_is_named() -> None:
    told = {part: one for part, one in known().told.items() if part in ("whole", "checks")}
    shown = text(found=replace(known(), told=told, events=()), width=160)
    assert "not shown without a token that may see it: services, rules, alerts, what holds healing" in shown
    assert "you: a stranger" in shown
    assert " │ " not in shown  # nothing stands in the right column


def test_a_pause_and_its_end_stand_above_everything_but_the_state() -> None:
    api = shop()
    api.view.report = FakeApi().view.report
    paused = asyncio.run(picture(api, Role.VIEWER))
    assert "paused: Salus acts on nothing by itself (p lets it go on)" in text(found=paused).splitlines()[1]
    api.view.report = PolicyReport()
    assert "paused" not in text(found=asyncio.run(picture(api, Role.VIEWER)))


def test_what_became_of_a_deed_stands_at_the_bottom() -> None:
    done = Done(says="web looks healthy: 200 OK (12 ms)", good=True, heard=0.0)
    assert text(said=done).endswith(done.says)


def test_a_running_recovery_has_a_clock_that_runs() -> None:
    one = frame(known())
    later = replace(one, now=one.now.replace(second=7, microsecond=400_000))
    assert "12.4 s web" in "\n".join(line.plain for line in screen(later, 100, 40))


def test_a_picture_to_print_has_every_check_and_no_choice() -> None:
    printed = "\n".join(line.plain for line in still(frame(known(), still=True), 100))
    assert all(one["name"][:15] in printed for one in known().part("checks"))
    assert "▌" not in printed
    assert "q quit" not in printed
