"""A program that Salus lives in is watched from within, by kinds, by options and by its own objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from salus import HealthSystem, Status
from salus.checks.thread_pool import ThreadPoolCheck
from salus.checks.threads import Threads

CONFIG = """\
checks:
  loop: {event_loop: {blocked_after: 10s, blocked_below: 20s}}
  deadlock: {deadlock: 10s}
  tasks: {tasks: {count_below: 1000}}
  memory: {process_memory: {rss_below: 90%, growth_below: 50MiB}}
  files: {file_descriptors: {used_below: 99%}}
  collector: {garbage_collector: {warn_pause_below: 20s}}
  offloaded: {thread_pool: asyncio}
  database: {pool: "tests.attic:engine"}
"""


async def test_every_kind_is_spelled_in_a_config_and_objects_are_given_in_code(tmp_path: Path) -> None:
    config = tmp_path / "salus.yaml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    with ThreadPoolExecutor(1) as executor:
        health = HealthSystem("shop", config=config, state_dir=tmp_path / "state")
        health.register("workers", ThreadPoolCheck(executor))
        health.register("threads", Threads(count_below=10_000))
        async with health:
            seen = await health.run_now()
    seen.pop("salus", None)
    unknown = {name: one.message for name, one in seen.items() if one.status is not Status.HEALTHY}
    assert unknown == {
        "database": "cannot import tests.attic:engine: ModuleNotFoundError: No module named 'tests.attic'"
    }
    assert seen["loop"].metadata["loop"] == "application"
    assert seen["tasks"].metrics["count"].value >= 1
