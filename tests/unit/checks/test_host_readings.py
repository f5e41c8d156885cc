"""What is read of a host, from a made-up one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from salus.checks import _host
from salus.checks.cpu import Cpu
from salus.checks.load import Load
from salus.checks.swap import Swap
from salus.errors import CheckBrokenError
from salus.model import Status
from salus.units import Amount, Share, Size
from tests.looks import NOON, look_from, site

GIB = 2**30


def host(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return tmp_path


MEMINFO = (
    f"MemTotal: {8 * 2**20} kB\nMemFree: 100 kB\nMemAvailable: {4 * 2**20} kB\nSwapTotal: 2048 kB\nSwapFree: 512 kB\n"
)


def group(root: str, limit: str, current: int, inactive: int) -> dict[str, str]:
    return {
        f"{root}/memory.max": f"{limit}\n",
        f"{root}/memory.current": f"{current}\n",
        f"{root}/memory.stat": f"anon 5\ninactive_file {inactive}\nactive_file 7\n",
    }


def test_memory_is_that_of_the_host_without_control_groups(tmp_path: Path) -> None:
    assert _host.memory(host(tmp_path, {"proc/meminfo": MEMINFO})) == _host.Memory(8 * GIB, 4 * GIB)


def test_the_tightest_control_group_above_counts(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "1:name=systemd:/x\n0::/outer/inner\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            **group("sys/fs/cgroup/outer", str(2 * GIB), GIB, GIB // 2),
            **group("sys/fs/cgroup/outer/inner", "max", 5, 0),
        },
    )
    assert _host.memory(root) == _host.Memory(2 * GIB, GIB + GIB // 2, "/outer")


def test_in_a_container_the_limit_is_at_the_root_of_what_can_be_seen(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/../../elsewhere\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            **group("sys/fs/cgroup", str(GIB), GIB, 0),
        },
    )
    assert _host.memory(root) == _host.Memory(GIB, 0, "/")


def test_a_limit_above_what_the_host_has_limits_nothing(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            **group("sys/fs/cgroup", str(64 * GIB), 63 * GIB, 0),
        },
    )
    assert _host.memory(root).total == 8 * GIB


def test_what_cannot_be_read_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(CheckBrokenError, match="meminfo"):
        _host.memory(tmp_path)
    with pytest.raises(CheckBrokenError, match="MemTotal"):
        _host.memory(host(tmp_path, {"proc/meminfo": "nonsense\n"}))
    with pytest.raises(CheckBrokenError, match="first line"):
        _host.ticks(host(tmp_path, {"proc/stat": "cpu 1 2\n"}))
    with pytest.raises(CheckBrokenError, match="loadavg"):
        _host.load(host(tmp_path, {"proc/loadavg": "\n"}))


def test_a_kernel_without_pressure_tells_none(tmp_path: Path) -> None:
    assert _host.pressure("memory", tmp_path) == {}


def test_pressure_is_a_share(tmp_path: Path) -> None:
    text = "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=1\n"
    assert _host.pressure("memory", host(tmp_path, {"proc/pressure/memory": text})) == {"some": 0.125, "full": 0.001}


def test_swap_in_use_is_judged_and_its_traffic_comes_from_the_look_before(tmp_path: Path) -> None:
    swap = _host.swap(host(tmp_path, {"proc/meminfo": MEMINFO}))
    check = Swap(warn_used_below=Amount.parse("50%"), traffic_below=Size(100))
    first = check.judge(look_from(site(), at=NOON), swap, 1000)
    assert first.status is Status.DEGRADED
    assert first.message == "75% of swap used (1.5 MiB of 2 MiB), expected below 50%"
    later = look_from(site(), at=NOON + timedelta(seconds=10), previous=first)
    assert check.judge(later, swap, 3000).metrics["traffic_bytes_per_second"].value == 200
    assert check.judge(later, swap, 3000).status is Status.UNHEALTHY
    # After a boot the counter begins anew.
    assert "traffic_bytes_per_second" not in check.judge(later, swap, 10).metrics


def test_processor_shares_are_those_between_two_readings() -> None:
    before = _host.Ticks(100, 100, 1000, 50, 0)
    after = _host.Ticks(160, 120, 1010, 55, 5)
    observation = Cpu(used_below=Share(0.75), iowait_below=Share(0.5)).judge(look_from(site()), before, after, {})
    assert observation.status is Status.UNHEALTHY
    assert observation.message == "80% used, expected below 75%"
    assert observation.metrics["iowait_ratio"].value == pytest.approx(0.05)
    assert observation.metrics["steal_ratio"].value == pytest.approx(0.05)


def test_load_is_judged_per_core_unless_told_otherwise() -> None:
    look = look_from(site())
    assert Load(load1_below=1.5).judge(look, (8.0, 4.0, 2.0), 8).status is Status.HEALTHY
    observation = Load(load1_below=1.5, per_core=False).judge(look, (8.0, 4.0, 2.0), 8)
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "load1 8.00, expected below 1.5")
    assert observation.metrics["load5_per_core"].value == 0.5
