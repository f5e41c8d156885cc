"""Whoever presses the buttons of the example, in whatever order and how fast, ends with a server that is well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.preview_server.preview import OWN_ATTEMPTS, Preview
from tests.acceptance.salus_process import eventually

ALL = (
    "poison-cache",
    "stick-queue",
    "kill-workers",
    "kill-watcher",
    "empty-registry",
    "leak-threads",
    "leak-tasks",
    "leak-memory",
    "fill-output",
)


@pytest.fixture
def preview(tmp_path: Path) -> Iterator[Preview]:
    """Start a server of which no rule has spent an attempt."""
    preview = Preview(tmp_path, OWN_ATTEMPTS)
    try:
        preview.start()
        yield preview
    finally:
        preview.close()


@pytest.mark.parametrize(
    "faults",
    [
        ("stick-queue", "kill-workers"),
        ("stick-queue", "stick-queue", "kill-workers", "kill-workers"),
        ("kill-watcher", "empty-registry", "kill-watcher", "kill-workers", "stick-queue", "poison-cache"),
        ALL,
        ALL[::-1],
    ],
    ids=lambda faults: "-then-".join(faults) if len(faults) < 3 else f"{len(faults)}-from-{faults[0]}",
)
def test_buttons_pressed_one_after_the_other_end_with_a_server_that_shows_what_changes(
    preview: Preview, faults: Sequence[str]
) -> None:
    before = len(preview.told)
    for fault in faults:
        preview.break_it(fault)
        assert preview.ask("GET", "/preview/card/plain")[0] in (200, 404, 503)
    preview.healed("build-pipeline", after=before)
    mark = f"data-after-{before}"
    path = preview.components / "badge/badge.html"
    path.write_text(f"<!-- {mark} -->{path.read_text(encoding='utf-8')}", encoding="utf-8")
    # Only a watcher, a registry and workers that all live can show it.
    eventually(lambda: mark in preview.ask("GET", "/preview/badge/good")[1], within=45, what="the change")
    eventually(lambda: "All systems operational" in preview.page("/"), within=45, what="a healthy server")
    log = preview.log.read_text(encoding="utf-8")
    assert "Exception in ASGI application" not in log
    assert "CancelledError" not in log
    assert "InvalidStateError" not in log
