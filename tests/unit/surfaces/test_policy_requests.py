"""What a person asks about policy, and asks of it, over the control socket."""

from __future__ import annotations

import json
import os
import pwd
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.errors import NotFoundError
from salus.model import (
    Brake,
    Circuit,
    Maintenance,
    Mode,
    ModeOverride,
    Pause,
    PolicyReport,
    RefusalReason,
    RuleReport,
    Selector,
)
from salus.surfaces.bodies import LARGEST, AnswerBody, MaintenanceBody, PauseBody, line, parse
from salus.surfaces.control import ControlApp
from salus.surfaces.health import HealthApp
from salus.surfaces.http import Message, Refused
from salus.surfaces.peer import PEER
from tests.asgi import Answer, ask
from tests.fake_agent import (
    DISK,
    NOW,
    PAUSE_OF_DISK,
    RUNNING,
    WAITING,
    WEB,
    WEB_RULE,
    Bus,
    FakeControl,
    FakeView,
    FixedClock,
    explanation,
    refusal,
)

EVERYTHING_IS_HELD = PolicyReport(
    mode=Mode.APPROVE,
    pause=Pause(since=NOW, until=NOW + timedelta(hours=1), reason="moving house", by="olaf"),
    maintenance=(
        Maintenance(id="deploy", since=NOW, until=NOW + timedelta(minutes=30), members=Selector(tags=("blue",))),
    ),
    brakes=(Brake(scope="tag:blue", since=NOW, probe_at=NOW + timedelta(minutes=2), names=("a", "b", "c")),),
    circuits=(Circuit(action="restart_service", failures=3, opened_at=NOW, retry_at=NOW + timedelta(minutes=5)),),
    causes=("20 command checks fail alike (exit_127)",),
    overload="work on this host waits 83% of the time for a CPU",
    rivals=("service:web is restarted by somebody else",),
    disabled=("web",),
    refusals={"web": {"cooling_down": 7}},
)


def app(control: FakeControl | None = None, view: FakeView | None = None) -> ControlApp:
    return ControlApp(view or FakeView(), control or FakeControl(), Bus().subscribe, clock=FixedClock())


async def post(control: FakeControl, target: str, body: object = None, **more: Any) -> Answer:
    raw = b"" if body is None else json.dumps(body).encode()
    return await ask(app(control), target, method="POST", body=raw, **more)


async def test_policy_tells_everything_that_holds_healing() -> None:
    told = (await ask(app(view=FakeView(report=EVERYTHING_IS_HELD)), "/v1/policy")).json
    assert told["mode"] == "approve"
    assert told["pause"] == {
        "since": "2026-03-01T12:00:00Z",
        "until": "2026-03-01T13:00:00Z",
        "reason": "moving house",
        "by": "olaf",
    }
    assert told["maintenance"][0]["members"] == {"checks": [], "tags": ["blue"], "services": [], "everything": False}
    assert told["brakes"][0]["names"] == ["a", "b", "c"]
    assert told["circuits"][0]["retry_at"] == "2026-03-01T12:05:00Z"
    assert told["causes"] == ["20 command checks fail alike (exit_127)"]
    assert told["refusals"] == {"web": {"cooling_down": 7}}
    assert (await ask(app(view=FakeView(report=EVERYTHING_IS_HELD)), "/v1/status")).json["policy"] == told


async def test_a_rule_tells_its_mode_its_ladders_its_recurrence_and_its_question() -> None:
    rule = replace(WEB_RULE.rule, mode=Mode.APPROVE, when="metrics.rss_bytes > 1e9", cooldown_multiplier=2.0)
    memory = replace(WEB_RULE.state, approval=WAITING, escalations=1, recurring_since=NOW, recoveries=(NOW,))
    view = FakeView(rule_list=[replace(WEB_RULE, rule=rule, state=memory)])
    told = (await ask(app(view=view), "/v1/status")).json["rules"][0]
    assert (told["mode"], told["when"], told["trigger_on"]) == ("approve", "metrics.rss_bytes > 1e9", None)
    assert told["ladders"] == [["log", "restart_service"]]
    assert told["next_ladder"] == 1
    assert told["recurrence"] == {
        "threshold": 3,
        "window": 3600.0,
        "recoveries": 1,
        "since": "2026-03-01T12:00:00Z",
        "escalations": 1,
    }
    assert (told["approval"]["id"], told["approval"]["answer"]) == ("ab12", "waiting")
    assert told["cooldown_until"] == "2026-03-01T12:01:42Z"  # 18 s ago, and the second cooldown is twice 60 s


