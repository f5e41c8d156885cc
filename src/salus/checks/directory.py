"""The ``directory`` check: is a folder there, usable, and neither too full nor too empty."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from salus.checks._bounds import BoundedOptions, Findings, show_count
from salus.checks._paths import PathError, PathOptions, ask, trouble
from salus.model import Cause, Metric, Observation, Status
from salus.ports import Look
from salus.units import Duration, format_duration


class Directory(BoundedOptions, PathOptions, frozen=True, kw_only=True):
    """One folder, or several of which one is enough.

    Attributes:
        path: the folder.
        paths: folders in order of preference, of which the first that meets all expectations is enough.
        readable: Salus' own user must be able to list it.
        writable: Salus' own user must be able to write in it (the ``filesystem`` check really writes).
        pattern: count only entries whose name matches, such as ``*.csv``.
        entries_below: unhealthy unless it has fewer entries than this.
        warn_entries_below: degraded unless it has fewer entries than this.
        entries_above: unhealthy unless it has more entries than this.
        warn_entries_above: degraded unless it has more entries than this.
        oldest_below: unhealthy unless its oldest entry was written less than this ago: a queue that moves.
        warn_oldest_below: degraded unless its oldest entry was written less than this ago.
        newest_below: unhealthy unless its newest entry was written less than this ago: a backup that runs.
        warn_newest_below: degraded unless its newest entry was written less than this ago.
    """

    path: Path | None = None
    paths: tuple[Path, ...] = ()
    readable: bool = True
    writable: bool = False
    pattern: str = ""
    entries_below: int | None = None
    warn_entries_below: int | None = None
    entries_above: int | None = None
    warn_entries_above: int | None = None
    oldest_below: Duration | None = None
    warn_oldest_below: Duration | None = None
    newest_below: Duration | None = None
    warn_newest_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that it is said which folder, once."""
        found = super().problems()
        if (self.path is None) == (not self.paths):
            found.append(("path", "give either path or paths"))
        return found

    async def look(self, look: Look) -> Observation:
        """Look at the folder, or at one after the other until one will do."""
        candidates = [self.path] if self.path else [*self.paths]
        seen: list[Observation] = []
        for position, path in enumerate(candidates):
            observation = await self._look_at(look, path, len(candidates) - position)
            if observation.status is Status.HEALTHY:
                return observation
            seen.append(observation)
        return _best(look, seen)

    async def _look_at(self, look: Look, path: Path, left: int) -> Observation:
        """Look at one folder; one that hangs may use up its part of the time and leaves the rest for the others."""
        part = look.remaining / left if left > 1 else None
        try:
            async with asyncio.timeout(part):
                found = await ask(look, "directory", path, pattern=self.pattern, ages=self._ages)
        except TimeoutError:
            said = f"{path}: no answer within {format_duration(part or 0)}"
            return look.observe(Status.UNHEALTHY, said, cause=Cause.TIMEOUT)
        except PathError as error:
            return trouble(look, path, error)
        if not found["exists"]:
            return look.unhealthy(f"{path} does not exist, expected a directory")
        return self.judge(look, path, found)

    @property
    def _ages(self) -> bool:
        return self.bounds("oldest") or self.bounds("newest")

    def judge(self, look: Look, path: Path, found: dict[str, Any]) -> Observation:
        """Hold what the helper found against the expectations."""
        findings = Findings()
        metrics: dict[str, Metric] = {}
        if self.readable and not found["readable"]:
            findings.unhealthy(f"{path} is not readable")
        if self.writable and not found["writable"]:
            findings.unhealthy(f"{path} is not writable")
        entries = found["entries"]
        summary = str(path)
        if entries is not None:
            summary = f"{path} has {show_count(entries)} {'entry' if entries == 1 else 'entries'}"
            summary += f" matching {self.pattern}" if self.pattern else ""
            findings.judge(self, "entries", entries, summary)
            metrics["entries"] = Metric(entries)
        for name in ("oldest", "newest"):
            if (modified := found.get(name)) is None:
                continue
            age = max(0.0, look.at.timestamp() - modified)
            said = f"the {name} entry of {path} was written {format_duration(age)} ago"
            findings.judge(self, name, age, said, show=format_duration)
            metrics[f"{name}_age_seconds"] = Metric(age, "seconds")
        if self.bounds("newest") and entries == 0:
            findings.unhealthy(f"{summary}, expected a new one")
        return findings.answer(look, summary, metrics=metrics, metadata={"path": str(path)})


def _best(look: Look, seen: Sequence[Observation]) -> Observation:
    """Choose the best of several answers; where none will do, tell about all."""
    for status in (Status.DEGRADED, Status.UNKNOWN):
        for observation in seen:
            if observation.status is status:
                return observation
    return seen[0] if len(seen) == 1 else look.unhealthy("; ".join(observation.message for observation in seen))
