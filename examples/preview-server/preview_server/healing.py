"""Everything that Salus does here. This file is what makes the server heal itself; the others would work without it."""

from __future__ import annotations

from pathlib import Path

from preview_server.live import Hub
from preview_server.pipeline import Pipeline
from preview_server.registry import Registry
from preview_server.settings import Settings
from preview_server.watcher import Watcher
from salus import Event, HealthSystem
from salus.components import default_rule


def make_health(settings: Settings, registry: Registry, watcher: Watcher, pipeline: Pipeline, hub: Hub) -> HealthSystem:
    """Declare what is watched, and how it is healed."""
    health = HealthSystem("preview-server", config=settings.config)

    # Our own parts: their checks, actions and rules follow from what they can do.
    health.component("build-pipeline", pipeline, interval="10s", critical=True)
    health.component("component-registry", registry, interval="15s")
    health.component("file-watcher", watcher, interval="15s")

    # The process that they live in.
    health.register("memory", {"process_memory": {"rss_below": settings.memory}}, interval="15s")
    health.rule("memory", **default_rule("memory"))
    health.register("threads", {"threads": {"count_below": settings.threads}}, interval="15s")
    health.rule("threads", **default_rule("threads"))
    health.register("tasks", {"tasks": {"count_below": settings.tasks}}, interval="15s")
    health.rule("tasks", **default_rule("threads"))

    # What it leaves behind: a check can be a plain function.
    @health.check("filesystem", interval="30s")
    def filesystem() -> tuple[str, str, dict[str, float]]:
        """Look how much the built pages take."""
        size = _size(settings.output)
        said = f"{size / 2**20:.1f} MiB of built pages, expected at most {settings.output_size / 2**20:.1f} MiB"
        return ("healthy" if size <= settings.output_size else "unhealthy"), said, {"output_bytes": size}

    health.rule("filesystem", **default_rule("filesystem", folders=[settings.output], older_than="10m"))

    # Who has a page open sees a part fail and heal.
    @health.on("status_changed", "action_finished", "recovery_finished")
    def tell(event: Event) -> None:
        """Pass an event of Salus on to the browsers."""
        said = {"part": event.check, "kind": event.kind, "new": event.new, "reason": event.reason}
        hub.tell("health", {**said, "message": event.message, "summary": health.summary(), "overall": health.status})

    return health


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # just removed
            continue
    return total
