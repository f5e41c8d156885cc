from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.actions.service import RestartService, SignalService, StartService, StopService, signal_number
from salus.errors import ActionError, ServiceError
from salus.model import Effect, ServiceState
from tests.unit.actions.scenes import FakeService, make_scene, make_site


async def test_restart_replaces_the_checks_own_service() -> None:
    web = FakeService()
    result = await RestartService().run(make_scene(service=web))
    assert web.asked == ["restart"]
    assert result.message == "restarted web (pid 200)"
    assert result.evidence == {"service": "web", "state": "running", "pid_before": 100, "pid_after": 200}


async def test_a_named_service_is_touched_instead_of_the_checks_own() -> None:
    web, cache = FakeService(), FakeService("cache")
    await RestartService(service="cache").run(make_scene(make_site(web, cache), service=web))
    assert (web.asked, cache.asked) == ([], ["restart"])


def test_targets_name_the_service_that_is_touched() -> None:
    assert RestartService().targets("web") == {"web"}
    assert RestartService().targets(None) == frozenset()
    assert RestartService(service="cache").targets("web") == {"cache"}
    assert SignalService(signal="HUP").targets("web") == {"web"}


async def test_a_check_without_a_service_is_told_how_to_get_one() -> None:
    with pytest.raises(ActionError, match="no service of its own") as caught:
        await RestartService().run(make_scene())
    assert caught.value.remedy == "say which: give the action a service, or the check 'web-http' `service: NAME`"


async def test_a_service_nobody_knows_is_an_error_with_a_hint() -> None:
    scene = make_scene(make_site(FakeService("cache")))
    with pytest.raises(ActionError, match="no service 'cash'") as caught:
        await RestartService(service="cash").run(scene)
    assert caught.value.remedy == "did you mean 'cache'?"


@pytest.mark.parametrize("action", [RestartService(), StartService()])
async def test_what_a_person_has_stopped_stays_stopped(action: RestartService | StartService) -> None:
    web = FakeService(state=ServiceState.STOPPED, wanted=False, pid=None)
    with pytest.raises(ActionError, match="was stopped by a person; salus will not start it"):
        await action.run(make_scene(service=web))
    assert web.asked == []


async def test_starting_what_runs_already_fails_so_that_the_next_rung_gets_its_turn() -> None:
    web = FakeService()
    with pytest.raises(ActionError, match=r"'web' runs already \(pid 100\)") as caught:
        await StartService().run(make_scene(service=web))
    assert caught.value.remedy == "use restart_service to replace a running copy"
    assert web.asked == []


async def test_start_brings_up_what_is_down() -> None:
    web = FakeService(state=ServiceState.EXITED, pid=None)
    result = await StartService().run(make_scene(service=web))
    assert web.asked == ["start"]
    assert result.message == "started web (pid 200)"


async def test_stop_stops_it() -> None:
    web = FakeService()
    result = await StopService().run(make_scene(service=web))
    assert web.asked == ["stop"]
    assert result.message == "stopped web"


async def test_a_signal_is_sent_to_the_main_process() -> None:
    web = FakeService()
    result = await SignalService(signal="HUP").run(make_scene(service=web))
    assert web.asked == ["signal 1"]
    assert result.message == "sent SIGHUP to web (pid 100)"


async def test_a_signal_to_what_does_not_run_fails() -> None:
    with pytest.raises(ServiceError, match="nothing runs"):
        await SignalService(signal="HUP").run(make_scene(service=FakeService(pid=None)))


@pytest.mark.parametrize(
    "text, number",
    [("HUP", 1), ("sighup", 1), ("SIGUSR1", 10), (15, 15), ("9", 9), ("RTMIN+3", signal.SIGRTMIN + 3)],
)
def test_a_signal_can_be_written_in_every_usual_way(text: str | int, number: int) -> None:
    assert signal_number(text) == number
    assert SignalService(signal=text).problems() == []


@pytest.mark.parametrize("text", ["HUPP", "", "0", "1000", "SIG", "_DFL", "_BLOCK", -1, "RTMIN+500"])
def test_a_signal_that_does_not_exist_is_a_problem_of_the_config(text: str | int) -> None:
    ((field, what),) = SignalService(signal=text).problems()
    assert field == "signal"
    assert "write a name such as HUP" in what


@given(st.text() | st.integers())
def test_any_signal_is_a_valid_one_or_a_teaching_error(text: str | int) -> None:
    complaints = SignalService(signal=text).problems()
    if not complaints:
        assert signal_number(text) in signal.valid_signals()
    else:
        assert "there is no signal" in complaints[0][1]


def test_an_empty_name_is_a_problem() -> None:
    assert RestartService(service=" ").problems()[0][0] == "service"


def test_effects_say_when_the_target_is_a_new_copy() -> None:
    assert {RestartService().effect, StartService().effect, StopService().effect} == {Effect.REPLACES}
    assert SignalService(signal="HUP").effect is Effect.CHANGES
