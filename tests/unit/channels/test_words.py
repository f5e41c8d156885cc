"""What people read. The golden files are there to be read too; `python -m tests.letters` writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.channels import _words as words
from salus.model import AlertState, Level, Occasion
from tests.letters import DISK, GOLDEN, LETTERS, WEB, after, as_read, healed, letter


@pytest.mark.parametrize("sort", LETTERS)
def test_a_letter_reads_as_in_its_golden_file(sort: str) -> None:
    assert as_read(LETTERS[sort]()) == (GOLDEN / f"{sort}.txt").read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_letter() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(LETTERS)


def test_a_healed_incident_tells_the_whole_story() -> None:
    text = as_read(healed())
    for part in (
        "Expected status 2xx, got 503",  # what failed
        "From 2026-11-23T03:02:38Z to 2026-11-23T03:04:22Z: it lasted 1m44s",  # when
        "restart_service failed after 10 s",  # every action with its duration and result
        "restart_service worked after 209 ms",
        "verified: the check passed",
        "How it ended: healed by restart_service",
        "https://runbooks.example.org/web",
        "https://salus.example.org/health-dashboard/alerts/7f9c2ba4",
    ):
        assert part in text


def test_a_summary_that_does_not_name_the_check_gets_its_name() -> None:
    assert words.summary(replace(WEB, summary="certificate expires")) == "web-http: certificate expires"
    assert words.summary(replace(WEB, summary="web-http is down")) == "web-http is down"
    assert words.summary(replace(WEB, summary="", detail="")) == "web-http"
    assert words.summary(replace(WEB, summary="the ledger fails", check=None)) == "the ledger fails"


def test_a_summary_that_the_title_had_no_room_for_is_told_in_full() -> None:
    long = replace(WEB, summary="web-http " + "x" * 200)
    made = letter(Occasion.FIRING, long)
    assert len(words.title(made)) == words.TITLE
    assert words.lines(made)[0] == long.summary


def test_the_level_of_several_is_the_worst_that_is_open() -> None:
    gone = replace(WEB, state=AlertState.RESOLVED)
    assert words.worst(letter(Occasion.FIRING, DISK, gone).notification) is Level.WARNING
    assert words.worst(letter(Occasion.RESOLVED, gone).notification) is Level.INFO


def test_what_has_no_duration_is_an_event_and_counts_by_its_level() -> None:
    happened = replace(WEB, state=AlertState.RESOLVED, moment=True, fired_at=after(60), resolved_at=after(60), count=3)
    made = letter(Occasion.RESOLVED, happened)
    assert words.title(made).startswith("[production] Critical: web-http")
    assert "It has happened 3 times since 2026-11-23T03:02:38Z." in words.lines(made)
    assert words.worst(made.notification) is Level.CRITICAL
    both = letter(Occasion.FIRING, happened, DISK).notification
    assert words.headline(both) == "Critical, 1 firing, 1 event: web (web-http, disk)"
    assert words.short(happened, after(90)).endswith("(2026-11-23T03:03:38Z)")


def test_without_a_base_there_are_no_links() -> None:
    told = replace(letter(Occasion.FIRING, WEB).notification, link="")
    assert words.page(told, WEB) == words.overview(told) == ""


def test_an_id_cannot_lead_the_link_elsewhere() -> None:
    told = letter(Occasion.FIRING, WEB).notification
    assert words.page(told, replace(WEB, id="../x?y")).endswith("/alerts/..%2Fx%3Fy")


@pytest.mark.parametrize(
    "occasion, expected",
    [
        (Occasion.REMINDER, "Still critical, 2 firing: web (web-http, disk)"),
        (Occasion.ESCALATED, "Escalated, critical, 2 firing: web (web-http, disk)"),
        (Occasion.FIRING, "Critical, 2 firing: web (web-http, disk)"),
    ],
)
def test_the_headline_of_several_counts_and_names_them_and_says_how_much_they_matter(
    occasion: Occasion, expected: str
) -> None:
    assert words.headline(letter(occasion, WEB, DISK).notification) == expected


def test_the_headline_of_what_is_over_has_no_level() -> None:
    gone = tuple(replace(alert, state=AlertState.RESOLVED, resolved_at=after(400)) for alert in (WEB, DISK))
    assert words.headline(letter(Occasion.RESOLVED, *gone).notification) == "2 resolved: web (web-http, disk)"
    reminder = letter(Occasion.REMINDER, *(replace(alert, level=Level.INFO) for alert in (WEB, DISK)))
    assert words.headline(reminder.notification) == "Still 2 firing: web (web-http, disk)"


def test_a_name_that_the_group_has_already_is_not_said_twice() -> None:
    alike = replace(WEB, check="web")
    told = letter(Occasion.FIRING, alike, replace(alike, fingerprint="ff")).notification
    assert words.headline(told) == "Critical, 2 firing: web"


def test_what_was_left_out_is_counted() -> None:
    made = letter(Occasion.FIRING, WEB, DISK, more=12)
    assert words.headline(made.notification) == "Critical, 2 firing: web (web-http, disk and 12 more)"
    assert "- and 12 more, which are not listed here" in words.lines(made)


def test_an_alert_that_came_back_says_how_often() -> None:
    assert "It has come back 2 times since." in words.story(replace(WEB, count=3), after(60))


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["\ud800 lone", "a\r\nSubject: b", "\x1b[31mred", "<script>&amp;", "\u202eright to left", "x" * 10**6]
    ),
)


@given(text=HOSTILE, limit=st.integers(40, 600))
def test_anything_becomes_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    line = words.clean(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    line.encode()


@given(text=HOSTILE, sort=st.sampled_from(sorted(LETTERS)))
def test_whatever_an_alert_says_the_words_stay_lines_of_ours(text: str, sort: str) -> None:
    made = LETTERS[sort]()
    hostile = tuple(
        replace(
            alert, summary=text, detail=text, runbook=text, resolution=text, note=text,
            acknowledged_by=text, check=text, labels={"alertname": text, "service": text},
            deeds=tuple(replace(deed, message=text, action=text, result=text) for deed in alert.deeds),
        )
        for alert in made.notification.alerts
    )  # fmt: skip
    told = replace(made.notification, alerts=hostile, group={"component": text}, environment=text, host=text)
    made = replace(made, notification=told)
    title = words.title(made)
    assert len(title) <= words.TITLE
    found = [title, *words.lines(made)]
    assert all(line.isprintable() for line in found)
    assert sum(map(len, found)) < 60_000
