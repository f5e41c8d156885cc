"""Remove old files from folders that are named in the config, and from nowhere else."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import Event
from typing import ClassVar

from salus.actions._places import make_sure, why_never
from salus.actions._sweep import Orders, Report, StoppedError, Sweep
from salus.actions._threads import in_thread
from salus.errors import ActionError
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.units import Amount, Duration, Size, format_size

_DEEPEST = 64


class CleanTemporaryFiles(ActionOptions, frozen=True, kw_only=True):
    """Remove old regular files, oldest first. Never follows a link, and never leaves the folder or its mount.

    System folders, homes and folders reached through a link are refused.

    Attributes:
        folders: where to look; absolute, or relative to the config file.
        older_than: how long ago a file was last changed before it may go.
        pattern: names of files that may go, as in a shell: ``["*.tmp", "core.*"]``.
        recursive: also look in folders below.
        max_depth: how many levels below, when recursive.
        keep: so many of the newest matching files of each folder stay, however old they are.
        max_files: remove no more than these at once.
        max_bytes: stop when this much was freed.
        free_at_least: stop as soon as the filesystem has this much room, such as ``10%`` or ``5GiB``.
        skip_open: leave files alone that a process has open (as far as Salus may see that).
        dry_run: remove nothing, and record what would go.
    """

    scalar: ClassVar[str] = "folders"

    folders: tuple[Path, ...]
    older_than: Duration = Duration(86400)
    pattern: tuple[str, ...] = ("*",)
    recursive: bool = False
    max_depth: int = 16
    keep: int = 0
    max_files: int = 10_000
    max_bytes: Size | None = None
    free_at_least: Amount | None = None
    skip_open: bool = False
    dry_run: bool = False

    @property
    def effect(self) -> Effect:
        """Return that it changes the world, unless it only says what it would do."""
        return Effect.RECORDS if self.dry_run else Effect.CHANGES

    def problems(self) -> list[tuple[str, str]]:
        """Find folders that are never cleaned, and numbers that make no sense."""
        found = [("folders", reason) for folder in self.folders if (reason := why_never(_plain(folder)))]
        if not self.folders:
            found.append(("folders", "no folder is named: write the folders that may be cleaned"))
        if not self.pattern:
            found.append(("pattern", "no pattern matches no file: write '*' for every name"))
        found += [
            ("pattern", f"{pattern!r} can match no name: a pattern is for names, not for paths")
            for pattern in self.pattern
            if "/" in pattern or not pattern
        ]
        if not 1 <= self.max_depth <= _DEEPEST:
            found.append(("max_depth", f"{self.max_depth} is not between 1 and {_DEEPEST}"))
        if self.keep < 0:
            found.append(("keep", "cannot be negative"))
        if self.max_files < 1:
            found.append(("max_files", "must be at least 1; use dry_run to remove nothing"))
        return found

    async def run(self, scene: Scene) -> ActionResult:
        """Remove them, in a thread that stops between two files when it is cancelled."""
        now = scene.site.clock.now().timestamp()
        return await in_thread(lambda stop: self._clean(scene.site.state_dir, now, stop))

    def _clean(self, state_dir: Path, now: float, stop: Event) -> ActionResult:
        report = Report()
        orders = self._orders(state_dir, now)
        paths = [Path(_plain(folder)) for folder in self.folders]
        for path in paths:
            make_sure(path, state_dir)
        for path in paths:
            try:
                sweep = Sweep(path, orders, report, stop)
                sweep.collect()
                sweep.remove()
            except StoppedError:
                break
            except FileNotFoundError:
                report.missing.append(str(path))
            except OSError as error:
                report.failed(str(path), error)
        return self._result(report)

    def _orders(self, state_dir: Path, now: float) -> Orders:
        avoid = frozenset[tuple[int, int]]()
        with suppress(OSError):
            own = state_dir.stat()
            avoid = frozenset({(own.st_dev, own.st_ino)})
        return Orders(
            before=now - self.older_than,
            patterns=self.pattern,
            depth=self.max_depth if self.recursive else 0,
            keep=self.keep,
            most_files=self.max_files,
            most_bytes=self.max_bytes,
            free_at_least=self.free_at_least,
            spare_open=self.skip_open,
            dry_run=self.dry_run,
            avoid=avoid,
        )

    def _result(self, report: Report) -> ActionResult:
        if report.failures and not report.files:
            what = f"nothing could be removed; {report.errors[0]}"
            raise ActionError(what, remedy="give the user that Salus runs as the right to write to the folder")
        done, key = ("would remove", "to_remove") if self.dry_run else ("removed", "removed")
        evidence: dict[str, Json] = {
            f"files_{key}": report.files,
            f"bytes_{key}": report.bytes,
            "files_seen": report.seen,
            "files_open": report.spared,
            "files_changed": report.changed,
            "files_failed": report.failures,
            "missing_folders": [*report.missing],
            "errors": [*report.errors],
            "examples": [*report.examples],
        }
        failed = f"; {report.failures} could not be removed" if report.failures else ""
        message = f"{done} {report.files} of {report.seen} files, {format_size(report.bytes)}{failed}"
        return ActionResult(message=message, evidence=evidence)


def _plain(folder: Path) -> PurePosixPath:
    """Return the folder without ``..``, ``.`` and doubled slashes; links are looked for later, on the real thing."""
    return PurePosixPath(os.path.normpath(folder)) if folder.is_absolute() else PurePosixPath(folder)
