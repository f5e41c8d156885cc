"""What a key does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.cli.top.keys import Decoder, Deed, Page, Step, Ui, press, settled
from salus.cli.top.picture import Picture
from salus.cli.top.rows import Cursor, Section
from salus.model import Role
from tests.top import picture

WORDS = {"up": "\x1b[A", "down": "\x1bOB", "pgdn": "\x1b[6~", "home": "\x1b[1~", "end": "\x1bOF", "backtab": "\x1b[Z"}
SIGNS = {"q": "q", "é": "é", "enter": "\r", "tab": "\t", "backspace": "\x7f"}


@cache
def known(role: Role = Role.OPERATOR) -> Picture:
    return asyncio.run(picture(role=role))


def after(ui: Ui, *keys: str, role: Role = Role.OPERATOR) -> Step:
    deed: Deed | None = None
    for key in keys:
        ui, deed = press(ui, key, known(role))
    return ui, deed


# ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.sampled_from([*WORDS, *SIGNS])), st.data())
def test_keys_are_the_same_however_their_bytes_come(keys: list[str], data: st.DataObject) -> None:
    sent = "".join({**WORDS, **SIGNS}[key] for key in keys).encode()
    decoder, found = Decoder(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        found += decoder.feed(sent[:size])
        sent = sent[size:]
    assert found == keys


@given(st.lists(st.binary(max_size=8), max_size=8))
def test_no_bytes_break_the_decoder_or_the_keys(sent: list[bytes]) -> None:
    decoder, ui = Decoder(), Ui()
    for data in sent:
        for key in decoder.feed(data):
            ui, _ = press(ui, key, known())
    decoder.flush()
    assert not decoder.waiting


def test_escape_is_a_key_when_nothing_follows() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.waiting
    assert decoder.flush() == ["esc"]
    assert decoder.feed(b"\x1bq") == ["esc", "q"]
    assert decoder.feed(b"\x1b[200;5u\x1b[99~x") == ["x"]


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_arrows_choose_rows_and_stop_at_the_ends() -> None:
    ui = Ui(chosen=True, focus=Section.CHECKS)
    names = [one["name"] for one in known().part("checks")]

    def chosen(*keys: str) -> str:
        row = after(ui, *keys)[0].selected(known())
        return row.key if row else ""

    assert chosen() == names[0]
    assert chosen("down", "j", "up") == names[1]
    assert chosen("up") == names[0]
    assert chosen("end") == chosen("pgdn", "pgdn") == chosen("end", "down") == names[-1]
    assert chosen("end", "home") == chosen("end", "pgup", "pgup") == names[0]


def test_what_is_chosen_stays_chosen_when_rows_come_and_go() -> None:
    ui, _ = after(Ui(chosen=True, focus=Section.CHECKS), "down", "down")
    fewer = replace(known(), told={**known().told, "checks": known().part("checks")[1:]})
    row = ui.selected(fewer)
    assert row is not None
    assert row.key == "disk"
    gone = replace(known(), told={**known().told, "checks": known().part("checks")[:2]})
    row = ui.selected(gone)
    assert row is not None
    assert row.key == "certificate"


def test_tab_goes_through_the_sections_that_have_something_and_round() -> None:
    ui, seen = Ui(chosen=True), []
    for _ in Section:
        seen.append(ui.focus)
        ui, _ = after(ui, "tab")
    assert seen == list(Section)
    assert ui.focus is Section.ATTENTION
    assert after(ui, "backtab")[0].focus is Section.EVENTS
    calm = replace(known(), told={**known().told, "recoveries": []})
    assert press(ui, "tab", calm)[0].focus is Section.CHECKS


def test_a_section_that_has_become_empty_gives_the_focus_away() -> None:
    well = replace(known(), told={**known().told, "checks": [], "recoveries": []})
    assert settled(Ui(focus=Section.ATTENTION, chosen=True), well).focus is Section.SERVICES
    assert settled(Ui(focus=Section.CHECKS, chosen=True), known()).focus is Section.CHECKS


def test_until_somebody_chooses_the_most_important_section_has_the_focus() -> None:
    assert settled(Ui(focus=Section.CHECKS), known()).focus is Section.ATTENTION
    ui, _ = after(Ui(), "tab", "down")
    assert settled(ui, known()).focus is Section.RECOVERIES
    assert settled(after(ui, "esc")[0], known()).focus is Section.ATTENTION


def test_f_shows_only_what_fails_and_then_everything() -> None:
    ui, _ = after(Ui(chosen=True, focus=Section.CHECKS), "f")
    assert ui.sieve.failing
    assert not after(ui, "f")[0].sieve.failing
    assert not after(ui, "esc")[0].sieve.failing


def test_what_is_searched_for_is_typed_and_kept_or_cleared() -> None:
    ui, _ = after(Ui(), "/", "w", "q", "backspace", "e")
    assert ui.typing
    assert ui.sieve.text == "we"
    kept, _ = after(ui, "enter")
    assert (kept.typing, kept.sieve.text, kept.quit) == (False, "we", False)
    assert after(ui, "esc")[0].sieve.text == after(kept, "esc")[0].sieve.text == ""
    assert len(after(Ui(), "/", *"x" * 500)[0].sieve.text) == 100


def test_what_is_found_can_be_opened_at_once() -> None:
    ui, _ = after(Ui(), "/", *"mail", "enter")
    assert ui.focus is Section.CHECKS
    assert after(ui, "enter")[0].check == "mail"


def test_details_of_the_check_that_a_row_is_about_and_back() -> None:
    ui, _ = after(Ui(chosen=True, focus=Section.ALERTS), "enter")
    assert (ui.page, ui.check) == (Page.DETAILS, "web")
    assert after(ui, "down", "down")[0].scroll == 2
    for key in ("esc", "enter", "backspace"):
        back, _ = after(ui, key)
        assert (back.page, back.check, back.focus) == (Page.OVERVIEW, "", Section.ALERTS)
    about_none, _ = after(Ui(chosen=True, focus=Section.EVENTS), "end", "enter")
    assert about_none.page is Page.OVERVIEW
    assert "no check" in about_none.note


def test_help_comes_and_goes_and_q_quits() -> None:
    ui, _ = after(Ui(), "?")
    assert ui.page is Page.HELP
    assert after(ui, "?")[0].page is Page.OVERVIEW
    assert after(ui, "q")[0].quit


def test_a_key_that_does_nothing_says_so() -> None:
    assert after(Ui(), "x")[0].note == "x does nothing; ? tells what does"


# ── acting ────────────────────────────────────────────────────────────────────────────────────────────────────────────

WEB = Ui(chosen=True, focus=Section.CHECKS, cursors={Section.CHECKS: Cursor("web", 7)})


@pytest.mark.parametrize("key", ["r", "h", "a", "p"])
def test_a_viewer_may_not_act_and_is_told_how_to(key: str) -> None:
    ui, deed = after(WEB, key, role=Role.VIEWER)
    assert deed is None
    assert ui.question is None
    assert "a viewer may look, not act" in ui.note


def test_r_looks_now() -> None:
    _, deed = after(WEB, "r")
    assert deed == Deed(path="/checks/web/run", doing="looking at web ...", done="web")
    _, deed = after(Ui(page=Page.DETAILS, check="odd"), "r")
    assert deed is not None
    assert deed.path == "/checks/odd/run"


def test_h_asks_before_it_heals_and_anything_but_yes_is_no() -> None:
    calm = replace(known(), told={**known().told, "recoveries": []})
    asked, deed = press(WEB, "h", calm)
    assert deed is None
    assert asked.question is not None
    assert asked.question.text == "run rule web (log, restart_service) now?"
    for key in ("n", "esc", "enter", "q", "x"):
        ui, deed = press(asked, key, calm)
        assert (ui.question, ui.quit, deed, ui.note) == (None, False, None, "nothing was done")
    _, deed = press(asked, "y", calm)
    assert deed is not None
    assert deed.path == "/rules/web/heal"


def test_h_does_not_heal_twice_nor_what_has_no_rule() -> None:
    assert after(WEB, "h")[0].note == "web is healing already"
    assert after(Ui(chosen=True, focus=Section.CHECKS), "h")[0].note == "no rule heals api"


def test_a_takes_the_alert_about_what_is_chosen() -> None:
    _, deed = after(WEB, "a")
    assert deed is not None
    assert (deed.path, deed.body) == ("/alerts/aa11bb22cc33dd44/ack", {})
    assert "no alert" in after(Ui(chosen=True, focus=Section.CHECKS), "a")[0].note
    alerts = [{**one, "state": "acknowledged", "acknowledged_by": "olaf"} for one in known().part("alerts")]
    taken = replace(known(), told={**known().told, "alerts": alerts})
    assert press(WEB, "a", taken)[0].note == "olaf has taken this alert already"


def test_p_asks_and_pauses_or_lets_go_on() -> None:
    ui, deed = after(Ui(), "p", "y")
    assert deed is not None
    assert (deed.path, deed.body) == ("/pause", {"reason": "salus top"})
    assert ui.note == "pausing ..."
    policy = {**known().told["policy"], "pause": {"by": "root", "reason": "salus top", "until": None}}
    paused = replace(
        known(), told={**known().told, "policy": policy}
    )  # asked for before, the overview tells of none yet
    ui, _ = press(Ui(), "p", paused)
    _, deed = press(ui, "y", paused)
    assert deed is not None
    assert deed.path == "/resume"


def test_p_goes_by_the_overview_where_the_policy_may_not_be_seen() -> None:
    told = {**known().told, "whole": {**known().told["whole"], "paused": True}}
    del told["policy"]
    ui, _ = press(Ui(), "p", replace(known(), told=told))
    assert ui.question is not None
    assert ui.question.deed.path == "/resume"


def test_names_full_of_signs_stay_one_part_of_a_path() -> None:
    checks = [{**one, "name": "a/../b?c#d e"} for one in known().part("checks")[:1]]
    odd = replace(known(), told={**known().told, "checks": checks})
    _, deed = press(Ui(chosen=True, focus=Section.CHECKS), "r", odd)
    assert deed is not None
    assert deed.path == "/checks/a%2F..%2Fb%3Fc%23d%20e/run"
