"""On a host that has no time for anybody, time-outs are held: bounded, said, and only where they prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from salus.engine.gauge import Gauge, HostSensor, Reading
from salus.model import Cause, EventKind, Limits, Observation, RefusalReason, Status
from salus.ports import Look
from salus.testing import RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.world import World


class Scripted:
    """A host as a test wants it: how long work waits for each thing, and how much slower it makes Salus."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.cpu = self.memory = self.io = 0.0
        self.times = 1.0
        self.reads = 0
        self._at = clock.monotonic()
        self._sum = Reading(cpu=0.0)

    def strain(self, times: float = 1.0, *, cpu: float = 0.0, memory: float = 0.0, io: float = 0.0) -> None:
        """Be like that from now on."""
        self.read()
        self.times, self.cpu, self.memory, self.io = times, cpu, memory, io

    def read(self) -> Reading:
        self.reads += 1
        now = self.clock.monotonic()
        passed, self._at = now - self._at, now
        old = self._sum
        self._sum = Reading(
            ran=old.ran + 0.01 * passed,
            waited=old.waited + 0.01 * passed * (self.times - 1),
            cpu=(old.cpu or 0.0) + self.cpu * passed,
            memory=old.memory + self.memory * passed,
            io=old.io + self.io * passed,
        )
        return self._sum


class Target:
    """Answers after ``takes`` seconds, or not at all."""

    def __init__(self, takes: float | None = None) -> None:
        self.takes = takes

    async def look(self, look: Look) -> Observation:
        await look.site.clock.sleep(3600.0 if self.takes is None else self.takes)
        return look.healthy()

    async def aclose(self) -> None:
        pass


class Stage:
    """One check with a time-out of one second, its rule, and the host it stands on."""

    def __init__(self, clock: VirtualClock) -> None:
        self.world = World(clock)
        self.host = Scripted(clock)
        self.world.engine.pressure.gauge.sensor = self.host
        self.target, self.act = Target(), RecordingAction()
        self.unit = self.world.add("web", self.target, interval=5.0, timeout=1.0)
        self.world.rule("web", self.act, verify_timeout=1.0)

    @property
    def last(self) -> Observation:
        assert self.unit.state.last is not None
        return self.unit.state.last

    async def wait(self, seconds: float) -> None:
        await self.world.clock.sleep(seconds)

    def told(self, kind: EventKind) -> list[str]:
        return [event.message for event in self.world.log.of(kind)]


