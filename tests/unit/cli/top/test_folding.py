"""What is known after each fact."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from salus.cli.top.picture import EVENTS_KEPT, Answers, Done, Happened, Listening, Lost, Past, Picture, fold
from tests.fake_agent import NOW
from tests.top import picture


@cache
def known() -> Picture:
    return asyncio.run(picture())


def event(number: int) -> dict[str, Any]:
    return {"id": number, "kind": "verified", "message": str(number), "at": "2026-03-01T12:00:00Z"}


def test_an_event_that_was_read_already_is_not_told_twice() -> None:
    one = fold(replace(known(), events=()), Past(events=[event(2), event(1)]))
    for number in (1, 2, 3, 3):
        one = fold(one, Happened(event=event(number)))
    assert [each["id"] for each in one.events] == [3, 2, 1]


def test_only_so_many_events_are_kept_the_newest() -> None:
    one = replace(known(), events=())
    for number in range(EVENTS_KEPT + 50):
        one = fold(one, Happened(event=event(number)))
    assert len(one.events) == EVENTS_KEPT
    assert one.events[0]["id"] == EVENTS_KEPT + 49


def test_without_an_answer_the_last_picture_stays() -> None:
    lost = fold(known(), Lost(why="nobody answers"))
    assert lost.told == known().told
    assert lost.lost == "nobody answers"
    assert fold(lost, Answers(told=known().told, at=NOW, heard=200.0)).lost == ""


def test_clocks_that_differ_make_no_recovery_older_than_it_is() -> None:
    wrong = NOW + timedelta(hours=2)
    one = fold(known(), Answers(told=known().told, at=wrong, heard=1.0))
    assert one.then(wrong) == NOW


def test_a_restart_of_the_agent_is_said() -> None:
    whole = known().told["whole"]
    anew = {**whole, "agent": {**whole["agent"], "started_at": "2026-03-01T11:59:59Z", "uptime": 1.0, "pid": 9}}
    one = fold(known(), Answers(told={**known().told, "whole": anew}, at=NOW, heard=300.0))
    note = one.note(301.0)
    assert note is not None
    assert note.says == "Salus was started anew, as pid 9"
    assert one.note(400.0) is None
    same = fold(known(), Answers(told=known().told, at=NOW, heard=300.0))
    assert same.note(301.0) is None


def test_the_stream_and_what_was_done_are_remembered() -> None:
    assert not fold(known(), Listening(on=False)).listening
    done = Done(says="done", good=True, heard=10.0)
    assert fold(known(), done).note(11.0) == done
