"""An object is recognised by what it can do, and whoever is not is told what it lacks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from salus.components import (
    KINDS,
    BuildPipeline,
    ClearableCache,
    ComponentKind,
    ConnectionPool,
    Deed,
    Facts,
    FileWatcher,
    RefreshableRegistry,
    RestartableService,
    Verdict,
    WorkerPool,
    default_rule,
    describe,
    number,
)
from salus.components.describe import Description
from salus.errors import NotFoundError, SalusError
from salus.model import Status
from tests.looks import look_once
from tests.unit.components.parts import Cache, CarefulWorkers, Pipeline, Pool, Registry, Service, Watcher, Workers


@pytest.mark.parametrize(
    "part, kind",
    [
        (Service(), "restartable_service"),
        (Cache(), "clearable_cache"),
        (Registry(), "refreshable_registry"),
        (Watcher(), "file_watcher"),
        (Pipeline(), "build_pipeline"),
        (Workers(), "worker_pool"),
        (Pool(), "connection_pool"),
        ({}, "clearable_cache"),
    ],
)
def test_an_object_is_recognised_by_what_it_can_do(part: object, kind: str) -> None:
    assert describe("part", part).kind == kind


def test_the_protocols_hold_for_type_checkers_too() -> None:
    service: RestartableService = Service()
    cache: ClearableCache = Cache()
    registry: RefreshableRegistry = Registry()
    watcher: FileWatcher = Watcher()
    pipeline: BuildPipeline = Pipeline()
    workers: WorkerPool = Workers()
    pool: ConnectionPool = Pool()
    assert all((service, cache, registry, watcher, pipeline, workers, pool))


def test_the_table_needs_what_the_protocols_say() -> None:
    for kind in KINDS.values():
        declared = {name for name in vars(kind.protocol) if callable(getattr(kind.protocol, name)) and name[0] != "_"}
        assert declared == set(kind.requires), kind.name


def test_every_member_that_is_used_stands_in_the_docstring_of_its_protocol() -> None:
    for kind in KINDS.values():
        text = kind.protocol.__doc__ or ""
        members = {reading.member for reading in kind.readings} | set(kind.probes)
        members |= {call for deed in kind.deeds.values() for call in (*deed.calls, *deed.instead)}
        for member in members - set(kind.requires) - {"__len__"}:
            assert f"``{member}" in text, f"{kind.protocol.__name__} does not name {member}"


def test_properties_are_not_evaluated_to_recognise_an_object() -> None:
    class Touchy(Service):
        @property
        def probe(self) -> None:
            raise AssertionError("asked")

        @property
        def count(self) -> int:
            raise AssertionError("asked")

    assert describe("part", Touchy()).kind == "restartable_service"


def test_a_member_that_is_none_is_not_there() -> None:
    class Without(CarefulWorkers):
        restart_dead = None  # type: ignore[assignment]

    assert list(describe("part", Without()).actions) == ["restart_worker_pool"]
    assert list(describe("part", SimpleNamespace(clear=print, probe=None)).actions) == ["clear_cache"]


def test_a_namespace_of_functions_is_an_adapter() -> None:
    used = [3]
    pool = SimpleNamespace(in_use=lambda: used[0], size=10, reset=used.clear)
    assert describe("part", pool).kind == "connection_pool"


def test_what_stands_in_for_another_object_is_recognised_too() -> None:
    class Standing:
        def __init__(self, other: object) -> None:
            self._other = other

        def __getattr__(self, name: str) -> Any:
            return getattr(self._other, name)

    assert describe("part", Standing(Watcher())).kind == "file_watcher"


def test_what_is_of_a_special_kind_is_that_and_not_a_service_in_general() -> None:
    class Both(Watcher, Service):
        pass

    assert describe("part", Both()).kind == "file_watcher"
    assert describe("part", Both(), kind=RestartableService).kind == "restartable_service"


def test_what_is_of_two_kinds_must_be_told_which() -> None:
    class Both(Registry, Cache):
        def __init__(self) -> None:
            Cache.__init__(self)

    with pytest.raises(SalusError, match="is clearable_cache and refreshable_registry") as caught:
        describe("part", Both())
    assert caught.value.remedy == "say which: kind='clearable_cache'"
    assert describe("part", Both(), kind="refreshable_registry").kind == "refreshable_registry"


@pytest.mark.parametrize(
    "part, kind, told, remedy",
    [
        (object(), None, "object is of no kind", "have it do what one needs: build_pipeline: queue_length, "),
        (
            SimpleNamespace(alive=4, expected=4),
            None,
            "is of no kind",
            "it comes nearest to worker_pool, and has no restart()",
        ),
        (Service(), "worker_pool", "is no worker_pool: it has no alive(), expected(), restart()", "WorkerPool"),
        (Service(), "wroker_pool", "no kind of component 'wroker_pool'", "there are: build_pipeline, "),
        (Service(), int, "no kind of component 'int'", "there are: "),
    ],
)
def test_what_is_of_no_kind_is_told_what_it_lacks(part: object, kind: Any, told: str, remedy: str) -> None:
    with pytest.raises(SalusError) as caught:
        describe("part", part, kind=kind)
    assert told in str(caught.value)
    assert remedy in (caught.value.remedy or "")


def test_the_default_rules_are_those_of_the_table() -> None:
    """fails before acting, recovery timeout, cooldown, attempts, actions."""

    def row(rule: Any) -> tuple[Any, ...]:
        first = (rule["min_failure_count"], rule["recovery_timeout"], rule["cooldown_period"])
        return (*first, rule["max_recovery_attempts"], rule["actions"])

    sweep = {"clean_temporary_files": {"folders": ["/tmp/previews"], "older_than": "1h"}}
    assert row(default_rule("memory")) == (2, "30s", "5m", 3, ["log", "garbage_collect", {"wait": "5s"}])
    assert row(default_rule("filesystem", folders=["/tmp/previews"])) == (
        1,
        "15s",
        "2m",
        2,
        ["log", sweep, {"wait": "2s"}],
    )
    assert row(default_rule("threads")) == (3, "20s", "10m", 2, ["log", "garbage_collect", "dump_stacks"])
    build = ["log", "clear_build_cache", "restart_pipeline", {"wait": "5s"}]
    assert row(describe("part", Pipeline()).rule) == (2, "45s", "3m", 3, build)
    refresh = ["log", "refresh_component_registry", {"wait": "3s"}]
    assert row(describe("part", Registry()).rule) == (2, "30s", "5m", 2, refresh)
    restart = ["log", "restart_file_watcher", {"wait": "3s"}]
    assert row(describe("part", Watcher()).rule) == (1, "20s", "2m", 2, restart)


def test_every_action_of_a_default_rule_is_one_of_the_object_or_of_salus() -> None:
    parts = (Service(), Cache(), Registry(), Watcher(), Pipeline(), Workers(), CarefulWorkers(), Pool())
    for description in (describe("part", part) for part in parts):
        named = [rung for rung in rungs_of(description) if isinstance(rung, str)]
        assert set(named) - {"log"} == set(description.actions)


def rungs_of(description: Description) -> list[Any]:
    rungs = description.rule["actions"]
    assert isinstance(rungs, list)
    return rungs


def test_a_rung_that_an_object_cannot_do_is_left_out() -> None:
    assert rungs_of(describe("part", Workers())) == ["log", "restart_worker_pool", {"wait": "2s"}]
    assert rungs_of(describe("part", CarefulWorkers()))[1:3] == ["restart_dead_workers", "restart_worker_pool"]


def test_default_rules_can_be_changed_and_name_what_they_lack() -> None:
    assert default_rule("memory", cooldown_period="1m")["cooldown_period"] == "1m"
    assert default_rule("memory")["cooldown_period"] == "5m"
    default_rule("memory")["actions"].append("dump_stacks")
    assert "dump_stacks" not in default_rule("memory")["actions"]
    with pytest.raises(ValueError, match="no folder that nobody named"):
        default_rule("filesystem")
    with pytest.raises(NotFoundError, match="no default rule 'disk'"):
        default_rule("disk")


async def test_a_kind_of_ones_own_is_a_table_row() -> None:
    def judge(facts: Facts, verdict: Verdict) -> str:
        lag = facts.needed("lag")
        if lag > 10:
            verdict.unhealthy(f"lag {lag:g} s, expected at most 10 s", "lagging")
        return f"lag {lag:g} s"

    replica = ComponentKind(
        name="replica",
        protocol=object,
        requires=("lag", "resync"),
        readings=(number("lag", unit="seconds"),),
        judge=judge,
        deeds={"resync_replica": Deed(done="resynced {name}", calls=("resync",))},
        rule={"actions": ["resync_replica"]},
    )
    description = describe("part", SimpleNamespace(lag=12, resync=print), kind=replica)
    seen = await look_once(description.check)
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "lag 12 s, expected at most 10 s")
    assert seen.metrics["lag_seconds"].value == 12
    assert list(description.actions) == ["resync_replica"]
    assert description.spec["tags"] == ["component", "replica"]