def play(story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def begin(clock: VirtualClock) -> None:
        stage = Stage(clock)
        async with stage.world.running():
            await story(stage)

    with virtual_time() as (runner, clock):
        runner.run(begin(clock))


def test_a_time_out_on_a_quiet_host_is_a_verdict() -> None:
    async def story(stage: Stage) -> None:
        await stage.world.until(lambda: bool(stage.act.runs))
        assert (stage.last.status, stage.last.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)
        assert not stage.told(EventKind.OVERLOAD_STARTED)

    play(story)


def test_what_usually_takes_long_is_held_on_a_host_that_is_that_much_slower_and_healed_when_that_is_over() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.3
        await stage.wait(20)
        stage.host.strain(4.0, cpu=0.9)
        stage.target.takes = 1.2
        await stage.wait(60)
        assert not stage.act.runs
        assert (stage.last.status, stage.last.cause) == (Status.UNKNOWN, Cause.OVERLOADED)
        assert stage.last.message == (
            "timed out after 1 s, which proves nothing: some work on this host waits for a CPU 90% of the time,"
            " and things take about 4 times as long"
        )
        refused = stage.world.log.of(EventKind.RECOVERY_REFUSED)
        assert [event.reason for event in refused] == [RefusalReason.OVERLOADED]
        assert len(stage.told(EventKind.OVERLOAD_STARTED)) == 1
        assert "things take about 4 times as long" in stage.world.engine.pressure.now()
        stage.host.strain()
        await stage.wait(10)
        assert stage.told(EventKind.OVERLOAD_ENDED) == ["the overload is over; time-outs count again"]
        assert stage.world.engine.pressure.now() == ""
        await stage.world.until(lambda: bool(stage.act.runs), within=20)

    play(story)


def test_what_hangs_on_a_check_whose_time_outs_are_held_is_held_too_for_it_may_be_the_root() -> None:
    async def story(stage: Stage) -> None:
        act = RecordingAction()
        leaf = stage.world.check("leaf", depends_on=("web",))
        stage.world.rule("leaf", act, verify_timeout=1.0)
        stage.world.engine.replace_units(stage.world.units)
        stage.target.takes = 0.3
        await stage.wait(20)
        stage.host.strain(4.0, cpu=0.9)
        stage.target.takes = 1.2
        await stage.world.until(lambda: stage.last.cause == Cause.OVERLOADED, within=20)
        leaf.script = Status.UNHEALTHY
        await stage.wait(60)
        assert stage.last.cause == Cause.OVERLOADED
        assert not act.runs
        refused = stage.world.log.of(EventKind.RECOVERY_REFUSED)
        assert RefusalReason.DEPENDENCY_FAILING in {event.reason for event in refused if event.check == "leaf"}
        stage.host.strain()
        stage.target.takes = 0.3
        await stage.world.until(lambda: bool(act.runs), within=60)

    play(story)


def test_what_was_held_stays_held_until_the_overload_is_over_for_what_piled_up_has_to_be_worked_off() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.3
        await stage.wait(20)
        stage.host.strain(4.0, cpu=0.9)
        stage.target.takes = 1.2
        await stage.world.until(lambda: stage.last.cause == Cause.OVERLOADED, within=20)
        stage.host.strain()
        since = stage.world.clock.monotonic()
        await stage.world.until(lambda: bool(stage.told(EventKind.OVERLOAD_ENDED)), within=20)
        assert stage.world.clock.monotonic() - since >= 5
        assert stage.last.cause == Cause.OVERLOADED
        assert (
            stage.last.message
            == "timed out after 1 s, which proves nothing: this host was overloaded until a moment ago"
        )
        assert not stage.act.runs
        await stage.world.until(lambda: bool(stage.act.runs), within=20)

    play(story)


def test_what_usually_answers_at_once_and_hangs_beside_busy_cores_is_healed_at_once() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.005
        await stage.wait(20)
        stage.host.strain(33.0, cpu=1.0)
        stage.target.takes = None
        await stage.wait(8)
        assert stage.act.runs
        assert not stage.told(EventKind.OVERLOAD_STARTED)

    play(story)


def test_what_is_slowed_down_also_queues_so_a_third_of_the_slowdown_that_explains_a_time_out_is_enough() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.038
        await stage.wait(20)
        stage.host.strain(10.0, cpu=1.0)
        stage.target.takes = 3.0
        await stage.wait(20)
        assert stage.last.cause == Cause.OVERLOADED
        assert not stage.act.runs

    play(story)


def test_pressure_under_the_limit_is_no_excuse_however_slow_salus_is() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.3
        stage.host.strain(50.0, cpu=0.3)
        await stage.wait(20)
        stage.target.takes = None
        await stage.wait(8)
        assert stage.act.runs

    play(story)


@pytest.mark.parametrize("what, words", [("memory", "all work on this host waits for memory"), ("io", "for a disk")])
def test_where_all_work_stands_still_for_memory_or_a_disk_a_slow_answer_is_held(what: str, words: str) -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.2
        await stage.wait(20)
        stage.host.strain(**{what: 0.9})
        stage.target.takes = 2.0
        await stage.wait(30)
        assert not stage.act.runs
        assert words in stage.last.message
        assert "about 10 times as long" in stage.last.message

    play(story)


def test_a_check_that_never_answered_is_taken_to_need_a_tenth_of_its_time() -> None:
    async def story(stage: Stage) -> None:
        stage.host.strain(3.0, cpu=1.0)
        await stage.wait(8)
        assert stage.last.cause == Cause.TIMEOUT
        stage.host.strain(4.0, cpu=1.0)
        await stage.wait(20)
        assert stage.last.cause == Cause.OVERLOADED

    play(story)


def test_a_loop_that_was_late_during_a_look_excuses_that_look_and_no_other() -> None:
    async def story(stage: Stage) -> None:
        await stage.wait(0.5)
        stage.world.engine.pressure.late(0.5)
        await stage.wait(1)
        assert stage.last.message == (
            "timed out after 1 s, which proves nothing: Salus itself was kept waiting for 500 ms"
        )
        await stage.wait(8)
        assert stage.last.cause == Cause.TIMEOUT
        assert len(stage.told(EventKind.OVERLOAD_ENDED)) == 1

    play(story)


def test_a_look_that_began_late_had_all_its_time() -> None:
    async def story(stage: Stage) -> None:
        engine = stage.world.engine
        entry = stage.unit.entry
        assert entry
        await stage.wait(2)
        engine._schedule.hold(entry)
        engine._schedule._push(entry, stage.world.clock.monotonic() - 3.0)
        engine._tick()
        await stage.wait(1)
        assert engine.lateness_max == 3.0
        assert stage.last.cause == Cause.TIMEOUT

    play(story)


def test_a_little_lateness_is_no_excuse() -> None:
    async def story(stage: Stage) -> None:
        await stage.wait(0.5)
        stage.world.engine.pressure.late(0.2)
        await stage.wait(1)
        assert stage.last.cause == Cause.TIMEOUT

    play(story)


def test_an_overload_without_end_is_no_excuse_for_ever_and_that_is_said_once() -> None:
    async def story(stage: Stage) -> None:
        stage.host.strain(20.0, cpu=1.0)
        await stage.world.until(lambda: bool(stage.act.runs), within=400)
        assert stage.act.runs[0] >= 300
        assert stage.told(EventKind.OVERLOAD_STARTED)[0].endswith("is held, for 5m at most")
        await stage.wait(600)
        assert len(stage.told(EventKind.OVERLOAD_STARTED)) == 1
        (ended,) = stage.told(EventKind.OVERLOAD_ENDED)
        assert ended == "the overload goes on after 5m: it is no excuse any more; time-outs count again"
        assert stage.world.engine.pressure.now() == ""

    play(story)


def test_an_overload_that_comes_and_goes_hides_no_check_for_longer_than_the_hold() -> None:
    async def story(stage: Stage) -> None:
        stage.world.engine.limits = Limits(overload_hold=100.0)
        for _ in range(8):
            stage.host.strain(20.0, cpu=1.0)
            await stage.wait(20)
            stage.unit.resting = True  # nobody looks while it is quiet, so that no time-out counts then
            await stage.wait(2)
            stage.host.strain()
            await stage.wait(12)
            stage.unit.resting = False
        assert len(stage.told(EventKind.OVERLOAD_STARTED)) > 3
        assert 100 <= stage.act.runs[0] <= 135

    play(story)


def test_a_check_that_knows_its_own_time_outs_is_weighed_like_the_others() -> None:
    async def story(stage: Stage) -> None:
        class Knows(Target):
            async def look(self, look: Look) -> Observation:
                await look.site.clock.sleep(0.9)
                return look.observe(Status.UNHEALTHY, "no answer in time", cause=Cause.TIMEOUT)

        stage.unit.check = Knows()
        stage.host.strain(20.0, cpu=1.0)
        await stage.wait(20)
        assert stage.last.status is Status.UNKNOWN
        assert stage.last.message.startswith("no answer in time, which proves nothing:")

    play(story)


def test_the_host_is_read_at_most_once_a_second_however_much_is_looked_at() -> None:
    async def story(stage: Stage) -> None:
        stage.target.takes = 0.01
        for number in range(50):
            stage.world.add(f"c{number}", Target(0.01), interval=0.1, timeout=1.0)
        stage.world.engine.replace_units(stage.world.units)
        before = stage.host.reads
        await stage.wait(60)
        assert stage.host.reads - before <= 61

    play(story)


# ── the gauge and the sensor ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_happened_before_a_look_does_not_excuse_it() -> None:
    with virtual_time() as (_, clock):
        host, gauge = Scripted(clock), Gauge()
        gauge.sensor = host
        gauge.sample(0.0)
        gauge.late(3.0, 1.0)
        assert gauge.strain(10.0, 2.0, Limits()).lag == 1.0
        assert gauge.strain(10.0, 4.0, Limits()).lag == 0.0


def test_nothing_is_known_before_there_is_something_to_compare_with() -> None:
    gauge = Gauge()
    assert gauge.strain(10.0, 9.0, Limits()).words == ""


def made_up_host(root: Path, *, pressure: str = "proc/pressure", cgroup: str = "0::/") -> Path:
    for name, total in (("proc/thread-self/schedstat", "2000000000 6000000000 7"), ("proc/self/cgroup", f"{cgroup}\n")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(total)
    (root / pressure).mkdir(parents=True, exist_ok=True)
    suffix = "" if pressure == "proc/pressure" else ".pressure"
    for name, some, full in (("cpu", 5_000_000, 0), ("memory", 3_000_000, 1_000_000), ("io", 9_000_000, 4_000_000)):
        (root / pressure / f"{name}{suffix}").write_text(
            f"some avg10=0.10 avg60=0.00 total={some}\nfull avg10=0.00 avg60=0.00 total={full}\n"
        )
    return root


def test_the_sensor_reads_what_linux_writes(tmp_path: Path) -> None:
    assert HostSensor(made_up_host(tmp_path)).read() == Reading(ran=2.0, waited=6.0, cpu=5.0, memory=1.0, io=4.0)


def test_in_a_container_its_own_pressure_counts_and_not_the_whole_hosts(tmp_path: Path) -> None:
    made_up_host(tmp_path)
    made_up_host(tmp_path, pressure="sys/fs/cgroup")
    (tmp_path / "sys/fs/cgroup/cpu.pressure").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=77000000\n")
    assert HostSensor(tmp_path).read().cpu == 77.0
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/salus.service\n")
    assert HostSensor(tmp_path).read().cpu == 5.0


def test_without_pressure_the_waiting_of_salus_itself_is_the_pressure(tmp_path: Path) -> None:
    made_up_host(tmp_path)
    for name in ("cpu", "memory", "io"):
        (tmp_path / "proc/pressure" / name).unlink()
    sensor = HostSensor(tmp_path)
    assert sensor.read() == Reading(ran=2.0, waited=6.0, cpu=None)
    gauge = Gauge()
    gauge.sensor = sensor
    gauge.sample(0.0)
    (tmp_path / "proc/thread-self/schedstat").write_text("2100000000 6900000000 9")
    assert gauge.strain(5.0, 0.0, Limits()).slowdown == pytest.approx(10.0)


def test_where_nothing_can_be_read_nothing_is_excused(tmp_path: Path) -> None:
    gauge = Gauge()
    gauge.sensor = HostSensor(tmp_path)
    gauge.sample(0.0)
    assert gauge.strain(5.0, 0.0, Limits()) == (1.0, 0.0, "")


def test_this_host_can_be_read_and_its_counters_only_grow() -> None:
    sensor = HostSensor()
    first, second = sensor.read(), sensor.read()
    assert second.ran >= first.ran
    assert second.waited >= first.waited
    assert (second.cpu or 0.0) >= (first.cpu or 0.0)
