from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from salus.model import EventKind, ServiceRecord, ServiceState
from salus.ports import Service
from salus.processes import Family, find_marked, kill_family
from salus.services.process import ProcessOptions
from salus.units import Duration
from tests.integration.services.supervisor import options
from tests.stage import Stage, alive, descriptors, until

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    await kill_family(Family(f"{made.state_id}:service:web"))


@asynccontextmanager
async def supervisor(stage: Stage, mode: str, *, subreaper: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.services.supervisor",
        str(stage.folder),
        stage.state_id,
        mode,
        "yes" if subreaper else "no",
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        assert (await process.stdout.readline()).strip() == b"up"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


def record_of(stage: Stage) -> ServiceRecord:
    return ServiceRecord(**json.loads((stage.folder / "record.json").read_text()))


def launches(stage: Stage) -> set[str]:
    return {found.launch for found in find_marked(stage.state_id)}


async def only(stage: Stage, service: Service) -> None:
    await until(lambda: {service.status.incarnation} == launches(stage))


async def test_a_service_outlives_a_killed_salus_and_is_taken_over_with_its_identity(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)
        before = stage.pids()
    assert stage.pids() == before

    async with stage.service(options()) as service:
        await service.adopt(record_of(stage), start=True)

        assert service.status.pid == record_of(stage).launch["pid"]
        assert {service.status.incarnation} == launches(stage)
        assert stage.kinds() == [EventKind.SERVICE_ADOPTED]
        assert stage.pids() == before
        os.kill(service.status.pid or 0, signal.SIGKILL)
        await until(lambda: service.status.state is ServiceState.EXITED)
        assert stage.nudged == ["web"]
        await service.restart()
        assert not any(alive(pid) for pid in before)
        await until(lambda: len(launches(stage)) == 1)
        await service.stop()
        assert stage.pids() == []


async def test_a_salus_that_dies_between_starting_and_remembering_loses_nothing(stage: Stage) -> None:
    async with supervisor(stage, "die") as process:
        await process.wait()
    await until(lambda: len(stage.pids()) >= 3)

    async with stage.service(options()) as service:
        await service.adopt(record_of(stage), start=True)

        assert stage.kinds() == [EventKind.SERVICE_ADOPTED]
        assert service.status.starts == 0
        assert service.status.pid != record_of(stage).launch["pid"]
        assert {service.status.incarnation} == launches(stage)


@pytest.mark.parametrize("subreaper", [False, True])
async def test_whenever_salus_is_killed_there_is_one_copy_afterwards(stage: Stage, subreaper: bool) -> None:
    chance = random.Random(7 + subreaper)
    for _ in range(6):
        async with supervisor(stage, "restart", subreaper=subreaper) as process:
            await asyncio.sleep(chance.uniform(0.0, 0.2))
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with asyncio.timeout(40):
            service = options().build("web", stage.site)
            await service.adopt(record_of(stage), start=True)
            assert service.status.running
            await only(stage, service)
            leaders = [found for found in find_marked(stage.state_id) if found.pid == service.status.pid]
            assert len(leaders) == 1
            (stage.folder / "record.json").write_text(json.dumps(asdict(stage.records["web"])))
            await service.aclose()


async def test_of_two_copies_the_remembered_one_is_kept_and_the_other_is_killed(stage: Stage) -> None:
    first = options().build("web", stage.site)
    await first.start()
    remembered = stage.records["web"]
    second = replace(stage).site
    stranger = options().build("web", second)
    stranger._looked = True  # type: ignore[attr-defined]
    await stranger.start()
    await until(lambda: len(launches(stage)) == 2)
    await first.aclose()
    await stranger.aclose()

    async with stage.service(options()) as service:
        await service.adopt(remembered, start=True)

        assert service.status.pid == remembered.launch["pid"]
        assert launches(stage) == {service.status.incarnation}
        assert "second copy" in stage.said(EventKind.SERVICE_STOPPED)


async def test_what_has_lost_its_leader_is_killed_not_taken_over(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)
    before = stage.pids()
    leader = record_of(stage).launch["pid"]
    assert isinstance(leader, int)
    os.kill(leader, signal.SIGKILL)
    await until(lambda: not alive(leader))

    async with stage.service(options()) as service:
        await service.adopt(record_of(stage), start=True)

        assert not any(alive(pid) for pid in before)
        assert service.status.starts == 1
        await until(lambda: launches(stage) == {service.status.incarnation})


async def test_a_service_that_overwrites_its_environment_is_found_by_what_was_remembered(stage: Stage) -> None:
    lost = ProcessOptions(command=("env", "-i", "/bin/sleep", "600"))
    async with stage.service(lost) as first:
        await first.start()
        pid = first.status.pid or 0
        await until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sleep"))
        await first.aclose()
        async with stage.service(lost) as service:
            await service.adopt(stage.records["web"], start=True)

            assert service.status.pid == pid
            assert service.status.starts == 0
            await service.stop()
            assert not alive(pid)


async def test_a_remembered_number_that_another_process_has_now_is_not_taken_over(stage: Stage) -> None:
    other = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    async with stage.service(options()) as first:
        await first.start()
        await first.stop()
        await first.start()
        launch = {**stage.records["web"].launch, "pid": other.pid}
        await first.stop()
    async with stage.service(options()) as service:
        await service.adopt(ServiceRecord(service="web", wanted=True, launch=launch), start=True)

        assert service.status.pid != other.pid
        assert service.status.starts == 1
    assert alive(other.pid)
    other.kill()
    await other.wait()


async def test_a_stop_by_a_person_that_salus_did_not_survive_is_finished(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)
    record = replace(record_of(stage), wanted=False)

    async with stage.service(options()) as service:
        await service.adopt(record, start=True)

        assert stage.pids() == []
        assert service.status.state is ServiceState.STOPPED


async def test_looking_only_watches_and_ends_nothing(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)
    before = stage.pids()

    async with stage.service(options()) as service:
        await service.adopt(replace(record_of(stage), wanted=False), start=False)
        assert service.status.running
        assert stage.pids() == before


async def test_a_copy_with_an_earlier_command_is_taken_over_and_the_difference_is_told(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)

    async with stage.service(ProcessOptions(command=("sleep", "1000"), stop_timeout=Duration(0.1))) as service:
        await service.adopt(record_of(stage), start=True)
        assert "restart it to apply" in service.status.message
        await service.restart()
        assert "restart it to apply" not in service.status.message
        await until(lambda: len(stage.pids()) == 1)


async def test_a_lost_ledger_loses_no_service(stage: Stage) -> None:
    async with supervisor(stage, "once"):
        await until(lambda: len(stage.pids()) == 3)
        before = stage.pids()

    async with stage.service(options()) as service:
        await service.adopt(None, start=True)

        assert service.status.running
        assert stage.pids() == before


async def test_a_service_can_be_handed_over_within_one_program(stage: Stage) -> None:
    async with stage.service(options()) as first:
        await first.start()
        before = descriptors()
        await first.aclose()
        async with stage.service(options()) as service:
            await service.adopt(stage.records["web"], start=True)
            assert service.status.incarnation == first.status.incarnation
            assert descriptors() == before
            os.kill(service.status.pid or 0, signal.SIGKILL)
            await until(lambda: service.status.state is ServiceState.EXITED)

            assert service.status.message.startswith("killed by SIGKILL")
