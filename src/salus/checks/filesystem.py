"""The ``filesystem`` check: writes a file, sees it on the disk, reads it back, and removes it."""

from __future__ import annotations

import zlib
from pathlib import Path

from salus.checks._bounds import BoundedOptions, Findings
from salus.checks._paths import PathError, PathOptions, ask, trouble
from salus.model import Metric, Observation
from salus.ports import Look
from salus.units import Duration, Size, format_duration, format_size

_LARGEST = 64 * 2**20


class Filesystem(BoundedOptions, PathOptions, frozen=True, kw_only=True):
    """A real write in a folder: create, write, ``fsync``, read back from the device, remove.

    It finds what free space does not show: a file system that is read-only, frozen, out of quota or too slow. Nothing
    is left behind; should a probe be killed in the middle, the next one removes its file.

    Attributes:
        path: the folder to write in.
        size: how much to write.
        latency_below: unhealthy unless all of it takes less than this.
        warn_latency_below: degraded unless all of it takes less than this.
    """

    path: Path
    size: Size = Size(4096)
    latency_below: Duration | None = None
    warn_latency_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that the size is one that can be written with every look."""
        found = super().problems()
        if not 1 <= self.size <= _LARGEST:
            found.append(("size", f"must lie between 1 byte and {format_size(_LARGEST)}"))
        return found

    async def look(self, look: Look) -> Observation:
        """Write, read back, remove."""
        # One name for each check of each Salus: nobody's file but that of a killed probe can be in the way.
        name = f".salus-probe-{zlib.crc32(f'{look.site.state_id}:{look.spec.name}'.encode()):08x}"
        try:
            found = await ask(look, "write", self.path, name=name, size=int(self.size))
        except PathError as error:
            return trouble(look, self.path, error)
        seconds = found["total_seconds"]
        said = f"wrote, read back and removed {format_size(self.size)} in {format_duration(seconds)}"
        findings = Findings()
        if not found["same"]:
            findings.unhealthy(f"{self.path}: what was read back is not what was written")
        findings.judge(self, "latency", seconds, said, show=format_duration)
        metrics = {
            "latency_seconds": Metric(seconds, "seconds"),
            **{name: Metric(found[name], "seconds") for name in ("write_seconds", "read_seconds", "remove_seconds")},
        }
        return findings.answer(look, said, metrics=metrics, metadata={"path": str(self.path)})
