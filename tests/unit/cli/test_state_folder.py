"""Which Salus a command asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from salus.cli.common import find_state_dir
from salus.errors import ConfigError, SalusError

GOOD = "salus: {state_dir: ./kept}\nchecks: {web: {tcp: {host: localhost, port: 1}}}\n"

Out = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "salus.yaml"


def found(config: Path, text: str) -> Path:
    config.write_text(text)
    return find_state_dir(config, None)


def test_the_config_names_the_state_folder(config: Path, capsys: Out) -> None:
    assert found(config, GOOD) == config.parent / "kept"
    assert not any(capsys.readouterr())


@pytest.mark.parametrize(
    "mistake", ["chekcs: {}\n", "alerts: {channels: {ops: {webhook: {url: '${NOBODY_HAS_SET_THIS}'}}}}\n"]
)
def test_a_mistake_in_the_config_keeps_nobody_from_asking_the_salus_that_runs(
    config: Path, mistake: str, capsys: Out
) -> None:
    assert found(config, GOOD + mistake) == config.parent / "kept"
    said = f"salus: the config has 1 problem (salus validate names them); this is about {config.parent / 'kept'}\n"
    assert capsys.readouterr() == ("", said)


def test_where_nothing_can_be_read_the_folder_beside_the_config_is_meant(config: Path) -> None:
    (config.parent / ".salus").mkdir()
    assert found(config, GOOD + "  broken: [\n") == config.parent / ".salus"


def test_a_folder_of_configs_has_its_state_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / ".salus").mkdir()
    (tmp_path / "one.yaml").write_text("chekcs: {}\n")
    assert find_state_dir(tmp_path, None) == tmp_path / ".salus"


def test_a_broken_config_without_a_state_folder_is_an_error(config: Path) -> None:
    with pytest.raises(ConfigError):
        found(config, GOOD + "  broken: [\n")


def test_a_config_that_is_not_to_be_trusted_names_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(GOOD)
    config.chmod(0o666)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(ConfigError):
        find_state_dir(config, None)


def test_a_config_that_is_not_there_is_an_error(config: Path) -> None:
    with pytest.raises(ConfigError):
        find_state_dir(config, None)


def test_where_there_is_no_config_the_applications_of_this_user_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("salus.cli.common.PLACES", (tmp_path / "salus.yaml",))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(SalusError) as caught:
        find_state_dir(None, None)
    assert "asks the application" not in (caught.value.remedy or "")
    for age, name in enumerate(("blog", "forum", "mail", "shop")):
        folder = tmp_path / "salus" / name
        folder.mkdir(parents=True)
        (folder / "ledger.sqlite").touch()
        os.utime(folder / "ledger.sqlite", (age, age))
    with pytest.raises(SalusError) as caught:
        find_state_dir(None, None)
    assert f"; --state-dir {tmp_path}/salus/shop asks the application 'shop'; " in (caught.value.remedy or "")
    assert "blog" not in (caught.value.remedy or "")  # that ran longest ago, and three are enough
