"""The ``tools`` check: programs that must be installed, in versions that will do."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass

from msgspec import field

from salus.checks import _versions
from salus.checks._bounds import Findings
from salus.model import Json, Metric, Observation
from salus.options import CheckOptions
from salus.ports import Check, Look, Site
from salus.processes import Command, environment, run
from salus.threads import Threads

_THREADS = Threads(2, "salus-tools-check")
# Those who do not know --version.
_ASK: dict[str, tuple[str, ...]] = {
    "ffmpeg": ("-version",),
    "ffprobe": ("-version",),
    "go": ("version",),
    "helm": ("version", "--short"),
    "java": ("-version",),
    "kubectl": ("version", "--client"),
    "lsof": ("-v",),
    "nginx": ("-v",),
    "openssl": ("version",),
    "sshd": ("-V",),
    "ssh": ("-V",),
    "terraform": ("version",),
    "tmux": ("-V",),
    "unzip": ("-v",),
}


class Tools(CheckOptions, frozen=True, kw_only=True):
    """Programs on PATH, each with a demand on its version or none: ``{git: ">=2.30", psql: "14", tar: null}``.

    A bare version is the least that will do. A program is asked for its version once, and again when its file changes.

    Attributes:
        need: unhealthy unless these are there.
        want: degraded unless these are there.
        path: folders to search, separated by colons, instead of the PATH that Salus was started with.
        version_arguments: arguments that make a program print its version, where that is not ``--version``.
    """

    need: dict[str, str | None] = field(default_factory=dict)
    want: dict[str, str | None] = field(default_factory=dict)
    path: str | None = None
    version_arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def problems(self) -> list[tuple[str, str]]:
        """See that the demands can be read, and that there are any."""
        found: list[tuple[str, str]] = []
        for option, demands in (("need", self.need), ("want", self.want)):
            for name, text in demands.items():
                try:
                    _versions.demand(text) if text is not None else None
                except ValueError as error:
                    found.append((f"{option}.{name}", str(error)))
        if not self.need and not self.want:
            found.append(("need", "name at least one program"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that remembers the versions it was told."""
        return _ToolsCheck(self)


@dataclass(frozen=True, slots=True)
class _Program:
    """A program's file, and what tells it from the one that an upgrade puts in its place."""

    file: str
    modified: float
    inode: int


class _ToolsCheck:
    """Looks for programs, and keeps the versions they told."""

    def __init__(self, options: Tools) -> None:
        self._options = options
        self._told: dict[_Program, _versions.Version | None] = {}

    async def look(self, look: Look) -> Observation:
        findings, seen = Findings(), dict[str, Json]()
        options = self._options
        wanted = [(name, text, findings.unhealthy) for name, text in options.need.items()]
        wanted += [(name, text, findings.degraded) for name, text in options.want.items()]
        programs = await _THREADS.run(_locate, [name for name, _, _ in wanted], options.path)
        for name, text, note in wanted:
            program = programs[name]
            if program is None:
                note(f"{name} is not installed (not on PATH){f', expected {text}' if text else ''}")
                continue
            seen[name] = program.file
            if text is None:
                continue
            version = await self._version(look, name, program)
            if version is None:
                note(f"{name} does not say its version, expected {text}: set version_arguments.{name}")
                continue
            seen[name] = _versions.show(version)
            if not _versions.meets(version, _versions.demand(text)):
                note(f"{name} is {_versions.show(version)} ({program.file}), expected {text}: install one that fits")
        self._told = {program: told for program, told in self._told.items() if program in programs.values()}
        there = sum(program is not None for program in programs.values())
        summary = f"{there} of {len(programs)} programs are there"
        metrics = {"tools": Metric(len(programs)), "tools_found": Metric(there)}
        return findings.answer(look, summary, metrics=metrics, metadata=seen)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _version(self, look: Look, name: str, program: _Program) -> _versions.Version | None:
        if program in self._told:
            return self._told[program]
        arguments = self._options.version_arguments.get(name) or _ASK.get(name, ("--version",))
        extra = {"PATH": self._options.path} if self._options.path else {}
        clean = environment(look.site.state_id, "check", look.spec.name, extra)
        try:
            completed = await run(Command(argv=(program.file, *arguments), environment=clean))
        except OSError:
            return None
        # Java and nginx write it to stderr.
        output = (completed.stdout or completed.stderr).decode(errors="replace")
        version = self._told[program] = _versions.find(output) if completed.code is not None else None
        return version


def _locate(names: list[str], path: str | None) -> dict[str, _Program | None]:
    """Search PATH. Runs in a thread: a folder of it may lie on a slow mount."""
    found: dict[str, _Program | None] = {}
    for name in names:
        file = shutil.which(name, path=path)
        try:
            known = os.stat(file) if file else None  # noqa: PTH116 -- shutil speaks text
        except FileNotFoundError:
            known = None
        found[name] = _Program(file, known.st_mtime, known.st_ino) if file and known else None
    return found
