"""The list of rules, and the page of one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from salus.model import (
    ActionSpec,
    Answer,
    Mode,
    ModeOverride,
    Outcome,
    RefusalReason,
    Role,
    RuleReport,
    Status,
)
from salus.surfaces.dashboard.views.why import cooldown_in_words, state_in_words, trigger_in_words
from tests.fake_agent import NOW, WAITING, WEB_RULE, check, explanation, refusal
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Html, Visitor

HOSTILE = "<script>alert('x')</script>\"&../" + "ü" * 40


def with_rule(report: RuleReport) -> FakeApi:
    api = FakeApi()
    api.view.rule_list = [report]
    api.view.explained = [explanation(refusal(RefusalReason.COOLING_DOWN, "18 s ago", 42), report=report)]
    return api


async def page_of(api: FakeApi, path: str, role: Role = Role.OPERATOR) -> Html:
    return await (await Visitor(api).sign_in(role)).page(path)


def listed(page: Html) -> list[str]:
    return [name.removeprefix("rule-") for name in page.ids if name.startswith("rule-")]


def deeds(page: Html) -> set[str]:
    return {form.removeprefix(f"{ROOT}/do") for form in page.forms if "/do/" in form}


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_rule_stands_there_with_what_it_spent_and_why_it_does_not_act() -> None:
    page = await page_of(FakeApi(), "/rules")
    assert listed(page) == ["web", "z"]
    assert "2 of 3" in page.words
    assert "not recovered" in page.words
    assert "cooling down: the last attempt ended 18 s ago" in page.words
    assert "asks a person" in page.words


async def test_the_list_can_be_searched_and_narrowed() -> None:
    api = FakeApi()
    assert listed(await page_of(api, "/rules?q=Z")) == ["z"]
    assert listed(await page_of(api, "/rules?state=asks+a+person")) == ["z"]
    assert listed(await page_of(api, "/rules?mode=auto&state=nonsense")) == ["web", "z"]
    assert "No rule fits" in (await page_of(api, "/rules?mode=observe")).words


async def test_a_long_list_is_paged() -> None:
    api = FakeApi()
    api.view.rule_list = [replace(WEB_RULE, rule=replace(WEB_RULE.rule, name=f"r{number:03}")) for number in range(120)]
    assert listed(await page_of(api, "/rules?page=3")) == [f"r{number:03}" for number in range(100, 120)]
    assert listed(await page_of(api, "/rules?page=99")) == [f"r{number:03}" for number in range(100, 120)]
    assert listed(await page_of(api, "/rules?page=%C2%B2"))[0] == "r000"


async def test_where_there_is_no_rule_the_page_says_how_to_get_one() -> None:
    api = FakeApi()
    api.view.rule_list = []
    assert "Nothing heals yet" in (await page_of(api, "/rules")).words


# ── one of them ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_rule_says_when_it_acts_what_it_does_and_what_is_spent() -> None:
    page = await page_of(with_rule(WEB_RULE), "/rules/web")
    assert "When web is degraded or unhealthy, at the first such look." in page.words
    assert "log restart_service" in page.words
    assert "2 of 3" in page.words
    assert "It does not act: cooling down." in page.words
    assert "ends in 42 s" in page.text.replace("</time>", "").replace('">', " ") or "in 42 s" in page.text
    assert "do-not-tell" not in page.text


async def test_its_last_recoveries_stand_there() -> None:
    api = with_rule(WEB_RULE)
    await api.fill()
    page = await page_of(api, "/rules/web")
    assert f"{ROOT}/recoveries/r4" in page.links


@pytest.mark.parametrize("answer", [Answer.APPROVED, Answer.REJECTED])
async def test_what_a_person_answered_stands_there_while_it_holds(answer: Answer) -> None:
    asked = replace(WAITING, answer=answer, answered_at=NOW, by="olaf", note="looks right")
    api = with_rule(replace(WEB_RULE, state=replace(WEB_RULE.state, approval=asked)))
    page = await page_of(api, "/rules/web")
    assert f"{answer.value} by olaf" in page.words.lower()
    assert "looks right" in page.words
    assert not [deed for deed in deeds(page) if "approve" in deed]


async def test_a_rule_that_waits_for_a_person_can_be_answered() -> None:
    api = with_rule(replace(WEB_RULE, state=replace(WEB_RULE.state, approval=WAITING)))
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    page = await visitor.page("/rules/web")
    assert "It asks for your approval" in page.words
    assert {"/approvals/ab12/approve", "/approvals/ab12/reject"} <= deeds(page)
    late = replace(WAITING, expires_at=NOW - timedelta(seconds=1))
    api = with_rule(replace(WEB_RULE, state=replace(WEB_RULE.state, approval=late)))
    assert "It asks for your approval" not in (await page_of(api, "/rules/web")).words


@pytest.mark.parametrize("role, acts", [(Role.VIEWER, False), (Role.OPERATOR, True)])
async def test_only_who_may_act_sees_the_buttons(role: Role, *, acts: bool) -> None:
    page = await page_of(with_rule(WEB_RULE), "/rules/web", role)
    assert deeds(page) == (
        {"/recoveries", "/rules/web/mode", "/rules/web/disable", "/rules/web/reset"} if acts else set()
    )


async def test_the_mode_can_be_set_and_given_back_to_the_config() -> None:
    api = with_rule(WEB_RULE)
    visitor = await Visitor(api).sign_in(Role.OPERATOR)
    assert (await visitor.post("/do/rules/web/mode", mode="observe")).code == 303
    assert api.control.said["mode"] is Mode.OBSERVE
    assert (await visitor.post("/do/rules/web/mode", mode="")).code == 303
    assert api.control.said["mode"] is None


async def test_a_mode_that_a_person_set_and_one_that_all_rules_are_held_at_are_told() -> None:
    override = ModeOverride(mode=Mode.OBSERVE, since=NOW, by="olaf")
    page = await page_of(with_rule(replace(WEB_RULE, override=override)), "/rules/web")
    assert "It only says what it would do: set by olaf" in page.words
    page = await page_of(with_rule(replace(WEB_RULE, whole=Mode.APPROVE)), "/rules/web")
    assert "since no rule may do more" in page.words


async def test_a_rule_that_is_off_says_who_said_so() -> None:
    api = with_rule(WEB_RULE)
    api.view.report = replace(api.view.report, disabled=("web",))
    page = await page_of(api, "/rules/web")
    assert "A person has switched it off" in page.words
    assert "/rules/web/enable" in deeds(page)
    api = with_rule(replace(WEB_RULE, rule=replace(WEB_RULE.rule, enabled=False)))
    page = await page_of(api, "/rules/web")
    assert "enabled: false" in page.words
    assert not [deed for deed in deeds(page) if deed.endswith("able")]


async def test_giving_up_and_healing_what_comes_back_are_said() -> None:
    state = replace(WEB_RULE.state, exhausted_since=NOW, recurring_since=NOW, recoveries=(NOW,))
    page = await page_of(with_rule(replace(WEB_RULE, state=state)), "/rules/web")
    assert "It gave up" in page.words
    assert "It heals what comes back" in page.words


async def test_ladders_and_conditions_are_shown() -> None:
    one, two = (ActionSpec(kind="log", timeout=5),), (ActionSpec(kind="run"),)
    rule = replace(
        WEB_RULE.rule, ladders=(one, two), when="metrics.x > 1 && true", on_exhausted=(ActionSpec(kind="call"),)
    )
    page = await page_of(with_rule(replace(WEB_RULE, rule=rule)), "/rules/web")
    assert "metrics.x > 1 && true" in page.words
    assert "Attempt 1" in page.words
    assert "Attempt 2 and later next" in page.words
    assert "When it gives up call" in page.words


async def test_no_such_rule_is_a_page_that_says_so() -> None:
    visitor = await Visitor(FakeApi()).sign_in(Role.VIEWER)
    assert (await visitor.get("/rules/nothing")).code == 404


async def test_names_and_messages_full_of_markup_stay_words() -> None:
    rule = replace(
        WEB_RULE.rule,
        name=HOSTILE,
        check=HOSTILE,
        when=HOSTILE,
        ladders=((ActionSpec(kind=HOSTILE),),),
    )
    asked = replace(WAITING, id=HOSTILE, by=HOSTILE, note=HOSTILE)
    report = replace(WEB_RULE, rule=rule, state=replace(WEB_RULE.state, approval=asked))
    api = with_rule(report)
    api.view.reports = [check(HOSTILE, Status.UNHEALTHY, HOSTILE, service=HOSTILE)]
    for path in ("/rules", f"/rules/{HOSTILE}"):
        page = await page_of(api, path, Role.ADMIN)
        assert "<script>alert" not in page.text
        assert page.text.count("<script") == 1
        assert HOSTILE in page.words
        assert all(link.startswith((f"{ROOT}/", "#")) for link in page.links)
        assert len(page.ids) == len(set(page.ids))


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_trigger_is_told_in_words() -> None:
    rule = replace(WEB_RULE.rule, trigger_on=Status.UNHEALTHY, min_failure_count=3)
    assert trigger_in_words(rule) == "web is unhealthy, 3 looks in a row"
    assert trigger_in_words(replace(rule, failure_window=5)) == "web is unhealthy, at 3 of the last 5 looks"
    assert trigger_in_words(replace(rule, when="x", min_failure_count=1)).startswith("this condition holds")


def test_a_cooldown_that_grows_is_told_with_its_longest() -> None:
    rule = replace(WEB_RULE.rule, cooldown_multiplier=2.0, cooldown_max=600)
    assert cooldown_in_words(rule) == "1m, each time 2 times as long, at most 10m"


def test_where_a_rule_stands_is_told_in_a_word() -> None:
    state = replace(WEB_RULE.state, attempts=0, last_outcome=Outcome.RECOVERED)
    assert state_in_words(replace(WEB_RULE, state=state), NOW, off=False)[0] == "ready"
    assert state_in_words(replace(WEB_RULE, state=state, whole=Mode.OBSERVE), NOW, off=False)[0] == "observes"
    assert state_in_words(WEB_RULE, NOW, off=False)[0] == "in an incident"
    assert state_in_words(WEB_RULE, NOW, off=True)[0] == "off"
