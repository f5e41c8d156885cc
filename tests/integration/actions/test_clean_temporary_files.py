from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from salus.actions import _sweep
from salus.actions._sweep import Orders, Report, StoppedError, Sweep
from salus.actions.clean_temporary_files import CleanTemporaryFiles
from salus.errors import ActionError
from salus.model import Effect
from salus.units import Amount, Size
from tests.unit.actions.scenes import NOW, make_scene, make_site

OLD = NOW.timestamp() - 10 * 86400
YOUNG = NOW.timestamp() - 60


def make(path: Path, *, changed: float = OLD, size: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "cache"
    folder.mkdir()
    return folder


async def test_old_files_go_and_young_ones_stay(folder: Path) -> None:
    old, young = make(folder / "old"), make(folder / "young", changed=YOUNG)
    result = await CleanTemporaryFiles(folders=(folder,)).run(make_scene())
    assert not old.exists()
    assert young.exists()
    assert result.message == "removed 1 of 2 files, 1000 B"
    assert result.evidence["files_removed"] == 1
    assert result.evidence["bytes_removed"] == 1000
    assert result.evidence["examples"] == ["old"]


async def test_folders_below_are_left_alone_unless_it_is_recursive(folder: Path) -> None:
    deep = make(folder / "a" / "b" / "deep")
    await CleanTemporaryFiles(folders=(folder,)).run(make_scene())
    assert deep.exists()
    await CleanTemporaryFiles(folders=(folder,), recursive=True, max_depth=1).run(make_scene())
    assert deep.exists()
    await CleanTemporaryFiles(folders=(folder,), recursive=True).run(make_scene())
    assert not deep.exists()
    assert deep.parent.is_dir()


async def test_only_names_that_match_a_pattern_go(folder: Path) -> None:
    for name in ("a.tmp", "core.1", "precious.db", ".hidden.tmp"):
        make(folder / name)
    await CleanTemporaryFiles(folders=(folder,), pattern=("*.tmp", "core.*")).run(make_scene())
    assert [entry.name for entry in folder.iterdir()] == ["precious.db"]


async def test_the_newest_are_kept_however_old(folder: Path) -> None:
    for number in range(6):
        make(folder / f"dump{number}", changed=OLD + number)
    await CleanTemporaryFiles(folders=(folder,), keep=2).run(make_scene())
    assert sorted(entry.name for entry in folder.iterdir()) == ["dump4", "dump5"]


async def test_the_oldest_go_first_and_no_more_than_is_allowed(folder: Path) -> None:
    for number in range(6):
        make(folder / f"dump{number}", changed=OLD + number)
    await CleanTemporaryFiles(folders=(folder,), max_files=2).run(make_scene())
    assert sorted(entry.name for entry in folder.iterdir()) == ["dump2", "dump3", "dump4", "dump5"]
    await CleanTemporaryFiles(folders=(folder,), max_bytes=Size(1500)).run(make_scene())
    assert sorted(entry.name for entry in folder.iterdir()) == ["dump4", "dump5"]


async def test_nothing_goes_where_there_is_room_enough(folder: Path) -> None:
    make(folder / "old")
    result = await CleanTemporaryFiles(folders=(folder,), free_at_least=Amount.parse("1B")).run(make_scene())
    assert result.evidence["files_removed"] == 0
    result = await CleanTemporaryFiles(folders=(folder,), free_at_least=Amount.parse("100%")).run(make_scene())
    assert result.evidence["files_removed"] == 1


async def test_a_dry_run_removes_nothing_says_what_would_go_and_only_records(folder: Path) -> None:
    old = make(folder / "old")
    action = CleanTemporaryFiles(folders=(folder,), dry_run=True)
    result = await action.run(make_scene())
    assert old.exists()
    assert result.message == "would remove 1 of 1 files, 1000 B"
    assert result.evidence["files_to_remove"] == 1
    assert action.effect is Effect.RECORDS
    assert CleanTemporaryFiles(folders=(folder,)).effect is Effect.CHANGES


async def test_open_files_can_be_spared(folder: Path) -> None:
    busy, idle = make(folder / "busy"), make(folder / "idle")
    with busy.open("rb"):
        result = await CleanTemporaryFiles(folders=(folder,), skip_open=True).run(make_scene())
    assert busy.exists()
    assert not idle.exists()
    assert result.evidence["files_open"] == 1


async def test_links_are_neither_followed_nor_removed(folder: Path, tmp_path: Path) -> None:
    outside = make(tmp_path / "outside" / "precious")
    (folder / "to-folder").symlink_to(outside.parent)
    (folder / "to-file").symlink_to(outside)
    result = await CleanTemporaryFiles(folders=(folder,), recursive=True).run(make_scene())
    assert outside.exists()
    assert (folder / "to-file").is_symlink()
    assert result.evidence["files_seen"] == 0


async def test_sockets_and_pipes_are_left_alone(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    os.utime(folder / "pipe", (OLD, OLD))
    await CleanTemporaryFiles(folders=(folder,)).run(make_scene())
    assert (folder / "pipe").exists()


async def test_a_file_with_a_second_name_frees_nothing(folder: Path, tmp_path: Path) -> None:
    os.link(make(tmp_path / "kept"), folder / "second-name")
    result = await CleanTemporaryFiles(folders=(folder,)).run(make_scene())
    assert result.evidence["files_removed"] == 1
    assert result.evidence["bytes_removed"] == 0
    assert (tmp_path / "kept").exists()


async def test_a_folder_reached_through_a_link_is_refused_with_its_real_name(folder: Path, tmp_path: Path) -> None:
    old = make(folder / "old")
    link = tmp_path.resolve() / "link"
    link.symlink_to(folder)
    with pytest.raises(ActionError, match="reached through a link") as caught:
        await CleanTemporaryFiles(folders=(link,)).run(make_scene())
    assert caught.value.remedy == f"name it as it really is: {folder}"
    assert old.exists()


async def test_what_belongs_to_salus_itself_is_never_touched(folder: Path) -> None:
    own = make(folder / ".salus" / "ledger.db")
    site = make_site(state_dir=own.parent)
    other = make(folder / "other" / "old")
    await CleanTemporaryFiles(folders=(folder,), recursive=True).run(make_scene(site))
    assert own.exists()
    assert not other.exists()
    with pytest.raises(ActionError, match="belongs to Salus itself"):
        await CleanTemporaryFiles(folders=(own.parent,)).run(make_scene(site))


async def test_a_folder_that_is_not_there_is_said_and_does_not_stop_the_others(folder: Path) -> None:
    old = make(folder / "old")
    result = await CleanTemporaryFiles(folders=(folder / "nowhere", folder)).run(make_scene())
    assert not old.exists()
    assert result.evidence["missing_folders"] == [str(folder / "nowhere")]


@pytest.mark.parametrize(
    "name, reason",
    [
        ("/", "holds more than temporary files"),
        ("//", "holds more"),
        ("/tmp/..", "holds more"),
        ("/etc", "part of the system"),
        ("/etc/cron.d", "part of the system"),
        ("/usr/bin", "part of the system"),
        ("/usr/lib/python3", "part of the system"),
        ("/proc/self", "part of the system"),
        ("/dev", "part of the system"),
        ("/var", "holds more"),
        ("/var/log", "holds more"),
        ("/home", "holds more"),
        ("/home/anna", "somebody's home"),
        ("~", "home"),
        ("relative", "not absolute"),
    ],
)
def test_folders_that_are_never_temporary_are_a_problem_of_the_config(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/srv/people/anna")
    ((field, what),) = CleanTemporaryFiles(folders=(Path(name).expanduser(),)).problems()
    assert field == "folders"
    assert reason in what


@pytest.mark.parametrize(
    "name",
    [
        "/tmp",
        "/var/tmp",
        "/dev/shm/app",
        "/var/cache/app",
        "/home/{}/tmp".format("anna"),
        "/usr/src/app/tmp",
        "/run/app",
    ],
)
def test_folders_that_may_be_cleaned_are_no_problem(name: str) -> None:
    assert CleanTemporaryFiles(folders=(Path(name),)).problems() == []


def test_numbers_that_make_no_sense_are_problems() -> None:
    action = CleanTemporaryFiles(folders=(), pattern=("a/b",), keep=-1, max_files=0, max_depth=0)
    assert [field for field, _ in action.problems()] == ["folders", "pattern", "max_depth", "keep", "max_files"]


# ── Races ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sweep(path: Path, stop: threading.Event | None = None) -> tuple[Sweep, Report]:
    report = Report()
    orders = Orders(before=NOW.timestamp(), depth=8)
    return Sweep(path, orders, report, stop or threading.Event()), report


def test_a_folder_that_became_a_link_after_the_walk_is_not_followed(folder: Path, tmp_path: Path) -> None:
    make(folder / "sub" / "name")
    outside = make(tmp_path / "outside" / "name")
    work, report = sweep(folder)
    work.collect()
    (folder / "sub").rename(folder / "moved")
    (folder / "sub").symlink_to(outside.parent)
    work.remove()
    assert outside.exists()
    assert (report.files, report.failures) == (0, 1)


def test_a_folder_that_was_replaced_by_another_folder_is_left_alone(folder: Path, tmp_path: Path) -> None:
    make(folder / "sub" / "name")
    other = make(tmp_path / "other" / "name")
    work, report = sweep(folder)
    work.collect()
    (folder / "sub").rename(folder / "moved")
    other.parent.rename(folder / "sub")
    work.remove()
    assert (folder / "sub" / "name").exists()
    assert (report.files, report.changed) == (0, 1)


def test_the_top_folder_itself_becoming_a_link_leads_nowhere(folder: Path, tmp_path: Path) -> None:
    make(folder / "name")
    outside = make(tmp_path / "outside" / "name")
    work, _ = sweep(folder)
    work.collect()
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(outside.parent)
    with pytest.raises(NotADirectoryError):
        work.remove()
    assert outside.exists()


def test_a_file_that_was_written_again_or_replaced_since_is_left_alone(folder: Path) -> None:
    touched, replaced = make(folder / "touched"), make(folder / "replaced")
    work, report = sweep(folder)
    work.collect()
    os.utime(touched, (NOW.timestamp() + 1, NOW.timestamp() + 1))
    make(folder / "fresh").rename(replaced)
    work.remove()
    assert touched.exists()
    assert replaced.exists()
    assert report.changed == 2


@pytest.fixture
def swapping(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """Swap ``sub`` between a real folder and a link to the outside, without a pause, until the test is over."""
    outside = tmp_path.resolve() / "outside"
    for number in range(50):
        make(outside / f"name{number}")
        make(folder / "real" / f"name{number}")
    (folder / "link").symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for name in ("real", "link"):
                with suppress(FileNotFoundError):
                    (folder / name).rename(folder / "sub")
                    (folder / "sub").rename(folder / name)

    thread = threading.Thread(target=swap)
    thread.start()
    yield outside
    over.set()
    thread.join()


def test_swapping_without_a_pause_never_lets_anything_go_outside(folder: Path, swapping: Path) -> None:
    for _ in range(150):
        work, _ = sweep(folder)
        work.collect()
        work.remove()
        for number in range(0, 50, 10):
            with suppress(OSError):
                make_again = folder / "real" / f"name{number}"
                make_again.write_bytes(b"x")
                os.utime(make_again, (OLD, OLD))
    assert len(list(swapping.iterdir())) == 50


# ── Stopping ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sweep_that_is_told_to_stop_removes_nothing_more(folder: Path) -> None:
    for number in range(20):
        make(folder / f"name{number}")
    stop = threading.Event()
    work, report = sweep(folder, stop)
    work.collect()
    stop.set()
    with pytest.raises(StoppedError):
        work.remove()
    assert report.files == 0
    with pytest.raises(StoppedError):
        sweep(folder, stop)[0].collect()


async def test_cancelling_stops_between_two_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        make(folder / f"name{number}")
    third = asyncio.Event()
    loop = asyncio.get_running_loop()
    one_file = Sweep._try

    def pausing(self: Sweep, top: int, candidate: _sweep.Candidate) -> None:
        one_file(self, top, candidate)
        if self._report.files == 3:
            loop.call_soon_threadsafe(third.set)
            self._stop.wait(30)

    monkeypatch.setattr(Sweep, "_try", pausing)
    task = asyncio.create_task(CleanTemporaryFiles(folders=(folder,)).run(make_scene()))
    await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len([*folder.iterdir()]) == 17


def test_a_mount_below_has_another_number() -> None:
    with _sweep.opened(Path("/")) as root, _sweep.opened(Path("/proc")) as proc:
        assert _sweep._mount(root) != _sweep._mount(proc)
