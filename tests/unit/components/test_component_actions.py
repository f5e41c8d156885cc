"""The actions of a component act on that very object, and say what they did."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from salus.components import describe
from salus.errors import ActionError
from salus.model import Effect, Status
from salus.ports import Site
from tests.looks import look_from, site
from tests.unit.actions.scenes import make_scene
from tests.unit.components.parts import Cache, CarefulWorkers, Pipeline, Pool, Registry, Service, Watcher, Workers


async def act(part: object, action: str, *, kind: str | None = None) -> str:
    return (await describe("part", part, kind=kind).actions[action].run(make_scene())).message


async def test_what_runs_is_stopped_first_and_what_does_not_is_only_started() -> None:
    service = Service()
    assert await act(service, "restart_component") == "restarted part"
    assert service.calls == ["stop", "start"]
    service.running = False
    await act(service, "restart_component")
    assert service.calls == ["stop", "start", "start"]


async def test_a_restart_of_its_own_is_preferred() -> None:
    class Restarting(Service):
        def restart(self) -> str:
            self.calls.append("restart")
            return "with 3 jobs kept"

    service = Restarting()
    assert await act(service, "restart_component") == "restarted part: with 3 jobs kept"
    assert service.calls == ["restart"]


async def test_each_kind_has_its_action() -> None:
    assert await act(Cache(), "clear_cache") == "cleared part: 2"
    assert await act(Registry("a"), "refresh_component_registry") == "refreshed part: 1"
    assert await act(Watcher(), "restart_file_watcher") == "restarted part"
    assert await act(Pipeline(), "clear_build_cache") == "cleared the cache of part"
    assert await act(Pipeline(), "restart_pipeline") == "restarted part"
    assert await act(Pool(), "reset_pool") == "reset part"
    assert await act(Workers(), "restart_worker_pool") == "restarted part"
    assert await act(CarefulWorkers(), "restart_dead_workers") == "replaced the dead workers of part: 0 of 4"


async def test_of_two_of_a_kind_only_the_one_meant_is_touched() -> None:
    one, other = Watcher(), Watcher()
    first, second = describe("one", one), describe("other", other)
    await second.actions["restart_file_watcher"].run(make_scene())
    assert (one.restarts, other.restarts) == (0, 1)
    assert first.actions["restart_file_watcher"] != second.actions["restart_file_watcher"]


async def test_an_action_that_raises_or_returns_false_failed() -> None:
    class Refusing(Watcher):
        async def restart(self) -> None:
            raise OSError("inotify limit reached")

    with pytest.raises(ActionError, match=r"restart\(\) of part raised OSError: inotify limit reached"):
        await act(Refusing(), "restart_file_watcher")

    class Denying(Workers):
        def restart(self) -> bool:  # type: ignore[override]
            return False

    with pytest.raises(ActionError, match=r"restart\(\) of part returned False"):
        await act(Denying(), "restart_worker_pool")


async def test_what_an_action_returns_is_kept_as_evidence() -> None:
    class Telling(Workers):
        def restart(self) -> dict[str, int]:  # type: ignore[override]
            return {"lost_jobs": 2}

    result = await describe("part", Telling()).actions["restart_worker_pool"].run(make_scene())
    assert (result.message, result.evidence) == ("restarted part", {"lost_jobs": 2})

    class Odd(Workers):
        def restart(self) -> object:  # type: ignore[override]
            return [1, 2]

    result = await describe("part", Odd()).actions["restart_worker_pool"].run(make_scene())
    assert result.evidence == {"returned": "[1, 2]"}


async def test_a_plain_method_that_returns_an_awaitable_is_awaited() -> None:
    class Lazy(Workers):
        def restart(self) -> object:  # type: ignore[override]
            async def later() -> str:
                self.living = 4
                return "later"

            return later()

    lazy = Lazy()
    lazy.living = 0
    assert await act(lazy, "restart_worker_pool") == "restarted part: later"
    assert lazy.living == 4


def test_every_action_changes_the_world_so_that_the_check_is_run_afresh_after_it() -> None:
    for part in (Service(), Cache(), Registry(), Watcher(), Pipeline(), CarefulWorkers(), Pool()):
        for action in describe("part", part).actions.values():
            assert action.effect is Effect.CHANGES
            assert action.targets("web") == frozenset()


@contextmanager
def application() -> Iterator[Site]:
    """Run the loop of an application in a thread of its own, and stand there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    place = site()
    place.home.loop, place.home.thread = loop, thread.ident
    try:
        yield place
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def test_coroutine_methods_run_on_the_loop_of_the_application_and_plain_ones_in_threads() -> None:
    where: dict[str, int] = {}

    class Noting(Watcher):
        def is_alive(self) -> bool:
            where["is_alive"] = threading.get_ident()
            return True

        async def probe(self) -> str:
            where["probe"] = threading.get_ident()
            return ""

        async def restart(self) -> None:
            where["restart"] = threading.get_ident()

    description = describe("part", Noting())
    with application() as place:
        assert (await description.check.look(look_from(place))).status is Status.HEALTHY
        await description.actions["restart_file_watcher"].run(make_scene(place))
        home = place.home.thread
    assert where["probe"] == where["restart"] == home
    assert where["is_alive"] not in (home, threading.get_ident())


async def test_a_part_with_plain_methods_is_seen_and_healed_while_the_application_is_blocked() -> None:
    blocked, let_go = threading.Event(), threading.Event()

    def block() -> None:
        blocked.set()
        let_go.wait(10)

    service = Service()
    description = describe("part", service)
    with application() as place:
        assert place.home.loop is not None
        place.home.loop.call_soon_threadsafe(block)
        blocked.wait(5)
        service.running = False
        assert (await description.check.look(look_from(place))).status is Status.UNHEALTHY
        await description.actions["restart_component"].run(make_scene(place))
        assert (await description.check.look(look_from(place))).status is Status.HEALTHY
        let_go.set()
