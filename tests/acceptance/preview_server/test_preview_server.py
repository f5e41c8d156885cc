"""The example server under its real uvicorn: every part is broken for real, and is healed by its default rule."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.acceptance.preview_server.preview import EXAMPLE, PARTS, Preview
from tests.acceptance.salus_process import eventually


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    preview = Preview(tmp_path_factory.mktemp("preview"))
    try:
        preview.start()
        yield preview
    finally:
        preview.close()


def test_components_are_shown_and_every_part_of_the_server_too(preview: Preview) -> None:
    eventually(lambda: "All systems operational" in preview.page("/"), what="the first looks")
    index = preview.page("/")
    assert all(f'data-part="{part}"' in index for part in PARTS)
    assert '<a href="/components/button">button</a>' in index
    assert "with tags" in preview.page("/components/card")
    page = preview.preview("card", "with tags")
    assert '<span class="badge badge--neutral">builds</span>' in page
    assert ".badge {" in page
    assert preview.ask("GET", "/preview/card/none")[0] == 404
    assert preview.ask("GET", "/components/none")[0] == 404


def test_a_change_is_shown_at_once_also_where_the_component_is_used_by_another(preview: Preview) -> None:
    assert "data-changed" not in preview.preview("card", "with tags")
    before = len(preview.told)
    path = preview.components / "badge/badge.html"
    fresh = preview.components.with_name("badge.html")
    fresh.write_text(path.read_text(encoding="utf-8").replace("<span", "<span data-changed"), encoding="utf-8")
    fresh.replace(path)  # in one move: nobody sees half of it
    said = preview.hear("changed", lambda said: "badge" in said["components"], after=before)
    assert said["components"] == ["badge"]
    assert "data-changed" in preview.preview("badge", "good")
    assert "data-changed" in preview.preview("card", "with tags")


def test_a_template_that_cannot_be_built_says_why_and_harms_nobody(preview: Preview) -> None:
    folder = preview.components / "broken"
    before = len(preview.told)
    folder.mkdir()
    (folder / "broken.html").write_text("{{ missing.value }}", encoding="utf-8")
    preview.hear("changed", lambda said: "broken" in said["components"], after=before)
    eventually(lambda: preview.ask("GET", "/preview/broken/plain")[0] == 500)
    assert "is undefined" in preview.ask("GET", "/preview/broken/plain")[1]
    shutil.rmtree(folder)
    eventually(lambda: preview.ask("GET", "/components/broken")[0] == 404)


def test_a_poisoned_cache_is_cleared(preview: Preview) -> None:
    right = preview.preview("button", "primary")
    before = preview.break_it("poison-cache")
    done = preview.healed("build-pipeline", after=before)
    assert [line.partition(":")[0] for line in done] == ["log", "clear_build_cache"]
    assert "cache poisoned" in done[0]
    assert preview.preview("button", "primary") == right


def test_a_queue_that_is_stuck_is_set_free(preview: Preview) -> None:
    before = preview.break_it("stick-queue")
    done = preview.healed("build-pipeline", after=before)
    assert [line.partition(":")[0] for line in done] == ["log", "clear_build_cache", "restart_pipeline"]
    assert "2 jobs given up" in done[-1]
    assert "avatar" in preview.preview("avatar", "one word")


def test_workers_that_died_are_replaced(preview: Preview) -> None:
    before = preview.break_it("kill-workers")
    done = preview.healed("build-pipeline", after=before)
    assert "workers dead: 0 of 2 workers alive" in done[0]
    assert done[-1].startswith("restart_pipeline: ")
    assert "notice" in preview.preview("notice", "info")


def test_a_watcher_that_died_is_restarted(preview: Preview) -> None:
    before = preview.break_it("kill-watcher")
    done = preview.healed("file-watcher", after=before)
    assert "it is dead, expected alive: OSError: inotify: no space left on device" in done[0]
    assert done[-1].startswith("restart_file_watcher: restarted file-watcher")


def test_a_watcher_whose_folder_was_replaced_is_deaf_and_is_restarted(preview: Preview) -> None:
    """As a checkout of another branch does it; nothing of the server is touched."""
    other, aside = (preview.components.with_name(name) for name in ("other", "aside"))
    shutil.copytree(preview.components, other)
    (other / "button").rename(other / "knob")
    (other / "knob/button.html").rename(other / "knob/knob.html")
    before = len(preview.told)
    preview.components.rename(aside)
    other.rename(preview.components)
    done = preview.healed("file-watcher", after=before)
    assert "alive and deaf: a new file in " in done[0]
    eventually(lambda: preview.ask("GET", "/components/knob")[0] == 200)
    after = len(preview.told)
    (preview.components / "knob/knob.css").write_text(".knob {}", encoding="utf-8")
    preview.hear("changed", lambda said: said["components"] == ["knob"], after=after)


def test_a_registry_that_lost_its_entries_is_refreshed(preview: Preview) -> None:
    before = preview.break_it("empty-registry")
    done = preview.healed("component-registry", after=before)
    assert "0 of 5 entries, missing " in done[0]
    assert done[-1].startswith("refresh_component_registry: refreshed component-registry: 5")
    assert preview.ask("GET", "/components/card")[0] == 200


def test_an_output_folder_that_is_full_is_cleaned_of_what_is_old(preview: Preview) -> None:
    preview.preview("card", "plain")
    young = {path.name for path in preview.output.iterdir()}
    before = len(preview.told)
    for number in range(6):
        # Five are small: only with the last, which comes in one move, it is too much, and all six are there.
        path = preview.output.with_name("old.html")
        path.write_bytes(b" " * (5 * 2**20 if number == 5 else 1))
        os.utime(path, (0, 0))
        path.replace(preview.output / f"old-{number}.html")
    done = preview.healed("filesystem", after=before)
    assert "MiB of built pages, expected at most 4.0 MiB" in done[0]
    assert done[-1].startswith("clean_temporary_files: removed 6 of ")
    assert {path.name for path in preview.output.iterdir()} == young


@pytest.mark.parametrize(
    "fault, part, seen",
    [
        ("leak-memory", "memory", "expected below 350 MiB"),
        ("leak-threads", "threads", "threads, expected below 60"),
        ("leak-tasks", "tasks", "tasks, expected below 100"),
    ],
)
def test_what_was_leaked_is_collected(preview: Preview, fault: str, part: str, seen: str) -> None:
    before = preview.break_it(fault)
    done = preview.healed(part, after=before)
    assert seen in done[0]
    assert done[1].startswith("garbage_collect: collected ")


def test_the_config_that_the_readme_shows_fits_what_the_code_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (tmp_path / "salus.yaml").write_text(readme.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("CHAT_URL", "https://chat.example.org/hook")
    monkeypatch.setenv("PREVIEW_CONFIG", str(tmp_path / "salus.yaml"))
    settings = import_module("preview_server.settings").Settings.from_environment()
    import_module("preview_server.app").Server(settings).health.judge()


def test_after_all_that_everything_is_well_and_it_ends_as_it_is_told_to(preview: Preview) -> None:
    eventually(lambda: "All systems operational" in preview.page("/"))
    assert preview.close() in (0, -15)
    log = preview.log.read_text(encoding="utf-8")
    assert "Application startup complete" in log
    assert '"GET / HTTP/1.1" 200' in log
    assert "graceful shutdown exceeded" not in log
