"""The page of one check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from salus.errors import StoreUnreadableError
from salus.model import CheckReport, EventKind, Json, Metric, Observation, Pause, RefusalReason, Role, Status
from salus.ports import Batch
from salus.surfaces.dashboard.views.check_words import against, facts, numbers, thresholds
from tests.fake_access import Door
from tests.fake_agent import NOW, RECOVERY, RUNNING, WEB, check, explanation, look, refusal
from tests.fake_api import EVENT, FakeApi
from tests.fake_incidents import OPEN_INCIDENT
from tests.visitor import ROOT, Html, Visitor

HOSTILE = "<script>alert('x')</script>\"&../" + "ü" * 40


async def api_with(*reports: CheckReport) -> FakeApi:
    api = FakeApi()
    api.view.reports = [*reports, *api.view.reports]
    await api.fill()
    return api


async def page_of(api: FakeApi, name: str, role: Role = Role.OPERATOR, query: str = "") -> Html:
    return await (await Visitor(api).sign_in(role)).page(f"/checks/{name}{query}")  # a server has decoded it


# ── what it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bad_check_says_what_was_expected_and_what_was_there() -> None:
    page = await page_of(await api_with(), "web")
    assert "Unhealthy" in page.words
    assert "Expected status 200" in page.words
    assert "Found 500" in page.words
    assert "critical" in page.words


async def test_a_good_check_says_what_it_saw_with_its_numbers_and_their_units() -> None:
    page = await page_of(await api_with(), "disk")
    assert "62% free" in page.words
    assert "free 62.0 %" in page.words
    assert "files 7" in page.words
    assert "Expected" not in page.words


async def test_what_else_a_look_saw_stands_there_as_facts() -> None:
    metadata: Mapping[str, Json] = {"server": "nginx", "tls": True, "names": ["a", "b"], "more": {"deep": [1]}}
    odd = check("odd", message="fine")
    odd = replace(odd, state=replace(odd.state, last=look(Status.HEALTHY, "fine", metadata=metadata)))
    page = await page_of(await api_with(odd), "odd")
    assert "server nginx" in page.words
    assert "tls yes" in page.words
    assert "names a, b" in page.words
    assert '"deep"' in page.words


async def test_why_its_rules_act_or_not_is_told_stage_by_stage_and_the_one_that_decides_is_marked() -> None:
    api = await api_with()
    api.view.explained = [explanation(refusal(RefusalReason.COOLING_DOWN, "18 s ago", 42))]
    page = await page_of(api, "web")
    assert "It does not act: cooling down. (18 s ago)" in page.words
    assert page.words.count("this decides") == 1
    assert f"({len(RefusalReason) - 1} of {len(RefusalReason)} let it)" in page.words
    assert "salus heal web" in page.words


async def test_a_cooldown_after_which_it_has_given_up_says_so_and_until_when() -> None:
    api = await api_with()
    cooling = refusal(RefusalReason.COOLING_DOWN, "18 s ago", 42)
    api.view.explained = [explanation(cooling, refusal(RefusalReason.EXHAUSTED, "all 3 attempts are spent", 1800))]
    page = await page_of(api, "web")
    assert "It does not act: cooling down, and then it has given up. (all 3 attempts are spent)" in page.words
    assert page.words.count("this decides") == 1


async def test_a_check_without_a_rule_says_that_nothing_is_done_about_it() -> None:
    api = await api_with()
    api.view.explained = []
    assert "No rule heals it" in (await page_of(api, "web")).words


async def test_a_recovery_that_runs_is_shown_with_its_step_its_clock_and_its_bound() -> None:
    api = await api_with()
    api.view.running = [replace(RUNNING, id="now")]
    page = await page_of(api, "web")
    assert "Step 2, restart_service : acting" in page.words
    assert "3 s</time> of at most 30 s" in page.text
    assert f"{ROOT}/recoveries/now" in page.links
    assert '<time datetime="2026-03-01T11:59:57+00:00" data-clock>3 s</time>' in page.text


async def test_its_past_stands_there_recoveries_incidents_and_what_happened() -> None:
    page = await page_of(await api_with(), "web")
    assert f"{ROOT}/recoveries/r0" in page.links
    assert f"{ROOT}/incidents/{OPEN_INCIDENT.id}" in page.links
    assert page.words.count("status changed") == 5
    assert page.text.count('pointer-events="all"') >= 1  # its last looks, with what each saw


async def test_what_happened_is_paged() -> None:
    api = await api_with()
    events = [replace(EVENT, id=EVENT.id + 100 + number, message=f"event {number}.") for number in range(30)]
    await api.past.write(Batch(events=events))
    page = await page_of(api, "web")
    assert "event 29." in page.words
    assert "event 9." not in page.words
    older = next(link for link in page.links if "before=" in link)
    page = await (await Visitor(api).sign_in(Role.VIEWER)).page(older.removeprefix(ROOT).partition("#")[0])
    assert "event 9." in page.words
    assert "Newest" in page.words


async def test_what_it_depends_on_and_what_depends_on_it_are_linked_with_how_they_are() -> None:
    api = await api_with(
        check("a", depends_on=("m", "gone")), check("m", Status.DEGRADED, "slow"), check("z", depends_on=("m",))
    )
    page = await page_of(api, "a")
    assert "m degraded slow" in page.words
    assert "gone is not there" in page.words
    page = await page_of(api, "m")
    assert {f"{ROOT}/checks/a", f"{ROOT}/checks/z"} <= set(page.links)


async def test_its_service_is_linked_with_what_it_is_doing() -> None:
    page = await page_of(await api_with(), "web")
    assert f"{ROOT}/services/web" in page.links
    assert "web running" in page.words


async def test_a_number_can_be_chosen_and_a_span_of_time() -> None:
    api = await api_with()
    looks = [
        (
            "disk",
            Observation(
                status=Status.HEALTHY, at=NOW - timedelta(minutes=ago), metrics={"free_ratio": Metric(0.5, "ratio")}
            ),
        )
        for ago in range(50, 0, -1)
    ]
    await api.past.write(Batch(observations=looks))
    page = await page_of(api, "disk", query="?hours=1")
    assert page.text.count("<figure") == 2
    assert "duration as a table" in page.words
    assert 'aria-current="true">1 h</a>' in page.text
    page = await page_of(api, "disk", query="?hours=1&metric=free_ratio")
    assert page.text.count("<figure") == 1
    assert f"{ROOT}/checks/disk?hours=168&metric=free_ratio#numbers" in page.links


@pytest.mark.parametrize(
    "query", ["?hours=-1", "?hours=x&metric=<b>", "?before=x", "?before=9" + "9" * 40, "?metric=../"]
)
async def test_what_is_not_understood_behind_the_question_mark_says_nothing(query: str) -> None:
    page = await page_of(await api_with(), "web", query=query)
    assert 'aria-current="true">1 h</a>' in page.text


async def test_the_curves_of_a_young_check_begin_with_it() -> None:
    api = await api_with()
    for ago in (4, 3, 2, 1):
        at = NOW - timedelta(minutes=ago)
        seen = Observation(status=Status.HEALTHY, at=at, metrics={"free_ratio": Metric(0.5, "ratio")})
        await api.past.write(Batch(observations=[("disk", seen)]))
    young = await page_of(api, "disk")
    assert "11:56" in young.text
    assert "11:10" not in young.text


async def test_a_check_that_was_not_looked_at_yet_says_so() -> None:
    page = await page_of(await api_with(), "new")
    assert "Not looked at yet" in page.words


async def test_a_ledger_that_cannot_be_read_leaves_the_rest_of_the_page() -> None:
    api = await api_with()

    async def fail(*_: object, **__: object) -> None:
        raise StoreUnreadableError("the ledger is torn")

    for name in ("events", "recoveries", "observations"):
        setattr(api.past, name, fail)
    page = await page_of(api, "web")
    assert "the ledger is torn" in page.words
    assert "Found 500" in page.words


async def test_no_such_check_is_a_page_that_says_so() -> None:
    visitor = await Visitor(await api_with()).sign_in(Role.VIEWER)
    answer = await visitor.get("/checks/nothing")
    assert answer.code == 404
    assert "there is no check" in Html(answer.text).words.lower()


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stranger_sees_what_the_api_shows_to_everybody_and_nothing_of_what_is_done() -> None:
    api = FakeApi(door=Door(details="always"))
    await api.fill()
    page = await Visitor(api).page("/checks/web")
    assert "Found 500" in page.words
    assert "Availability" in page.words
    for hidden in ("What heals it", "Last recoveries", "What happened", "Bad after"):
        assert hidden not in page.words
    assert not [link for link in page.links if "/recoveries" in link or "/rules/" in link or "/incidents/" in link]
    assert not [form for form in page.forms if "/do/" in form]


@pytest.mark.parametrize("role, acts", [(Role.VIEWER, False), (Role.OPERATOR, True), (Role.ADMIN, True)])
async def test_only_who_may_act_sees_the_buttons(role: Role, *, acts: bool) -> None:
    page = await page_of(await api_with(), "web", role)
    found = {form.removeprefix(f"{ROOT}/do") for form in page.forms if "/do/" in form}
    assert found == ({"/checks/web/run", "/checks/web/pause", "/recoveries", "/silences"} if acts else set())


async def test_the_buttons_do_what_they_say() -> None:
    api = await api_with()
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    await visitor.post("/do/checks/web/pause", seconds="2h", reason="moving house")
    assert api.control.asked[-1] == ("pause_check", "web")
    assert api.control.said["seconds"] == 7200
    await visitor.post("/do/recoveries", rule="web")
    assert api.control.asked[-1] == ("begin", "web")


async def test_a_paused_check_says_who_paused_it_and_can_be_resumed() -> None:
    pause = Pause(since=NOW, until=NOW + timedelta(hours=1), reason="moving house", by="olaf")
    api = FakeApi()
    api.view.reports = [replace(WEB, paused=pause)]
    await api.fill()
    page = await page_of(api, "web")
    assert "Paused by olaf" in page.words
    assert "moving house" in page.text
    assert f"{ROOT}/do/checks/web/resume" in page.forms
    assert f"{ROOT}/do/checks/web/pause" not in page.forms


# ── what others write ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_names_and_messages_full_of_markup_stay_words() -> None:
    odd = check(
        HOSTILE,
        Status.UNHEALTHY,
        f"expected {HOSTILE}, got {HOSTILE}",
        metrics={HOSTILE: Metric(1.0, HOSTILE)},
        description=HOSTILE,
        tags=(HOSTILE,),
        depends_on=(HOSTILE,),
        service=HOSTILE,
    )
    api = await api_with(odd)
    event = replace(
        EVENT, id=EVENT.id + 50, check=HOSTILE, message=HOSTILE, kind=EventKind.RECOVERY_REFUSED, reason=HOSTILE
    )
    await api.past.write(
        Batch(
            events=[event],
            recoveries=[replace(RECOVERY, id="h", check=HOSTILE, rule=HOSTILE, message=HOSTILE)],
            observations=[(HOSTILE, look(Status.UNHEALTHY, HOSTILE, metrics={HOSTILE: Metric(1.0, HOSTILE)}))],
        )
    )
    api.view.explained = [explanation(refusal(RefusalReason.PAUSED, HOSTILE))]
    page = await page_of(api, HOSTILE)
    assert "<script>alert" not in page.text
    assert page.text.count("<script") == 1
    assert HOSTILE in page.words
    assert all(link.startswith((f"{ROOT}/", "#")) for link in page.links)
    assert len(page.ids) == len(set(page.ids))


async def test_its_alerts_are_silenced_by_its_name_however_it_is_called() -> None:
    api = await api_with(check('a"b\\c'))
    page = await page_of(api, 'a"b\\c')
    assert 'name="match" value="check=&#34;a\\&#34;b\\\\c&#34;"' in page.text


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "message, expected, actual",
    [
        ("expected status 2xx, got 500", "status 2xx", "500"),
        ("expected the header x, it is missing", "the header x", "it is missing"),
        ("expected status 2xx, got 500 Broken; body starts: ok", "status 2xx", "500 Broken; body starts: ok"),
        ("812 ms, expected below 500 ms", "below 500 ms", "812 ms"),
        ("expected 'a; b', got 'c; d'", "'a; b'", "'c; d'"),
        ("expected 'a, b' in the header h, got 'c'", "'a, b' in the header h", "'c'"),
    ],
)
def test_what_was_expected_is_read_out_of_a_message(message: str, expected: str, actual: str) -> None:
    found = against(look(Status.UNHEALTHY, message))
    assert found is not None
    assert (found.expected, found.actual) == (expected, actual)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "refused the connection",
        "expected",
        "expected nothing of this kind",
        "lag 12 s, expected at most 10 s; last success 3m11s ago",
        "workers dead: 1 of 4, expected 0; queue stuck: 9 waiting, expected at most 5",
        "expected status 200, got 500; expected 'ok' in the body, got 'no'",
    ],
)
def test_a_message_that_says_no_such_thing_stays_whole(message: str) -> None:
    assert against(look(Status.UNHEALTHY, message)) is None


def test_a_good_look_has_nothing_that_was_missed() -> None:
    assert against(look(Status.HEALTHY, "expected 3, got 3")) is None


def test_the_name_of_a_number_leaves_out_its_unit() -> None:
    metrics = {"latency_seconds": Metric(1, "seconds"), "_bytes": Metric(1, "bytes"), "a_seconds": Metric(1)}
    metrics |= {"duration_seconds": Metric(1, "seconds")}  # not how long the look took
    assert [name for name, _, _ in numbers(metrics)] == ["latency", " bytes", "a seconds", "duration seconds"]


def test_long_facts_are_told_apart_from_short_ones() -> None:
    short, long = facts({"a": 1, "b": None, "c": "x" * 500, "d": "two\nlines"})
    assert short == [("a", "1"), ("b", "none")]
    assert [name for name, _ in long] == ["c", "d"]


def test_thresholds_are_told_in_words() -> None:
    spec = replace(WEB.spec, failure_threshold=3, failure_window=5, success_threshold=2, start_period=60)
    told = dict(thresholds(spec))
    assert told["Bad after"] == "3 bad looks among the last 5"
    assert told["Well after"] == "2 good looks in a row"
    assert told["Bad looks do not count for the first"] == "1m"
    assert dict(thresholds(replace(spec, failure_window=0)))["Bad after"] == "3 bad looks in a row"
