"""A scenario is read like a config: every problem at its place, with a remedy."""

from __future__ import annotations

from textwrap import dedent

import pytest

from salus.app.build import resolve
from salus.config import loads
from salus.errors import ConfigError
from salus.simulate.faults import Kind
from salus.simulate.scenario import fit, scenario_from
from tests.unit.simulate.simulation import CHAIN


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        fit(scenario_from(dedent(text), "s.yaml"), resolve(loads(dedent(CHAIN))))
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "text, told",
    [
        (
            "services: {web: {faults: [{crsh: {every: 1h}}]}}",
            "s.yaml:1:28: services.web.faults[0].crsh: unknown key 'crsh' (did you mean 'crash'?)",
        ),
        (
            "services: {wep: {faults: [{crash: {every: 1h}}]}}",
            "s.yaml:1:12: services.wep: there is no service 'wep' in the config (did you mean 'web'?)",
        ),
        (
            "checks: {ap: {faults: [{broken_check: {every: 1h}}]}}",
            "s.yaml:1:10: checks.ap: there is no check 'ap' in the config (did you mean 'api'?)",
        ),
        (
            "services: {web: {faults: [{crash: {lasts: 1h}}]}}",
            "s.yaml:1:35: services.web.faults[0].crash: say when it strikes: either every: 6h, or at: [1h, 2d]",
        ),
        (
            "services: {web: {faults: [{crash: {every: 1h, at: [2h]}}]}}",
            "s.yaml:1:35: services.web.faults[0].crash: say when it strikes: either every: 6h, or at: [1h, 2d]",
        ),
        (
            "services: {web: {faults: [{crash: 1h, hang: 1h}]}}",
            "s.yaml:1:27: services.web.faults[0]: expected one kind of fault with its options, got 2",
        ),
        (
            "services: {web: {faults: [{broken_check: 1h}]}}",
            "s.yaml:1:27: services.web.faults[0]: a service has no broken check (put it under checks:)",
        ),
        (
            "checks: {web: {faults: [{crash: 1h}]}}",
            (
                "s.yaml:1:25: checks.web.faults[0]: 'web' looks at the service 'web', and this is a fault of that "
                "(put it under web:)"
            ),
        ),
        (
            "shared_dependencies: {disk: {needed_by: [wen], every: 1h}}",
            (
                "s.yaml:1:42: shared_dependencies.disk.needed_by[0]: there is no service 'wen' in the config "
                "(did you mean 'web'?)"
            ),
        ),
        (
            "shared_dependencies: {db: {needed_by: [web], every: 1h}}",
            (
                "s.yaml:1:23: shared_dependencies.db: 'db' is a service of the config "
                "(give it another name, or give that service a fault)"
            ),
        ),
        (
            "services: {web: {needs: [apy]}}",
            (
                "s.yaml:1:26: services.web.needs[0]: there is no service or shared dependency 'apy' in the config "
                "(did you mean 'api'?)"
            ),
        ),
        (
            "services: {web: {needs: [api]}, api: {needs: [db]}, db: {needs: [web]}}",
            (
                "s.yaml:1:39: services.api.needs: what services need goes round in a circle: api -> db -> web -> api "
                "(remove one of them)"
            ),
        ),
        (
            "services: {web: {starts_in: {median: 5s, p95: 1s}}}",
            "s.yaml:1:47: services.web.starts_in.p95: p95 is at least the median, and the median is more than zero",
        ),
        (
            "everywhere: {false_positive_rate: 2}",
            "s.yaml:1:35: everywhere.false_positive_rate: must be at most 1, got 2",
        ),
        ("servces: {}", "s.yaml:1:1: servces: unknown key 'servces' (did you mean 'services'?)"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_with_a_remedy(text: str, told: str) -> None:
    assert problems(text) == [told]


def test_all_problems_are_told_at_once() -> None:
    assert len(problems("services:\n  web: {faults: [{crash: {every: soon}}]}\n  api: {needs: 5}\n")) == 2


def test_a_fault_with_a_bare_value_strikes_that_often() -> None:
    scenario = scenario_from("services: {web: {faults: [{crash: 2h}]}}").scenario
    [(label, fault)] = scenario.faults_of("services", "web")
    assert (label, fault.kind, fault.every) == ("services/web/0", Kind.CRASH, 7200.0)


def test_what_holds_everywhere_comes_on_top_of_what_is_said_of_one() -> None:
    text = """
        everywhere: {faults: [{hang: 1d}, {broken_check: 2d}]}
        services: {web: {faults: [{crash: 2h}]}}
    """
    scenario = scenario_from(dedent(text)).scenario
    assert [fault.kind for _, fault in scenario.faults_of("services", "web")] == [Kind.CRASH, Kind.HANG]
    assert [fault.kind for _, fault in scenario.faults_of("services", "api")] == [Kind.HANG]
    assert [fault.kind for _, fault in scenario.faults_of("checks", "web")] == [Kind.BROKEN_CHECK]


def test_a_shared_dependency_of_everything_is_needed_by_every_service() -> None:
    text = "shared_dependencies: {net: {needed_by: everything, every: 1d}}"
    source = scenario_from(text)
    assert fit(source, resolve(loads(dedent(CHAIN)))).needs_of("db") == ("net",)


def test_an_empty_scenario_is_a_quiet_world() -> None:
    assert list(scenario_from("").scenario.faults_of("services", "web")) == []
