from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from salus.errors import ServiceError, StartError, StopError
from salus.model import EventKind, ServiceState
from salus.services.component import Component, ComponentOptions, ComponentService
from salus.units import Duration
from tests.stage import Stage


class Queue:
    """A component, plain on one side and async on the other."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")


made = Queue()
half = object()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made.calls.clear()
    return Stage(tmp_path)


async def test_a_component_is_started_restarted_and_stopped(stage: Stage) -> None:
    async with stage.service(ComponentOptions(object=f"{__name__}:made")) as service:
        await service.adopt(None, start=True)
        first = service.status
        await service.restart()

        assert made.calls == ["start", "stop", "start"]
        assert first.incarnation != service.status.incarnation
        await service.stop(by_person=True)
        await service.stop()
        assert made.calls == ["start", "stop", "start", "stop"]
        assert not service.status.wanted


async def test_a_class_is_instantiated(stage: Stage) -> None:
    async with stage.service(ComponentOptions(object=f"{__name__}:Queue")) as service:
        await service.start()

        assert service.status.running


@pytest.mark.parametrize("place", ["no_such_module:x", f"{__name__}:missing", f"{__name__}:half"])
async def test_an_object_that_cannot_be_used_is_an_error_that_names_it(stage: Stage, place: str) -> None:
    with pytest.raises(ServiceError, match=place):
        ComponentOptions(object=place).build("queue", stage.site)


async def test_callables_make_a_component(stage: Stage) -> None:
    threads: list[str] = []
    component = Component(
        start=lambda: threads.append(threading.current_thread().name),
        stop=lambda: None,
        restart=lambda: threads.append("restart"),
    )
    service = ComponentService("mine", component, stage.site)
    await service.start()
    await service.restart()

    assert threads[0] != threading.main_thread().name
    assert threads[1] == "restart"


async def test_a_start_that_raises_is_told(stage: Stage) -> None:
    def fail() -> None:
        raise ValueError("no licence")

    service = ComponentService("mine", Component(start=fail, stop=fail), stage.site)
    with pytest.raises(StartError, match="mine: start raised ValueError: no licence"):
        await service.start()
    assert service.status.state is ServiceState.EXITED
    with pytest.raises(StopError, match="stop raised"):
        await service.stop()
    assert stage.kinds() == [EventKind.SERVICE_FAILED, EventKind.SERVICE_FAILED]


async def test_a_start_that_hangs_ends_with_its_time(stage: Stage) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    component = Component(start=hang, stop=hang, start_timeout=Duration(0.05))
    with pytest.raises(StartError, match="did not return within 50 ms"):
        await ComponentService("mine", component, stage.site).start()


async def test_a_component_takes_no_signals(stage: Stage) -> None:
    service = ComponentService("mine", Component(start=int, stop=int), stage.site)

    with pytest.raises(ServiceError, match="not a process of its own"):
        await service.signal(15)
