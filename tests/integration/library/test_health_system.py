"""HealthSystem inside a program: it checks, heals, hears, tells, and changes while it runs."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus import Event, HealthSystem, Status
from salus.errors import ConfigError, ConflictError, NotFoundError
from tests.integration.library.waiting import until

QUICK = {"interval": "50ms", "timeout": "20s"}


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=tmp_path / "state")
    yield system
    system.stop()


class Database:
    """Breaks and is mended."""

    def __init__(self) -> None:
        self.broken = False
        self.mended_on: list[str] = []

    def look(self) -> None:
        if self.broken:
            raise ConnectionError("no answer")

    def mend(self, pool: str = "main") -> str:
        self.broken = False
        self.mended_on.append(pool)
        return f"reconnected {pool}"


def test_a_function_is_checked_healed_by_an_action_of_the_program_and_proven_well(health: HealthSystem) -> None:
    database, ended = Database(), threading.Event()
    told: list[Event] = []
    health.register("database", database.look, critical=True, **QUICK)
    health.action("reconnect")(database.mend)
    health.rule("database", actions=[{"reconnect": {"pool": "second"}}], cooldown_period=0)

    @health.on("recovery_finished")
    def finished(event: Event) -> None:
        told.append(event)
        ended.set()

    with health:
        assert until(health.is_healthy)
        assert health.summary() == "All systems operational"
        database.broken = True
        assert ended.wait(30)
        assert until(health.is_healthy)
    assert database.mended_on == ["second"]
    assert (told[0].check, told[0].reason) == ("database", "recovered")


def test_what_happens_is_in_the_log_of_the_application(health: HealthSystem, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "salus.event")
    database = Database()
    health.register("database", database.look, **QUICK)
    health.rule("database", actions=[database.mend], cooldown_period=0)
    with health:
        assert until(health.is_healthy)
        database.broken = True
        assert until(lambda: any("database: recovered after" in record.getMessage() for record in caplog.records))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", "database is healthy, was unknown") in said
    assert ("WARNING", "database is unhealthy, was healthy: ConnectionError: no answer") in said


async def test_coroutine_functions_run_on_the_loop_of_the_application(health: HealthSystem) -> None:
    where: dict[str, int] = {}
    here, heard = threading.get_ident(), asyncio.Event()

    @health.check(**QUICK)
    async def asynchronous() -> None:
        where["asynchronous"] = threading.get_ident()

    @health.check(**QUICK)
    def plain() -> None:
        where["plain"] = threading.get_ident()

    @health.on("status_changed")
    async def changed(event: Event) -> None:
        where["handler"] = threading.get_ident()
        heard.set()

    async with health:
        await asyncio.wait_for(heard.wait(), 30)
        looks = await health.run_now()
        assert {name: look.status for name, look in looks.items()}["asynchronous"] is Status.HEALTHY
        assert (await health.report())["checks"]["plain"]["status"] == "healthy"  # type: ignore[index,call-overload]
    assert (where["asynchronous"], where["handler"]) == (here, here)
    assert where["plain"] != here


async def test_a_blocked_application_does_not_blind_salus(health: HealthSystem) -> None:
    @health.check(interval="50ms", timeout="200ms")
    async def answers() -> None: ...

    @health.check(**QUICK)
    def other() -> None: ...

    async with health:
        assert await asyncio.to_thread(until, health.is_healthy)
        seen = threading.Event()

        def watch() -> None:
            if until(lambda: "answers" in health.summary()):
                seen.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert seen.wait(30)  # on the very loop: nothing else runs on it meanwhile
        watcher.join()
        assert await asyncio.to_thread(until, health.is_healthy)


def test_checks_come_and_go_while_it_runs(health: HealthSystem) -> None:
    with health:
        health.register("disk", {"disk": {"path": "/", "free_above": "0.1%"}}, interval="1m")
        assert until(lambda: health.run_now_sync("disk")["disk"].status is Status.HEALTHY)
        health.unregister("disk")
        with pytest.raises(NotFoundError, match="disk"):
            health.run_now_sync("disk")
        with pytest.raises(NotFoundError, match="the code has declared no check 'disk'"):
            health.unregister("disk")


def test_what_is_wrong_is_refused_with_its_line_and_changes_nothing(health: HealthSystem) -> None:
    health.register("fine", lambda: None)
    with health:
        with pytest.raises(
            ConfigError, match=r"test_health_system\.py:\d+:1: checks\.disk\.disk.*the key 'path' is missing"
        ):
            health.register("disk", {"disk": {"pat": "/"}})
        assert list(health.run_now_sync()) == ["fine", "salus"]
        health.register("disk", {"disk": {"path": "/"}})  # the name is free
    with pytest.raises(ConflictError, match="does not run"):
        health.run_now_sync()


def test_an_action_is_held_to_its_parameters(health: HealthSystem) -> None:
    health.register("fine", lambda: None)
    health.action("reconnect")(Database().mend)
    health.rule("fine", [{"reconnect": {"pol": "main"}}])
    with pytest.raises(ConfigError, match=r"not the parameters of reconnect.*'pol'"):
        health.start()


def test_a_function_in_a_rule_becomes_an_action(health: HealthSystem) -> None:
    database, healed = Database(), threading.Event()

    def reconnect() -> None:
        database.mend()
        healed.set()

    database.broken = True
    health.register("database", database.look, **QUICK)
    health.rule("database", ["log", reconnect])
    with health:
        assert healed.wait(30)
        assert until(health.is_healthy)


def test_a_part_of_the_program_is_a_service_that_rules_restart(health: HealthSystem) -> None:
    running = threading.Event()

    def alive() -> bool:
        return running.is_set()

    health.service("worker", start=running.set, stop=running.clear)
    health.register("worker", alive, service="worker", **QUICK)
    health.rule("worker", ["restart_service"])
    with health:
        assert until(running.is_set)
        running.clear()
        assert until(running.is_set)


def test_code_and_file_meet(tmp_path: Path) -> None:
    file = tmp_path / "salus.yaml"
    file.write_text(
        "salus: {environment: test}\nchecks: {ours: {interval: 50ms}, theirs: {disk: {path: /}}}\n"
        "rules: {ours: {actions: [mend], cooldown_period: 0s}}\n",
        encoding="utf-8",
    )
    health, database = HealthSystem("shop", config=file, state_dir=tmp_path / "state"), Database()
    health.check("ours")(database.look)
    health.action(database.mend)
    database.broken = True
    with health:
        assert until(lambda: bool(database.mended_on))
        report = health.report_sync()
        assert set(report["checks"]) == {"ours", "theirs", "salus"}  # type: ignore[arg-type]
        assert report["environment"] == "test"


def test_the_ledger_survives_so_a_spent_budget_stays_spent(tmp_path: Path) -> None:
    def live_once(until_then: str) -> int:
        health = HealthSystem("shop", state_dir=tmp_path / "state")
        times = 0

        def nothing() -> None:
            nonlocal times
            times += 1

        health.register("broken", lambda: False, **QUICK)
        health.rule("broken", [nothing], max_recovery_attempts=1, verify_timeout="50ms")
        happened = threading.Event()
        health.on(until_then)(lambda _: happened.set())
        with health:
            assert until(lambda: health.status is Status.DEGRADED)
            assert happened.wait(30)
        return times

    assert (live_once("rule_exhausted"), live_once("recovery_refused")) == (1, 0)


def test_a_handler_that_fails_is_told_and_in_nobodys_way(
    health: HealthSystem, caplog: pytest.LogCaptureFixture
) -> None:
    heard = threading.Event()

    @health.on("agent_started")
    def broken(event: Event) -> None:
        raise ValueError("not today")

    health.on()(lambda _: heard.set())
    with caplog.at_level(logging.ERROR, "salus"), health:
        assert heard.wait(30)
        assert until(lambda: "not today" in caplog.text)
    with pytest.raises(NotFoundError, match="no event 'recovery_finish'") as caught:
        health.on("recovery_finish")(lambda _: None)
    assert caught.value.remedy == "did you mean 'recovery_finished'?"


def test_two_systems_live_in_one_process(tmp_path: Path) -> None:
    first, second = (HealthSystem(name, state_dir=tmp_path / name) for name in ("one", "two"))
    first.register("a", lambda: None, **QUICK)
    second.register("b", lambda: False, critical=True, **QUICK)
    with first, second:
        assert until(lambda: first.is_healthy() and second.status is Status.UNHEALTHY)
        assert second.summary().startswith("Down: ")
        assert not second.is_ready()


def test_before_it_runs_nothing_is_known_and_starting_twice_is_once(health: HealthSystem) -> None:
    assert (health.status, health.summary()) == (Status.UNKNOWN, "Salus does not run here")
    health.start()
    health.start()
    health.stop()
    health.stop()


async def test_waiting_for_fresh_looks_on_the_loop_that_they_need_is_refused(health: HealthSystem) -> None:
    async with health:
        with pytest.raises(ConflictError) as caught:
            health.run_now_sync()
    assert caught.value.__notes__ == ["Remedy: await health.run_now() there"]
