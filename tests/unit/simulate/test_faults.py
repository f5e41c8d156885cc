"""Every kind of fault, against the real engine: what is healed, what is left alone, what was needless."""

from __future__ import annotations

from tests.unit.simulate.simulation import CHAIN, ONE, run

WITHOUT_RULES = ONE.partition("rules:")[0]


def test_a_crash_is_seen_at_once_and_healed_by_a_restart() -> None:
    result = run("services: {web: {starts_in: 2s, faults: [{crash: {at: [1h]}}]}}")
    assert (result.incidents, result.healable, result.healed, result.needless) == (1, 1, 1, 0)
    assert result.detect.median == 0.0
    assert result.recover.median == 2.0
    assert result.by_kind["crash"].healed == 1


def test_a_hang_is_seen_by_its_time_out_and_healed_by_a_restart() -> None:
    result = run("services: {web: {faults: [{hang: {at: [1h]}}]}}")
    assert result.healed == 1
    assert result.detect.median is not None
    assert 2.0 <= result.detect.median <= 12.0


def test_a_look_at_the_process_alone_does_not_see_a_hang() -> None:
    config = ONE.replace('http: "http://127.0.0.1:1/"', "process: {service: web}")
    result = run("services: {web: {faults: [{hang: {at: [1h]}}]}}", config)
    assert (result.healable, result.healed, result.acting_steps) == (1, 0, 0)
    assert result.by_kind["hang"].open == 1
    assert result.availability < 0.5


def test_a_leak_is_healed_when_it_is_felt() -> None:
    result = run("services: {web: {faults: [{leak: {at: [1h], grows_for: 30m}}]}}")
    assert (result.healed, result.needless) == (1, 0)
    assert result.detect.median is not None
    assert result.detect.median <= 10.0


def test_what_every_copy_leaks_comes_back_after_every_restart() -> None:
    result = run("services: {web: {faults: [{leak: {grows_for: 50m}}]}}")
    assert result.by_kind["leak"].healed == 4
    assert result.healable == 4  # the fifth only grew


def test_nothing_is_done_against_a_flap_that_would_help() -> None:
    result = run("services: {web: {faults: [{flap: {at: [1h], lasts: 5m, period: 40s}}]}}")
    assert result.healable == 0
    assert result.by_kind["flap"].passed == 1
    assert set(result.needless_by_cause) <= {"flap"}


def test_a_start_that_fails_at_first_takes_a_second_attempt() -> None:
    result = run("services: {web: {faults: [{slow_start: {at: [1h], takes: 3s, fails: 1}}]}}")
    assert (result.healed, result.acting_steps) == (1, 2)


def test_services_behind_a_dead_dependency_are_restarted_for_nothing() -> None:
    result = run("shared_dependencies: {disk: {needed_by: [web], at: [1h], lasts: 2m}}")
    assert result.healable == 0
    assert result.by_kind["shared_dependency"].passed == 1
    assert result.needless_by_cause == {"needs disk": result.acting_steps}
    assert result.acting_steps > 0
    assert result.needless_steps[0].check == "web"


def test_the_root_is_healed_and_the_leaves_are_held() -> None:
    needs = "services: {db: {starts_in: 5s, faults: [{crash: {at: [1h]}}]}, api: {needs: [db]}, web: {needs: [api]}}"
    result = run(needs, CHAIN)
    assert (result.healed, result.acting_steps, result.needless) == (1, 1, 0)
    assert result.availability_by_service["web"] < 1


def test_without_the_dependencies_in_the_config_the_leaves_are_restarted_for_nothing() -> None:
    needs = "services: {db: {starts_in: 20s, faults: [{hang: {at: [1h]}}]}, api: {needs: [db]}, web: {needs: [api]}}"
    blind = CHAIN.replace(", depends_on: [db]", "").replace(", depends_on: [api]", "")
    assert run(needs, CHAIN).needless < run(needs, blind).needless
    assert set(run(needs, blind).needless_by_cause) == {"needs db"}


def test_a_check_that_knows_that_it_cannot_tell_has_nothing_done() -> None:
    result = run("checks: {web: {faults: [{broken_check: {at: [1h], lasts: 10m}}]}}")
    assert (result.incidents, result.healable, result.acting_steps) == (1, 0, 0)


