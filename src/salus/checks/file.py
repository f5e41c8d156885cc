"""The ``file`` check: existence, age, size, growth and contents of one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from salus.checks._bounds import BoundedOptions, Findings
from salus.checks._paths import PathError, PathOptions, ask, trouble
from salus.model import Json, Metric, Observation
from salus.ports import Look
from salus.units import Duration, Size, format_duration, format_size


class File(BoundedOptions, PathOptions, frozen=True, kw_only=True):
    """One file. Contents are looked at only where an option asks for it, and are never shown.

    Attributes:
        path: the file.
        exists: it must be there; false: it must not be there.
        age_below: unhealthy unless it was written less than this ago.
        warn_age_below: degraded unless it was written less than this ago.
        age_above: unhealthy unless it was written more than this ago.
        warn_age_above: degraded unless it was written more than this ago.
        size_below: unhealthy unless it is smaller than this.
        warn_size_below: degraded unless it is smaller than this.
        size_above: unhealthy unless it is larger than this.
        warn_size_above: degraded unless it is larger than this.
        growth_below: unhealthy unless it grows by less than this in a second.
        warn_growth_below: degraded unless it grows by less than this in a second.
        growth_above: unhealthy unless it grows by more than this in a second.
        warn_growth_above: degraded unless it grows by more than this in a second.
        contains: text that must be in it.
        not_contains: text that must not be in it.
        matches: regular expression that must be found in it (``^`` and ``$`` match at lines).
        format: it must be well-formed: ``json`` or ``toml``.
        sha256: the checksum it must have, in hexadecimal.
        tail: look at its last bytes only, for contents.
        max_read: bytes that may be read for contents; a file with more cannot be told.
    """

    path: Path
    exists: bool = True
    age_below: Duration | None = None
    warn_age_below: Duration | None = None
    age_above: Duration | None = None
    warn_age_above: Duration | None = None
    size_below: Size | None = None
    warn_size_below: Size | None = None
    size_above: Size | None = None
    warn_size_above: Size | None = None
    growth_below: Size | None = None
    warn_growth_below: Size | None = None
    growth_above: Size | None = None
    warn_growth_above: Size | None = None
    contains: str | None = None
    not_contains: str | None = None
    matches: str | None = None
    format: Literal["json", "toml"] | None = None
    sha256: str | None = None
    tail: Size | None = None
    max_read: Size = Size(16 * 2**20)

    def problems(self) -> list[tuple[str, str]]:
        """See that patterns and checksums can be what they claim, and that nothing is asked of an absent file."""
        found = super().problems()
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                found.append(("matches", f"is not a regular expression: {error}"))
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", self.sha256):
            found.append(("sha256", "must have 64 hexadecimal digits"))
        numbers = ("age", "size", "growth")
        if not self.exists and (any(self.bounds(name) for name in numbers) or any(self._wanted().values())):
            found.append(("exists", "a file that must not exist cannot have an age, a size or contents"))
        if self.tail and self.format:
            found.append(("tail", f"a part of a file is not {self.format}: leave out tail or format"))
        return found

    def _wanted(self) -> dict[str, object]:
        return {
            "contains": self.contains,
            "not_contains": self.not_contains,
            "matches": self.matches,
            "format": self.format,
            "sha256": self.sha256 is not None,
        }

    async def look(self, look: Look) -> Observation:
        """Have the helper look at the file."""
        limits = {"max_read": int(self.max_read), "tail": int(self.tail or 0)}
        try:
            found = await ask(look, "file", self.path, **self._wanted(), **limits)
        except PathError as error:
            return trouble(look, self.path, error)
        if not found["exists"]:
            said = f"{self.path} does not exist"
            return look.unhealthy(f"{said}, expected it to be there") if self.exists else look.healthy(said)
        if not self.exists:
            return look.unhealthy(f"{self.path} exists, expected it not to")
        return self.judge(look, found)

    def judge(self, look: Look, found: dict[str, Any]) -> Observation:
        """Hold what the helper found against the expectations."""
        findings = Findings()
        # A file from the future is as new as can be: another host's clock wrote it.
        age, size = max(0.0, look.at.timestamp() - found["modified"]), found["size"]
        findings.judge(self, "age", age, f"{self.path} was written {format_duration(age)} ago", show=format_duration)
        findings.judge(self, "size", size, f"{self.path} has {format_size(size)}", show=format_size)
        metrics = {"age_seconds": Metric(age, "seconds"), "size_bytes": Metric(size, "bytes")}
        growth = _growth(look, size)
        if growth is not None:
            said = f"{self.path} grows by {format_size(growth)} per second"
            findings.judge(self, "growth", growth, said, show=format_size)
            metrics["growth_bytes_per_second"] = Metric(growth, "bytes_per_second")
        self._judge_contents(findings, found)
        metadata: dict[str, Json] = {"path": str(self.path), "identity": found["identity"]}
        if "sha256" in found:
            metadata["sha256"] = found["sha256"]
        summary = f"{self.path}: {format_size(size)}, written {format_duration(age)} ago"
        return findings.answer(look, summary, metrics=metrics, metadata=metadata)

    def _judge_contents(self, findings: Findings, found: dict[str, Any]) -> None:
        where = f"the last {format_size(self.tail)} of {self.path}" if self.tail else str(self.path)
        if found.get("contains") is False:
            findings.unhealthy(f"{self.contains!r} is not in {where}, expected it to be")
        if found.get("not_contains") is False:
            findings.unhealthy(f"{self.not_contains!r} is in {where}, expected it not to be")
        if found.get("matches") is False:
            findings.unhealthy(f"nothing in {where} matches {self.matches!r}")
        if wrong := found.get("format"):
            findings.unhealthy(f"{self.path} is not valid {(self.format or '').upper()}: {wrong}")
        actual = found.get("sha256")
        if actual and self.sha256 and actual != self.sha256.lower():
            findings.unhealthy(f"{self.path} has checksum {actual[:12]}…, expected {self.sha256[:12].lower()}…")


def _growth(look: Look, size: int) -> float | None:
    before = look.previous.metrics.get("size_bytes") if look.previous else None
    if look.previous is None or before is None:
        return None
    seconds = (look.at - look.previous.at).total_seconds()
    # A smaller file was truncated or rotated: all it has is new.
    return (size - before.value if size >= before.value else size) / seconds if seconds > 0 else None
