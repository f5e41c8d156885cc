"""What can be chosen: on the command line, or in the environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from salus.units import Size

SAMPLES = Path(__file__).resolve().parent.parent / "components"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs.

    Attributes:
        folder: where the components are, each in a folder of its own.
        output: where built pages are put, and old ones are removed.
        workers: threads that build.
        longest_wait: seconds that a page may wait for its build before the queue counts as stuck. A browser waits for
            twice as long before it is told to ask again.
        unseen: seconds after which a change that the watcher has not seen makes it deaf.
        config: a config of Salus that tunes what the code declares, or None.
        memory: the most bytes that this process should use; ``512MiB`` in the environment.
        threads: the most threads that it should have.
        tasks: the most tasks that it should have.
        output_size: the most bytes that ``output`` should hold.
        faults: offer buttons that break each part.
    """

    folder: Path = SAMPLES
    output: Path = field(
        default_factory=lambda: Path(tempfile.gettempdir()).resolve() / f"preview-server-{os.getuid()}"
    )
    workers: int = 2
    longest_wait: float = 10.0
    unseen: float = 2.0
    config: Path | None = None
    memory: int = 256 * 2**20
    threads: int = 100
    tasks: int = 500
    output_size: int = 64 * 2**20
    faults: bool = False

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``PREVIEW_<NAME>`` for each of them."""
        said = {
            name.removeprefix("PREVIEW_").lower(): value
            for name, value in os.environ.items()
            if name.startswith("PREVIEW_") and value
        }
        plain = cls()
        return cls(
            folder=Path(said.get("folder", plain.folder)).resolve(),
            output=Path(said.get("output", plain.output)).resolve(),
            workers=int(said.get("workers", plain.workers)),
            longest_wait=float(said.get("longest_wait", plain.longest_wait)),
            unseen=float(said.get("unseen", plain.unseen)),
            config=Path(said["config"]) if "config" in said else None,
            memory=Size.parse(said.get("memory", plain.memory)),
            threads=int(said.get("threads", plain.threads)),
            tasks=int(said.get("tasks", plain.tasks)),
            output_size=int(said.get("output_size", plain.output_size)),
            faults=said.get("faults", "") not in ("", "0", "no"),
        )