async def test_a_pause_may_have_an_end_and_a_reason() -> None:
    control = FakeControl()
    told = (await post(control, "/v1/pause", {"seconds": 3600, "reason": "moving\nhouse", "by": "olaf"})).json
    assert control.said == {"seconds": 3600.0, "reason": "moving house", "by": "olaf"}
    assert told["until"] == "2026-03-01T13:00:00Z"
    assert (await post(control, "/v1/pause")).json["until"] is None


async def test_who_asks_is_what_the_socket_says_whatever_the_body_says() -> None:
    control = FakeControl()
    await post(control, "/v1/resume", {"by": "somebody else"}, state={PEER: os.getuid()})
    assert control.said == {"by": pwd.getpwuid(os.getuid()).pw_name}
    await post(control, "/v1/resume", {"by": "olaf"})
    assert control.said == {"by": "olaf"}
    await post(control, "/v1/resume", state={PEER: 4_000_000_000})
    assert control.said == {"by": "user 4000000000"}


async def test_a_maintenance_window_is_opened_over_what_is_named() -> None:
    control = FakeControl()
    body = {"checks": ["a"], "services": ["web"], "seconds": 1800, "name": "deploy", "reason": "deploy 42"}
    told = (await post(control, "/v1/maintenance", body)).json
    assert control.said["members"] == Selector(checks=("a",), services=("web",))
    assert (told["name"], told["until"], told["reason"]) == ("deploy", "2026-03-01T12:30:00Z", "deploy 42")
    await post(control, "/v1/maintenance", {"everything": True, "seconds": 60})
    assert control.said["members"] == Selector(everything=True)


async def test_maintenance_of_nothing_is_refused_so_that_everything_is_spelled_out() -> None:
    control = FakeControl()
    for body in ({"seconds": 60}, {"seconds": 60, "everything": True, "checks": ["a"]}):
        answer = await post(control, "/v1/maintenance", body)
        assert answer.code == 422
        assert answer.json["remedy"]
    assert control.asked == []


async def test_windows_are_listed() -> None:
    told = (await ask(app(view=FakeView(report=EVERYTHING_IS_HELD)), "/v1/maintenance")).json
    assert [window["name"] for window in told] == ["deploy"]


@pytest.mark.parametrize(
    "target, asked, said",
    [
        ("/v1/maintenance/web/end", ("end_maintenance", "web"), {"by": ""}),
        ("/v1/rules/web/enable", ("enable_rule", "web"), {"by": ""}),
        ("/v1/rules/web/disable", ("disable_rule", "web"), {"by": ""}),
        ("/v1/approvals/web/approve", ("approve", "web"), {"by": "", "note": ""}),
        ("/v1/approvals/web/reject", ("reject", "web"), {"by": "", "note": ""}),
    ],
)
async def test_what_a_person_asks_for_is_passed_on(
    target: str, asked: tuple[str, str], said: dict[str, object]
) -> None:
    control = FakeControl()
    assert (await post(control, target)).code == 200
    assert (control.asked, control.said) == ([asked], said)
    refused = await ask(app(control), target)
    assert (refused.code, refused.headers["allow"]) == (405, "POST")
    assert control.asked == [asked]


async def test_an_approval_carries_a_note() -> None:
    control = FakeControl()
    told = (await post(control, "/v1/approvals/web/approve", {"note": "looks right", "by": "olaf"})).json
    assert (told["answer"], told["by"], told["note"]) == ("approved", "olaf", "looks right")


