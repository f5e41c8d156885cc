"""How much slower work gets on this host than it should, so that a time-out can be told from a lack of time.

A time-out says "the target did not answer in time". That is a verdict only if the target, and Salus, had that time:

1. *Lag.* Salus' own loop came late by ``overload_lag`` or more during the look: the answer may have lain there.
2. *Slowdown.* What usually takes 0.3 s and may take 1 s times out by itself where everything takes four times as long.
   The slowdown is measured over the look itself. For the CPU it is Salus' own: (time it ran + time it waited for a CPU)
   / time it ran, and it counts only where the host's pressure says that others wait, too. For memory and disks it is
   1 / (1 - share of time in which *all* work stood still).

What usually takes 5 ms and may take 1 s needs a slowdown of 67 for that excuse (a third of 200: what is slower also
queues), so a service that hangs beside busy cores is still told apart.

Measured on 2 cores (Linux 6.18; ``cpu`` is the pressure ``some``; a program of 20 ms, started alone, took this long):

    busy loops                     0      1      2      3      4      8
    cpu                         0.01   0.00   0.01   0.51   1.00   0.99
    Salus' own slowdown          1.1    1.0    1.9    2.0    3.1     33
    Salus' own worst lag        4 ms   0 ms   4 ms   4 ms   5 ms  20 ms
    that program               20 ms      -  40 ms      -  60 ms      -
    50 such programs at once  450 ms 550 ms 620 ms      - 690 ms      -

So full cores alone show no pressure, and twice as much work as there are cores shows full pressure and makes nothing
ten times slower: pressure alone proves little, hence the slowdown. The loop is late by over 0.25 s only in a crowd.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import NamedTuple, Protocol

from salus.model import Limits
from salus.units import format_duration

SAMPLE_EVERY = 1.0
_SAMPLES = 64
_LAGS = 32
_SHORTEST = 0.5
_FRESH = 0.25
_SIZE = 512


class Reading(NamedTuple):
    """Seconds since some moment long ago; what is not known stays 0.

    Attributes:
        ran: the loop's thread was on a CPU.
        waited: it could have run and waited for a CPU.
        cpu: some task on this host waited for a CPU; None where the kernel does not tell.
        memory: all tasks waited for memory.
        io: all tasks waited for a disk.
    """

    ran: float = 0.0
    waited: float = 0.0
    cpu: float | None = None
    memory: float = 0.0
    io: float = 0.0


class Sensor(Protocol):
    """Where readings come from."""

    def read(self) -> Reading:
        """Read; costs microseconds and never fails."""
        ...


class NoSensor:
    """Knows nothing: time-outs are excused by lag alone."""

    def read(self) -> Reading:
        """Return what never changes."""
        return Reading()


class HostSensor:
    """Reads what Linux tells. Must be read on the thread of the loop, for that is whose waiting it tells."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Find the files under ``root``; in a container its own group's pressure goes before the whole host's."""
        group, host = root / "sys/fs/cgroup", root / "proc/pressure"
        self._schedule = str(root / "proc/thread-self/schedstat")
        # "/" is the root of a container's own name space, or of the host; only the first has files of its own there.
        contained = _text(str(root / "proc/self/cgroup")).splitlines()[-1:] == ["0::/"]
        own = contained and (group / "cpu.pressure").exists()
        places = {name: group / f"{name}.pressure" if own else host / name for name in ("cpu", "memory", "io")}
        self._pressure = {name: str(place) for name, place in places.items() if _total(_text(str(place)), "some")}

    def read(self) -> Reading:
        """Read four small files: about 30 us."""
        ran, waited, *_ = (*_text(self._schedule).split(), "0", "0")
        found = {name: _text(place) for name, place in self._pressure.items()}
        return Reading(
            ran=int(ran) / 1e9,
            waited=int(waited) / 1e9,
            cpu=_total(found["cpu"], "some") if "cpu" in found else None,
            memory=_total(found.get("memory", ""), "full") or 0.0,
            io=_total(found.get("io", ""), "full") or 0.0,
        )


class Strain(NamedTuple):
    """What the host was like for a while.

    Attributes:
        slowdown: how many times longer work took than it should; 1 where nothing is known to be wrong.
        lag: the worst lateness of the loop, if it was worth noting.
        words: what is wrong, for people; empty when nothing is.
    """

    slowdown: float = 1.0
    lag: float = 0.0
    words: str = ""


class Gauge:
    """Keeps a few readings, so that what happened during a look can be told at its end."""

    def __init__(self) -> None:
        """Read nothing yet, and nothing at all before there is a sensor."""
        self.sensor: Sensor = NoSensor()
        self.sample_at = float("-inf")
        self._samples: deque[tuple[float, Reading]] = deque(maxlen=_SAMPLES)
        self._lags: deque[tuple[float, float]] = deque(maxlen=_LAGS)
        self._newest = (float("-inf"), Reading())

    def sample(self, now: float) -> None:
        """Keep a reading to compare with later; to be called at ``sample_at`` or after, when something begins."""
        self.sample_at = now + SAMPLE_EVERY
        self._samples.append((now, self._read(now)))

    def late(self, now: float, seconds: float) -> None:
        """Hear that a timer of the loop fired that late."""
        self._lags.append((now, seconds))

    def strain(self, now: float, since: float, limits: Limits) -> Strain:
        """Tell what the host was like from ``since`` to ``now`` (monotonic seconds)."""
        lag = max((seconds for at, seconds in self._lags if at > since), default=0.0)
        slowdown, words = self._slowdown(now, since, limits.overload_pressure)
        if lag:
            words = f"Salus itself was kept waiting for {format_duration(lag)}"
        return Strain(slowdown, lag, words)

    def _slowdown(self, now: float, since: float, limit: float) -> tuple[float, str]:
        begin = min(since, now - _SHORTEST)
        before = next((sample for sample in reversed(self._samples) if sample[0] <= begin), None)
        if before is None:
            if not self._samples:
                return 1.0, ""
            before = self._samples[0]
        at, then = before
        seconds, reading = now - at, self._read(now)
        if seconds <= 0:
            return 1.0, ""
        ran, waited = max(1e-6, reading.ran - then.ran), max(0.0, reading.waited - then.waited)
        if reading.cpu is not None and then.cpu is not None:
            cpu = (reading.cpu - then.cpu) / seconds
        else:
            cpu = waited / (ran + waited)
        stalls = (
            ("some work on this host waits for a CPU", cpu, (ran + waited) / ran),
            ("all work on this host waits for memory", (reading.memory - then.memory) / seconds, 0.0),
            ("all work on this host waits for a disk", (reading.io - then.io) / seconds, 0.0),
        )
        worst, words = 1.0, ""
        for what, share, measured in stalls:
            if share >= limit:
                times = measured or 1 / max(0.001, 1 - share)
                if times > worst:
                    worst = times
                    words = f"{what} {min(share, 1):.0%} of the time, and things take about {times:.2g} times as long"
        return worst, words

    def _read(self, now: float) -> Reading:
        at, reading = self._newest
        if now - at >= _FRESH:
            reading = self.sensor.read()
            self._newest = (now, reading)
        return reading


def _text(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _SIZE).decode(errors="replace")
    except OSError:  # the kernel has pressure and was told not to measure it
        return ""
    finally:
        os.close(descriptor)


def _total(text: str, kind: str) -> float | None:
    """Read the seconds of one line of a pressure file; None when it has none."""
    for line in text.splitlines():
        if line.startswith(kind):
            micros = line.rpartition("total=")[2]
            return int(micros) / 1e6 if micros.isdecimal() else None
    return None