def test_a_check_that_lies_has_healthy_services_restarted() -> None:
    result = run("checks: {web: {faults: [{broken_check: {at: [1h], says: unhealthy, lasts: 10m}}]}}")
    assert result.acting_steps > 0
    assert result.needless_by_cause == {"broken_check": result.acting_steps}
    assert result.availability < 1


def test_one_false_look_is_called_off_by_the_look_that_confirms() -> None:
    result = run("everywhere: {false_positive_rate: 0.01}", hours=24.0)
    assert result.called_off > 0
    assert result.precision in (None, 1.0) or set(result.needless_by_cause) == {"false_positive"}
    assert result.acting_steps < result.called_off


def test_what_only_another_action_heals_is_healed_by_the_next_rung() -> None:
    config = ONE.replace("[restart_service]", "[restart_service, {run: [/bin/restore, --last-good]}]")
    scenario = "services: {web: {faults: [{restart_does_not_help: {at: [1h], healed_by: ['run:restore']}}]}}"
    result = run(scenario, config)
    assert (result.healed, result.acting_steps, result.needless) == (1, 2, 0)


def test_what_no_action_heals_reaches_a_person_who_repairs_it() -> None:
    scenario = """
        services: {web: {faults: [{restart_does_not_help: {at: [1h]}}]}}
        person: 20m
    """
    result = run(scenario)
    assert (result.healable, result.acting_steps) == (0, 3)
    assert result.calls["exhausted"] == 1
    assert result.by_kind["restart_does_not_help"].repaired == 1


def test_what_nobody_heals_passes_by_itself() -> None:
    result = run("services: {web: {faults: [{restart_does_not_help: {at: [1h], lasts: 15m}}]}}")
    assert result.by_kind["restart_does_not_help"].passed == 1


def test_a_check_without_a_service_is_healed_by_the_action_that_changes_something() -> None:
    config = """
        salus: {store: memory}
        checks: {disk: {disk: {path: /, free_above: 10%}, interval: 1m}}
        rules: {disk: {actions: [{clean_temporary_files: {folders: [/tmp/app]}}]}}
    """
    result = run("checks: {disk: {faults: [{leak: {at: [1h], grows_for: 1h, metric: used_ratio}}]}}", config)
    assert (result.healed, result.acting_steps) == (1, 1)


def test_an_action_that_fails_by_itself_heals_nothing() -> None:
    config = ONE.replace("[restart_service]", "[{run: [/bin/restore]}]")
    scenario = """
        services: {web: {faults: [{restart_does_not_help: {at: [1h], healed_by: [run]}}]}}
        actions: {run: {fails: 100%}}
    """
    result = run(scenario, config)
    assert (result.healable, result.healed) == (1, 0)
    assert set(result.recoveries) == {"failed"}


def test_a_restart_that_was_called_off_half_way_is_harm_that_the_truth_knows() -> None:
    config = ONE.replace("cooldown_period: 10s", "cooldown_period: 10s, recovery_timeout: 5s")
    scenario = """
        services: {web: {starts_in: 8s}}
        checks: {web: {faults: [{broken_check: {at: [1h], says: unhealthy, lasts: 1m}}]}}
    """
    result = run(scenario, config)
    assert result.by_kind["harmed"].incidents >= 1


def test_looks_may_take_time() -> None:
    result = run("everywhere: {takes: {median: 50ms, p95: 200ms}}", hours=1.0)
    assert 300 <= result.looks <= 400


def test_faults_that_come_by_chance_come_about_as_often_as_they_should() -> None:
    result = run("services: {web: {faults: [{crash: {every: 10m, lasts: 1s}}]}}", WITHOUT_RULES, hours=66.0)
    assert 340 <= result.incidents <= 460


def test_half_of_what_is_due_comes_with_a_probability_of_a_half() -> None:
    crash = "services: {web: {faults: [{crash: {every: 10m, lasts: 1s, probability: 50%}}]}}"
    result = run(crash, WITHOUT_RULES, hours=66.0)
    assert 160 <= result.incidents <= 240