@pytest.mark.parametrize("target", ["/v1/policy", "/v1/checks/web/explain"])
async def test_what_is_only_read_takes_no_post(target: str) -> None:
    refused = await post(FakeControl(), target)
    assert (refused.code, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "target, body",
    [
        ("/v1/pause", b"{"),
        ("/v1/pause", b"[]"),
        ("/v1/pause", b'"\xff"'),
        ("/v1/pause", b'{"seconds": 0}'),
        ("/v1/pause", b'{"seconds": -1}'),
        ("/v1/pause", b'{"seconds": 1e300}'),
        ("/v1/pause", b'{"seconds": 1e999}'),
        ("/v1/pause", b'{"seconds": "1h"}'),
        ("/v1/pause", b'{"second": 60}'),
        ("/v1/pause", b'{"reason": "' + b"x" * 501 + b'"}'),
        ("/v1/maintenance", b""),
        ("/v1/maintenance", b'{"seconds": 60, "checks": "web"}'),
        ("/v1/approvals/web/approve", b'{"note": 7}'),
        ("/v1/rules/web/disable", b'{"why": "because"}'),
    ],
)
async def test_a_body_that_makes_no_sense_is_422_with_an_example(target: str, body: bytes) -> None:
    control = FakeControl()
    answer = await ask(app(control), target, method="POST", body=body)
    assert answer.code == 422
    assert answer.json["detail"].startswith("the body ")
    assert "{" in answer.json["remedy"]
    assert control.asked == []


async def test_a_body_that_is_too_large_is_413() -> None:
    control = FakeControl()
    answer = await ask(app(control), "/v1/pause", method="POST", body=b" " * (LARGEST + 1))
    assert (answer.code, control.asked) == (413, [])


