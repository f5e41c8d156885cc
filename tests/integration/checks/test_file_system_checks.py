"""Real files and folders, full and frozen file systems."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salus.checks import _paths
from salus.checks.cpu import Cpu
from salus.checks.directory import Directory
from salus.checks.disk import Disk
from salus.checks.file import File
from salus.checks.filesystem import Filesystem
from salus.checks.load import Load
from salus.checks.memory import Memory
from salus.checks.swap import Swap
from salus.model import Status
from salus.units import Amount, Duration, Share, Size
from tests.looks import look_from, look_once, site

ROOT = os.geteuid() == 0


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_there_or_not(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    missing = await look_once(File(path=path))
    assert (missing.status, missing.message) == (Status.UNHEALTHY, f"{path} does not exist, expected it to be there")
    assert (await look_once(File(path=path, exists=False))).status is Status.HEALTHY
    path.touch()
    assert (await look_once(File(path=path))).status is Status.HEALTHY
    assert (await look_once(File(path=path, exists=False))).status is Status.UNHEALTHY
    assert (await look_once(File(path=path / "below"))).status is Status.UNHEALTHY


@pytest.mark.parametrize(
    "options, status, says",
    [
        ({"contains": "green"}, Status.HEALTHY, ""),
        ({"contains": "red"}, Status.UNHEALTHY, "'red' is not in"),
        ({"not_contains": "green"}, Status.UNHEALTHY, "'green' is in"),
        ({"matches": r"^light: \w+$"}, Status.HEALTHY, ""),
        ({"matches": r"^dark"}, Status.UNHEALTHY, "matches '^dark'"),
        ({"contains": "light", "tail": Size(4)}, Status.UNHEALTHY, "the last 4 B of"),
        ({"contains": "reen", "tail": Size(5)}, Status.HEALTHY, ""),
        ({"contains": "light", "tail": Size(500)}, Status.HEALTHY, ""),
        ({"contains": "x", "max_read": Size(3)}, Status.UNKNOWN, "raise max_read"),
        ({"size_below": Size(5)}, Status.UNHEALTHY, "expected below 5 B"),
        ({"format": "json"}, Status.UNHEALTHY, "is not valid JSON"),
        ({"format": "toml"}, Status.UNHEALTHY, "is not valid TOML"),
    ],
)
async def test_contents_are_held_against_expectations(
    options: dict[str, Any], status: Status, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    path.write_text("first\nlight: green\n", encoding="ascii")
    observation = await look_once(File(path=path, **options))
    assert observation.status is status
    assert says in observation.message


@pytest.mark.parametrize(
    "text, well",
    [(b'{"a": [1, 2]}', True), (b'{"a": [1, 2', False), (b"\xff\xfe", False), (b"", False), (b"[" * 100_000, False)],
)
async def test_a_corrupt_cache_file_is_seen(text: bytes, well: bool, tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    path.write_bytes(text)
    observation = await look_once(File(path=path, format="json"))
    assert observation.status is (Status.HEALTHY if well else Status.UNHEALTHY)


async def test_a_checksum_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"abc")
    good = hashlib.sha256(b"abc").hexdigest()
    observation = await look_once(File(path=path, sha256=good.upper()))
    assert (observation.status, observation.metadata["sha256"]) == (Status.HEALTHY, good)
    assert (await look_once(File(path=path, sha256="0" * 64))).status is Status.UNHEALTHY


async def test_a_pattern_that_never_ends_costs_its_own_look_only(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("a" * 64, encoding="ascii")
    with pytest.raises(TimeoutError):
        await look_once(File(path=path, matches=r"^(a|a)*b$"), timeout=0.5)
    assert (await look_once(File(path=path))).status is Status.HEALTHY


# ── Folders ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_folder_is_counted_and_its_ages_are_told(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / name).touch()
    old = tmp_path / "a.csv"
    os.utime(old, (1_000_000_000, 1_000_000_000))
    check = Directory(path=tmp_path, pattern="*.csv", entries_below=2, oldest_below=Duration(3600))
    observation = await look_once(check)
    assert observation.status is Status.UNHEALTHY
    assert f"{tmp_path} has 2 entries matching *.csv, expected below 2" in observation.message
    assert "the oldest entry" in observation.message
    assert observation.metrics["newest_age_seconds"].value < 600


async def test_an_empty_folder_has_no_new_entry(tmp_path: Path) -> None:
    observation = await look_once(Directory(path=tmp_path, newest_below=Duration(60)))
    assert (observation.status, observation.message) == (
        Status.UNHEALTHY, f"{tmp_path} has 0 entries, expected a new one",
    )  # fmt: skip


async def test_a_folder_that_is_a_file_or_missing_is_unhealthy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in (await look_once(Directory(path=tmp_path / "file"))).message
    assert "does not exist" in (await look_once(Directory(path=tmp_path / "none"))).message


async def test_one_of_several_folders_may_do(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    observation = await look_once(Directory(paths=(missing, tmp_path), writable=True))
    assert (observation.status, observation.metadata["path"]) == (Status.HEALTHY, str(tmp_path))
    observation = await look_once(Directory(paths=(missing, missing / "x")))
    assert observation.status is Status.UNHEALTHY
    assert observation.message.count("does not exist") == 2


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_write_is_timed_and_held_against_its_bounds(tmp_path: Path) -> None:
    observation = await look_once(Filesystem(path=tmp_path, size=Size(2**20), latency_below=Duration(1e-6)))
    assert observation.status is Status.UNHEALTHY
    assert "wrote, read back and removed 1 MiB in" in observation.message
    assert list(tmp_path.iterdir()) == []


async def test_what_stands_where_the_probe_writes_is_not_harmed_when_it_is_a_folder(tmp_path: Path) -> None:
    in_the_way = tmp_path / f".salus-probe-{zlib.crc32(b'tests:checked'):08x}"
    in_the_way.mkdir()
    assert (await look_once(Filesystem(path=tmp_path))).status is not Status.HEALTHY
    assert in_the_way.is_dir()


async def test_a_missing_folder_is_unhealthy(tmp_path: Path) -> None:
    observation = await look_once(Filesystem(path=tmp_path / "none"))
    assert (observation.status, observation.message) == (
        Status.UNHEALTHY, f"{tmp_path / 'none'}: No such file or directory",
    )  # fmt: skip
    assert (await look_once(Disk(path=tmp_path / "none"))).status is Status.UNHEALTHY


async def test_a_file_system_that_takes_no_files_is_unhealthy_or_not_ours_to_judge() -> None:
    observation = await look_once(Filesystem(path=Path("/proc")))
    assert observation.status in (Status.UNHEALTHY, Status.UNKNOWN)
    assert (await look_once(Disk(path=Path("/proc"), free_above=Amount.parse("10%")))).status is Status.HEALTHY


def mounted(command: list[str], target: Path) -> bool:
    target.mkdir()
    return subprocess.run([*command, str(target)], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB in memory, where that is allowed."""
    target = tmp_path / "small"
    if not ROOT or not mounted(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=20", "salus-test"], target):
        pytest.skip("not on this platform: mounting needs root and a kernel that lets it")
    yield target
    subprocess.run(["umount", str(target)], check=True)


async def test_a_full_file_system_is_seen_by_its_room_and_by_a_write(small: Path) -> None:
    assert (await look_once(Filesystem(path=small))).status is Status.HEALTHY
    (small / "fill").write_bytes(bytes(2**20))
    written = await look_once(Filesystem(path=small))
    assert (written.status, written.message) == (Status.UNHEALTHY, f"{small}: No space left on device")
    assert [path.name for path in small.iterdir()] == ["fill"]
    room = await look_once(Disk(path=small, free_above=Amount.parse("10%")))
    assert (room.status, room.message) == (Status.UNHEALTHY, "0% free (0 B of 1 MiB), expected above 10%")


async def test_a_file_system_without_inodes_is_seen(small: Path) -> None:
    for number in range(19):
        (small / str(number)).touch()
    room = await look_once(Disk(path=small, free_above=Amount.parse("10%"), inodes_free_above=Amount.parse("10%")))
    assert room.status is Status.UNHEALTHY
    assert "of inodes free" in room.message
    assert (await look_once(Filesystem(path=small))).status is Status.UNHEALTHY


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount an ext4 of 16 MiB from a file, where that is allowed."""
    image, target = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as stream:
        stream.truncate(16 * 2**20)
    made = ROOT and subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True, check=False).returncode == 0
    if not made or not mounted(["mount", "-o", "loop", str(image)], target):
        pytest.skip("not on this platform: a loop mount needs root, mkfs.ext4 and a kernel that lets it")
    yield target
    subprocess.run(["fsfreeze", "--unfreeze", str(target)], capture_output=True, check=False)
    subprocess.run(["umount", str(target)], check=True)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_frozen_file_system_hangs_one_probe_and_nobody_else(disk: Path, tmp_path: Path) -> None:
    place = site()
    check = Filesystem(path=disk)
    assert (await check.look(look_from(place))).status is Status.HEALTHY
    subprocess.run(["fsfreeze", "--freeze", str(disk)], check=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await check.look(look_from(place))
    probes = _paths._PROBES[asyncio.get_running_loop()]
    helper = probes.helper_pid
    children = Path(f"/proc/{helper}/task/{helper}/children")
    for _ in range(3):
        observation = await check.look(look_from(place))
        assert observation.status is Status.UNHEALTHY
        assert "still hung since" in observation.message
        assert len(children.read_text(encoding="ascii").split()) == 1
        assert (await Disk(path=tmp_path).look(look_from(place))).status is Status.HEALTHY
    await check.aclose()
    assert probes.helper_pid == helper, "a helper with a hung child is not let go"
    subprocess.run(["fsfreeze", "--unfreeze", str(disk)], check=True)
    await eventually(lambda: not probes._hung)
    observation = await check.look(look_from(place))
    assert observation.status is Status.HEALTHY
    assert [path.name for path in disk.iterdir()] == ["lost+found"]
    await check.aclose()
    assert probes.helper_pid is None


# ── This machine ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "check, metric",
    [
        (Memory(available_above=Amount.parse("0%")), "available_ratio"),
        (Cpu(), "used_ratio"),
        (Load(), "load1"),
        (Swap(), "total_bytes"),
    ],
)
async def test_this_machine_can_be_read(check: Any, metric: str) -> None:
    observation = await look_once(check)
    assert observation.status is Status.HEALTHY
    assert observation.metrics[metric].value >= 0


async def test_the_second_look_at_the_processors_does_not_wait() -> None:
    place = site()
    check = Cpu(used_below=Share(1)).build(place)
    await check.look(look_from(place))
    await asyncio.sleep(0.03)
    looking = check.look(look_from(place))
    with pytest.raises(StopIteration):
        looking.send(None)
