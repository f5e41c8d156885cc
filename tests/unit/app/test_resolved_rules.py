"""What a rule would do is judged before it runs."""

from __future__ import annotations

import pytest

from salus.app.build import resolve
from salus.config import loads
from salus.errors import ConfigError

TEXT = """
services: {web: {command: {start: [/bin/true], stop: [/bin/true], status: [/bin/true]}}}
checks: {page: {memory: }, served: {memory: , service: web}}
rules: {RULE: {actions: [log, ACTION]}}
"""


def judge(rule: str, action: str) -> None:
    text = TEXT.replace("RULE", rule).replace("ACTION", action)
    resolve(loads(text, name="salus.yaml", environ={}))


@pytest.mark.parametrize("action", ["restart_service", "stop_service", "signal_service: HUP"])
def test_an_action_on_a_service_is_refused_where_there_is_none_to_act_on(action: str) -> None:
    kind = action.partition(":")[0]
    with pytest.raises(ConfigError) as caught:
        judge("page", action)
    (problem,) = caught.value.problems
    assert problem.path == f"rules.page.actions[1].{kind}"
    assert str(problem.what) == f"{kind} needs a service, and the check 'page' watches none"


@pytest.mark.parametrize("rule, action", [("served", "restart_service"), ("page", "restart_service: web")])
def test_the_service_is_that_of_the_check_or_the_one_that_is_named(rule: str, action: str) -> None:
    judge(rule, action)


def test_what_can_also_do_without_a_service_needs_none() -> None:
    judge("page", "capture_evidence")
