"""What the kernel says about the whole host, read from ``/proc`` and ``/sys`` directly (a read takes microseconds).

Every function takes the ``root`` under which these folders lie, so that a made-up host can be read too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from salus.errors import CheckBrokenError
from salus.model import Metric, cause_of

ROOT = Path("/")


def text_of(path: Path | str) -> str:
    """Read a file of the kernel: in memory, so it never waits.

    Raises:
        OSError: it is not there or may not be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        parts = bytearray()
        while part := os.read(descriptor, 65536):
            parts += part
    finally:
        os.close(descriptor)
    return parts.decode(errors="replace")


def read(path: Path) -> str:
    """Read a file of the kernel that should be there.

    Raises:
        CheckBrokenError: it is not there or may not be read.
    """
    try:
        return text_of(path)
    except OSError as error:
        raise CheckBrokenError(f"cannot read {path}: {error.strerror}", cause=cause_of(error.errno)) from error


def _sizes(text: str) -> dict[str, int]:
    """Read lines such as ``MemFree:  12 kB``; the result is in bytes."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[key] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return found


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes, of the host or of the tightest control group above this process.

    Attributes:
        total: all there is.
        available: what a program could get without swapping.
        limited_by: the control group whose limit is the tighter one, or an empty string.
    """

    total: int
    available: int
    limited_by: str = ""


@dataclass(frozen=True, slots=True)
class Swap:
    """Swap space in bytes."""

    total: int
    free: int


def memory(root: Path = ROOT) -> Memory:
    """Read the host's memory, and the limits of the control groups (version 2) above this process.

    Raises:
        CheckBrokenError: ``/proc/meminfo`` cannot be read.
    """
    sizes = _sizes(read(root / "proc/meminfo"))
    try:
        host = Memory(sizes["MemTotal"], sizes["MemAvailable"])
    except KeyError as error:
        raise CheckBrokenError(f"/proc/meminfo has no {error.args[0]}") from error
    groups = [group for group in _limits(root) if group.total < host.total]
    return min([host, *groups], key=lambda level: level.available)


def memory_limit(root: Path = ROOT) -> tuple[int, str]:
    """Return the most that this process can have: its tightest control group's limit (with its name), or the host's.

    Raises:
        CheckBrokenError: ``/proc/meminfo`` cannot be read.
    """
    total = _sizes(read(root / "proc/meminfo")).get("MemTotal", 0)
    tightest = min(_limits(root), key=lambda level: level.total, default=None)
    return (tightest.total, tightest.limited_by) if tightest and tightest.total < total else (total, "")


def _limits(root: Path) -> list[Memory]:
    base = root / "sys/fs/cgroup"
    try:
        lines = text_of(root / "proc/self/cgroup").splitlines()
    except OSError:
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None or not (base / "cgroup.controllers").exists():
        return []
    # A group outside our namespace is shown as /../..: only the root of the namespace can be seen then.
    group = base if ".." in own else base / own.strip("/")
    levels = [group, *(parent for parent in group.parents if parent.is_relative_to(base))]
    return [limit for level in levels if (limit := _limit(level, base))]


def _limit(group: Path, base: Path) -> Memory | None:
    """Read one group. Page cache that was not used lately can be reclaimed at once, so it counts as available."""
    try:
        ceiling = text_of(group / "memory.max").strip()
        used = int(text_of(group / "memory.current"))
        stat = text_of(group / "memory.stat")
    except (OSError, ValueError):
        return None
    if not ceiling.isdigit():  # "max"
        return None
    cache = next((int(line.split()[1]) for line in stat.splitlines() if line.startswith("inactive_file ")), 0)
    available = int(ceiling) - max(0, used - cache)
    return Memory(int(ceiling), max(0, available), f"/{group.relative_to(base)}".replace("/.", "/"))


def swap(root: Path = ROOT) -> Swap:
    """Read the host's swap space.

    Raises:
        CheckBrokenError: ``/proc/meminfo`` cannot be read.
    """
    sizes = _sizes(read(root / "proc/meminfo"))
    return Swap(sizes.get("SwapTotal", 0), sizes.get("SwapFree", 0))


def pages(root: Path = ROOT) -> tuple[int, int]:
    """Return pages swapped in and out since boot; zeros where the kernel does not count."""
    try:
        text = text_of(root / "proc/vmstat")
    except OSError:
        return 0, 0
    counts = dict(line.split(" ", 1) for line in text.splitlines() if line.startswith("pswp"))
    return int(counts.get("pswpin", 0)), int(counts.get("pswpout", 0))


# ── Processor ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ticks:
    """Processor time since boot, summed over all processors, in ticks."""

    user: int
    system: int
    idle: int
    iowait: int
    steal: int

    @property
    def total(self) -> int:
        """Return all of it."""
        return self.user + self.system + self.idle + self.iowait + self.steal


def ticks(root: Path = ROOT) -> Ticks:
    """Read the first line of ``/proc/stat``. Guests' time is part of ``user`` already and is not added again.

    Raises:
        CheckBrokenError: it cannot be read or understood.
    """
    words = read(root / "proc/stat").split("\n", 1)[0].split()
    try:
        user, nice, system, idle, iowait, irq, softirq, steal = (int(word) for word in words[1:9])
    except ValueError as error:
        raise CheckBrokenError("the first line of /proc/stat is not what Linux writes") from error
    return Ticks(user + nice, system + irq + softirq, idle, iowait, steal)


def load(root: Path = ROOT) -> tuple[float, float, float]:
    """Return the load averages over 1, 5 and 15 minutes.

    Raises:
        CheckBrokenError: they cannot be read.
    """
    words = read(root / "proc/loadavg").split()
    try:
        return float(words[0]), float(words[1]), float(words[2])
    except (IndexError, ValueError) as error:
        raise CheckBrokenError("/proc/loadavg is not what Linux writes") from error


# ── Pressure ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def pressure(resource: str, root: Path = ROOT) -> dict[str, float]:
    """Return the share of the last ten seconds in which tasks waited for a resource (PSI).

    Args:
        resource: ``cpu``, ``memory`` or ``io``.
        root: where ``/proc`` lies.

    Returns:
        ``some`` and ``full``, each from 0 to 1; empty where the kernel does not tell.
    """
    try:
        text = text_of(root / "proc/pressure" / resource)
    except OSError:
        return {}
    found: dict[str, float] = {}
    for line in text.splitlines():
        kind, _, rest = line.partition(" avg10=")
        if rest:
            found[kind] = float(rest.split()[0]) / 100
    return found


def pressure_metrics(shares: dict[str, float]) -> dict[str, Metric]:
    """Return pressure as metrics: ``pressure_some_ratio``, ``pressure_full_ratio``."""
    return {f"pressure_{kind}_ratio": Metric(share, "ratio") for kind, share in shares.items()}
