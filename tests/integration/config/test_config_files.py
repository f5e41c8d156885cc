"""Config in real files: which are read, which are refused, how several make one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from salus.config import load
from salus.config.files import MAX_BYTES
from salus.errors import ConfigError
from salus.model import CheckSpec

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root refuses what others can write to")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        yield Path(folder)


def write(path: Path, text: str | bytes, mode: int = 0o644) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def problems(*paths: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(paths, environ={})
    return str(caught.value).splitlines()


def test_relative_paths_start_at_the_folder_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "salus.yaml", "salus: {state_dir: state}\nchecks: {a: memory}")
    monkeypatch.chdir(folder)
    settings = load("salus.yaml", environ={})
    assert settings.agent.state_dir == folder / "state"
    assert settings.files == (Path("salus.yaml"),)


def test_a_folder_is_read_in_the_order_of_names_and_sections_are_joined(folder: Path) -> None:
    write(folder / "20-more.yml", "checks: {b: {memory: , depends_on: [a]}}\nrules: {a: {actions: [log]}}")
    write(folder / "10-base.yaml", "salus: {listen: '127.0.0.1:1'}\nchecks: {a: memory}")
    write(folder / "30-agent.yaml", "salus: {store: memory}\nrules:")
    write(folder / "40-empty.yaml", "# nothing yet\n")
    write(folder / "notes.txt", "{")
    write(folder / ".hidden.yaml", "{")
    settings = load(folder, environ={})
    assert list(settings.checks) == ["a", "b"]
    assert (settings.agent.port, settings.agent.store) == (1, "memory")
    assert [file.name for file in settings.files] == ["10-base.yaml", "20-more.yml", "30-agent.yaml", "40-empty.yaml"]
    assert settings.checks["a"] == CheckSpec(name="a", kind="memory")


def test_a_name_in_two_files_is_told_with_both_places(folder: Path) -> None:
    one = write(folder / "1.yaml", "checks:\n  web: memory\nlimits: {recoveries_at_once: 1}\n")
    two = write(folder / "2.yaml", "checks:\n\n  web: swap\nlimits: {recoveries_at_once: 2}\n")
    assert problems(folder) == [
        f"{two}:3:3: checks.web: 'web' stands in two files; the first is at {one}:2:3 (keep one of them)",
        (
            f"{two}:4:10: limits.recoveries_at_once: 'recoveries_at_once' stands in two files; the first is at"
            f" {one}:3:10 (keep one of them)"
        ),
    ]


def test_the_problems_of_every_file_are_told(folder: Path) -> None:
    one = write(folder / "1.yaml", "checks: {\n")
    two = write(folder / "2.yaml", "checks: {a: }}")
    told = problems(one, two, folder / "3.yaml")
    assert [line.partition(": ")[0] for line in told] == [f"{one}:2:1", f"{two}:1:14", str(folder / "3.yaml")]


def test_problems_of_a_joined_config_name_the_right_file(folder: Path) -> None:
    write(folder / "1.yaml", "checks: {a: memory}")
    two = write(folder / "2.yaml", "checks:\n  b: {memory: , interval: soon}\nrulse: {}\n")
    told = problems(folder)
    assert [line.partition(": ")[0] for line in told] == [f"{two}:2:27", f"{two}:3:1"]


def test_what_is_no_config_is_told(folder: Path) -> None:
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    none = folder / "none.yaml"
    latin = write(folder / "latin.yaml", b"a: 1\nb: \xe9\n")
    large = write(folder / "large.yaml", b"#" * (MAX_BYTES + 1))
    assert problems(none) == [f"{none}: there is no such file (name an existing file, or write one with `salus init`)"]
    assert problems(latin) == [f"{latin}:2:4: this is not UTF-8 text (save the file as UTF-8)"]
    assert problems(large) == [f"{large}: this file is larger than 4194304 bytes (split it into a folder of files)"]
    assert problems(folder / "pipe") == [
        f"{folder / 'pipe'}: this is not a regular file (name a file, or a folder of *.yaml files)"
    ]
    assert problems(folder / "empty") == [
        f"{folder / 'empty'}: this folder holds no *.yaml file (put the config there, or name the file itself)"
    ]


def test_a_byte_order_mark_is_no_part_of_the_text(folder: Path) -> None:
    path = write(folder / "salus.yaml", b"\xef\xbb\xbfcheck: {}")
    assert problems(path)[0].startswith(f"{path}:1:1: check: unknown section")


@as_root
@pytest.mark.parametrize("mode", [0o666, 0o646, 0o602])
def test_root_refuses_a_file_that_others_can_write_to(folder: Path, mode: int) -> None:
    path = write(folder / "salus.yaml", "checks: {a: memory}", mode)
    assert problems(path) == [
        f"{path}: others can write to this file, and so have Salus run anything as root (chmod go-w {path})"
    ]


@as_root
def test_root_refuses_a_file_that_another_group_can_write_to(folder: Path) -> None:
    path = write(folder / "salus.yaml", "checks: {a: memory}")
    os.chown(path, 0, 12345)
    path.chmod(0o664)
    assert "chmod go-w" in problems(path)[0]
    os.chown(path, 0, 0)
    assert load(path, environ={}).checks


@as_root
def test_root_refuses_a_file_of_another_user(folder: Path) -> None:
    path = write(folder / "salus.yaml", "checks: {a: memory}", 0o600)
    os.chown(path, 12345, 0)
    assert problems(path) == [
        f"{path}: this file belongs to user 12345, who could have Salus run anything as root (chown root {path})"
    ]


@as_root
def test_root_refuses_a_folder_that_others_can_write_to(folder: Path) -> None:
    path = write(folder / "salus.yaml", "checks: {a: memory}")
    folder.chmod(0o777)
    told = f"{folder}: others can write to this folder, and so have Salus run anything as root (chmod go-w {folder})"
    assert problems(path) == [told]
    assert problems(folder) == [told]
    folder.chmod(0o1777)
    assert load(path, environ={}).checks


@as_root
def test_another_user_may_read_what_others_can_write_to(open_folder: Path) -> None:
    path = write(open_folder / "salus.yaml", "checks: {a: memory}", 0o666)
    os.seteuid(65534)
    try:
        assert load(path, environ={}).checks
    finally:
        os.seteuid(0)


@as_root
def test_a_file_that_cannot_be_read_is_told(open_folder: Path) -> None:
    path = write(open_folder / "salus.yaml", "checks: {a: memory}", 0o600)
    os.seteuid(65534)
    try:
        told = problems(path)
    finally:
        os.seteuid(0)
    assert told == [f"{path}: this file cannot be read: Permission denied (let the user that runs Salus read it)"]
