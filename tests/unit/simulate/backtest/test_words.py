"""How a spell reads: what was done, and what would have been."""

from __future__ import annotations

import pytest

from salus.simulate.backtest.report import now, sum_rows, then
from tests.unit.simulate.backtest.story import BAD, GOOD, WEB, Story, step, with_rule


def healed(**facts: object) -> Story:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (30, GOOD))
    return story.recovery("web", 21, step("restart_service", 21, took=8), ended=30, **facts)


def in_vain() -> Story:
    story = Story(until=600).looks("web", (0, GOOD), (20, BAD), (50, GOOD))
    return story.recovery("web", 21, step("restart_service", 21, verified=False), ended=31)


def passed() -> Story:
    return Story(until=600).looks("web", (0, GOOD), (20, BAD), (25, GOOD))


@pytest.mark.parametrize(
    "story, rule, words",
    [
        (healed(), "", "the same"),
        (healed(), "min_failure_count: 6", "4 s later, restart_service: healed"),
        (healed(), "enabled: false", "nothing: disabled"),
        (healed(), "mode: observe", "only says that it would act after 0 s"),
        (healed(), "mode: approve, min_failure_count: 3", "asks a person after 2 s"),
        (healed().lives((0, 33)), "min_failure_count: 60", "nothing yet: below threshold"),
        (
            in_vain(),
            "min_failure_count: 6, cooldown_period: 1h",
            "4 s later, restart_service: did not help, it passed 25 s later",
        ),
        (passed(), "", "after 1 s, restart_service: needless, it passed 4 s later"),
        (passed(), "min_failure_count: 9", "nothing: below threshold"),
    ],
)
def test_what_a_config_would_have_done(story: Story, rule: str, words: str) -> None:
    row = story.row(with_rule(f"{{actions: [restart_service], {rule or 'min_failure_count: 2'}}}"))
    assert now(row) == words


@pytest.mark.parametrize(
    "rule, words",
    [
        ("actions: [{run: [/bin/true]}], verify_timeout: 1s", "not known, this was not tried then"),
        ("actions: [log], on_exhausted: [{run: [/bin/true]}], max_recovery_attempts: 1", "not known"),
        ("ladders: [[log], [restart_service]], cooldown_period: 5s", "restart_service (ladder 2): healed"),
    ],
)
def test_what_became_of_other_actions(rule: str, words: str) -> None:
    assert words in now(healed().row(with_rule(f"{{{rule}}}")))


def test_what_was_done() -> None:
    assert then(healed().row()) == "after 1 s, restart_service: healed"
    assert then(passed().row()) == "nothing"
    assert then(healed(manual=True).row()) == "nothing"
    assert then(in_vain().row()) == "after 1 s, restart_service: did not help, it passed 29 s later"
    again = in_vain().recovery("web", 41, step("restart_service", 41), ended=50)
    assert then(again.row()) == "after 1 s, restart_service (2 attempts): healed"
    helpless = Story(until=600).looks("web", (0, GOOD), (20, BAD))
    helpless.recovery("web", 21, step("restart_service", 21, verified=False), ended=31)
    assert then(helpless.row()) == "after 1 s, restart_service: did not help"


def test_what_was_done_on_a_condition() -> None:
    story = Story(until=900).measures("web", (0, 1), (60, 9), (62, 1))
    story.recovery("web", 60, step("restart_service", 60), ended=61)
    row = story.row(with_rule('{actions: [restart_service], when: "metrics.size > 8"}'))
    assert then(row) == "restart_service: healed"
    assert now(row) == "the same"
    other = Story(until=900).measures("web", (0, 1), (60, 9), (120, 1))
    row = other.row(with_rule('{actions: [restart_service], when: "metrics.size > 8"}'))
    assert now(row) == "on a condition, restart_service: not known, this was not tried then"


def test_figures_that_the_past_cannot_have_are_left_out() -> None:
    rows = {name: figures for name, *figures in sum_rows([healed().result(), passed().result(WEB)])}
    assert rows["bad spells"] == ["1", "1", "1"]
    assert rows["spells acted on"] == ["1", "1", "1"]
    assert rows["needless"] == ["0", "0", "1"]
    assert rows["acts where nothing was done"] == ["-", "0", "1"]
    assert rows["time to act, median"] == ["1 s", "1 s", "1 s"]