async def test_a_client_that_dies_before_its_body_is_in_has_paused_nothing() -> None:
    control, sent = FakeControl(), list[Message]()
    parts: list[Message] = [{"type": "http.request", "body": b'{"sec', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/pause", "query_string": b"", "headers": [], "state": {}}
    await app(control)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert control.asked == []


_FIELDS = st.sampled_from(["seconds", "reason", "by", "checks", "everything", "name", "note", "else"])
_VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text(), max_size=3)


@given(st.binary(max_size=50) | st.dictionaries(_FIELDS, _VALUES).map(json.dumps).map(str.encode))
def test_whatever_stands_in_a_body_it_is_understood_or_refused(body: bytes) -> None:
    for kind in (PauseBody, MaintenanceBody, AnswerBody):
        try:
            answer: object = parse(body, kind)
        except Refused as refused:
            answer = refused.code
        assert answer == 422 or isinstance(answer, kind)


@given(st.text())
def test_a_line_is_one_line_that_a_terminal_takes(text: str) -> None:
    shown = line(text)
    assert shown.isprintable()
    assert shown == line(shown)


async def test_a_conflict_is_409_with_its_remedy() -> None:
    answer = await post(FakeControl(paused=False), "/v1/resume")
    assert (answer.code, answer.json["detail"]) == (409, "nothing is paused")
    assert answer.json["remedy"]


async def test_explain_tells_the_verdict_and_every_stage() -> None:
    held = refusal(RefusalReason.COOLING_DOWN, "the last attempt was a moment ago", 42)
    view = FakeView([WEB], explained=[explanation(held)])
    told = (await ask(app(view=view), "/v1/checks/web/explain")).json
    (rule,) = told["rules"]
    assert told["check"]["status"] == "unhealthy"
    assert rule["verdict"] == "web will not act: cooling down for 42 s more (the last attempt was a moment ago)"
    assert (rule["stand"], rule["reason"], rule["until"]) == ("held", "cooling_down", "2026-03-01T12:00:42Z")
    assert rule["remedy"] == "salus heal web"
    assert [one["stage"] for one in rule["stages"]] == [reason.value for reason in RefusalReason]
    assert [one["stage"] for one in rule["stages"] if not one["passes"]] == ["cooling_down"]
    assert b"do-not-tell" not in (await ask(app(view=view), "/v1/checks/web/explain")).body


async def test_explain_of_a_check_that_is_not_there_is_404() -> None:
    answer = await ask(app(), "/v1/checks/nope/explain")
    assert (answer.code, answer.json["detail"]) == (404, "there is no check 'nope'")


async def test_what_is_not_there_is_told_as_the_engine_tells_it() -> None:
    control = FakeControl(error=NotFoundError("there is no rule 'x'", remedy="`salus status` lists them"))
    assert (await post(control, "/v1/rules/x/disable")).code == 404


async def test_one_check_is_paused_and_taken_back() -> None:
    control = FakeControl()
    told = await post(control, "/v1/checks/web/pause", {"seconds": 60, "reason": "a\nb"})
    assert told.json == {"since": "2026-03-01T12:00:00Z", "until": "2026-03-01T12:01:00Z", "reason": "a b", "by": ""}
    assert (await post(control, "/v1/checks/web/resume")).json == {"message": "check 'web' is looked at again"}
    assert (await post(control, "/v1/checks/nope/pause")).code == 404
    assert (await post(control, "/v1/checks/web/pause", {"seconds": 0})).code == 422
    control.paused = False
    assert (await post(control, "/v1/checks/web/resume")).code == 409


async def test_a_paused_check_tells_who_paused_it_and_until_when() -> None:
    view = FakeView([replace(DISK, paused=PAUSE_OF_DISK)], report=PolicyReport(checks_paused=(PAUSE_OF_DISK,)))
    told = (await ask(app(view=view), "/v1/status")).json
    pause = {"since": "2026-03-01T11:55:00Z", "until": "2026-03-01T13:00:00Z", "reason": "", "by": "olaf"}
    assert told["checks"][0]["paused"] == pause
    assert told["policy"]["checks_paused"] == [{"check": "disk", **pause}]
    health = HealthApp(view, None, details=True, clock=FixedClock())
    assert (await ask(health, "/health")).json["checks"]["disk"]["paused"] == pause
    assert (await ask(health, "/health/checks/disk")).json["paused"] == pause
    assert (await ask(health, "/health?verbose")).text.startswith("[ ]disk 62% free\n")
    few = HealthApp(view, None, details=False, clock=FixedClock())
    assert (await ask(few, "/health?verbose")).text.startswith("[ ]disk paused\n")


@pytest.mark.parametrize("body", [{}, {"mode": "whatever"}, {"mode": 1}, {"mode": ["auto"]}])
async def test_a_mode_must_be_one_that_there_is(body: object) -> None:
    control = FakeControl()
    assert (await post(control, "/v1/rules/web/mode", body)).code == 422
    assert control.asked == []


async def test_a_mode_that_the_whole_holds_back_is_told_so() -> None:
    class Held(FakeControl):
        async def set_mode(self, rule: str, mode: Mode | None, *, by: str = "") -> RuleReport:
            return replace(await super().set_mode(rule, mode, by=by), whole=Mode.OBSERVE)

    told = await post(Held(), "/v1/rules/web/mode", {"mode": "approve"})
    assert told.json == {"message": "rule 'web' is in the mode approve; limits.mode holds it at observe"}
    report = replace(WEB_RULE, override=ModeOverride(mode=Mode.APPROVE, since=NOW, by="olaf"), whole=Mode.OBSERVE)
    (rule,) = (await ask(app(view=FakeView(rule_list=[report])), "/v1/status")).json["rules"]
    assert (rule["mode"], rule["mode_configured"]) == ("observe", "auto")
    assert rule["mode_override"] == {"mode": "approve", "since": "2026-03-01T12:00:00Z", "by": "olaf"}


async def test_a_recovery_tells_what_it_does_at_this_moment_and_is_called_off() -> None:
    control = FakeControl()
    (running,) = (await ask(app(view=FakeView(running=[RUNNING])), "/v1/status")).json["recoveries"]
    assert running["current"] == {
        "phase": "acting",
        "action": "restart_service",
        "position": 2,
        "since": "2026-03-01T11:59:57Z",
        "until": "2026-03-01T12:00:27Z",
    }
    told = (await post(control, "/v1/recoveries/web/cancel", {"by": "ann"})).json
    assert (told["outcome"], told["message"], told["current"]) == ("cancelled", "called off by ann", None)
    assert (await post(control, "/v1/recoveries/nope/cancel")).code == 404
