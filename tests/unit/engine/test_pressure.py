"""On a host that has no time for anybody, time-outs are held: bounded, and said."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path

from salus.engine.pressure import PressureStalls
from salus.model import Cause, EventKind, RefusalReason, Status
from salus.testing import RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.world import World


class Scripted:
    """Pressure as a test wants it."""

    def __init__(self) -> None:
        self.share = 0.0

    def waiting(self, now: float) -> tuple[float, str]:
        return self.share, "a CPU"


def play(story: Callable[[World, Scripted, RecordingAction], Coroutine[None, None, None]]) -> None:
    async def begin(clock: VirtualClock) -> None:
        world, sensor, act = World(clock), Scripted(), RecordingAction()
        world.engine.pressure.sensor = sensor
        world.check("web", Status.HEALTHY, takes=60.0, interval=5.0, timeout=1.0)
        world.rule("web", act, verify_timeout=1.0)
        async with world.running():
            await story(world, sensor, act)

    with virtual_time() as (runner, clock):
        runner.run(begin(clock))


def test_a_time_out_on_a_quiet_host_is_a_verdict() -> None:
    async def story(world: World, sensor: Scripted, act: RecordingAction) -> None:
        await world.until(lambda: bool(act.runs))
        last = world.units["web"].state.last
        assert last is not None
        assert (last.status, last.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)

    play(story)


def test_time_outs_on_an_overloaded_host_are_held_and_count_again_when_it_is_over() -> None:
    async def story(world: World, sensor: Scripted, act: RecordingAction) -> None:
        sensor.share = 0.9
        await world.clock.sleep(60)
        assert not act.runs
        refused = world.log.of(EventKind.RECOVERY_REFUSED)
        assert [event.reason for event in refused] == [RefusalReason.OVERLOADED]
        assert "waits 90% of the time for a CPU" in refused[0].message
        assert len(world.log.of(EventKind.OVERLOAD_STARTED)) == 1
        sensor.share = 0.1
        await world.wait_for(EventKind.OVERLOAD_ENDED)
        await world.until(lambda: bool(act.runs), within=20)

    play(story)


def test_the_hold_is_bounded_for_the_culprit_may_be_what_is_to_be_healed() -> None:
    async def story(world: World, sensor: Scripted, act: RecordingAction) -> None:
        sensor.share = 1.0
        await world.until(lambda: bool(act.runs), within=400)
        assert act.runs[0] >= 300
        assert [event.reason for event in world.log.of(EventKind.OVERLOAD_STARTED)] == [None, "hold_spent"]

    play(story)


def test_a_lag_of_salus_itself_is_enough_and_is_forgotten_after_seconds() -> None:
    async def story(world: World, sensor: Scripted, act: RecordingAction) -> None:
        pressure = world.engine.pressure
        pressure.late(0.5)
        assert pressure.overloaded() == "Salus itself was 500 ms late"
        await world.clock.sleep(6)
        assert pressure.overloaded() == ""

    play(story)


def test_pressure_is_the_growth_of_the_kernels_totals_and_at_first_its_average(tmp_path: Path) -> None:
    sensor = PressureStalls(tmp_path)
    assert sensor.waiting(0.0) == (0.0, "")
    for name, average, total in (("cpu", "12.50", 1_000_000), ("memory", "0.00", 0)):
        (tmp_path / name).write_text(f"some avg10={average} avg60=0.00 avg300=0.00 total={total}\nfull avg10=0.00\n")
    assert sensor.waiting(10.0) == (0.125, "a CPU")
    (tmp_path / "cpu").write_text("some avg10=20.00 avg60=0.00 avg300=0.00 total=2500000\n")
    assert sensor.waiting(12.0) == (0.75, "a CPU")
    assert sensor.waiting(12.1) == (0.75, "a CPU")


def test_this_kernels_pressure_is_a_share() -> None:
    share, _ = PressureStalls().waiting(0.0)
    assert 0.0 <= share <= 1.0
