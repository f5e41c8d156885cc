"""The ``process`` check: does it run, how many, how old, and what does it use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from salus.checks import _proc
from salus.checks._bounds import BoundedOptions, Findings, bounded_line
from salus.errors import CheckBrokenError
from salus.model import Cause, Json, Metric, Observation, ServiceState, ServiceStatus, Status
from salus.ports import Check, Look, Site
from salus.threads import Threads
from salus.units import Duration, Size, format_duration, format_size

_FIRST_WINDOW = 0.25
_SHOWN = 8

# A command line is read from the process's own memory: where that hangs on a dead network mount, so does the reader.
_THREADS = Threads(4, "salus-process-check")


class Process(BoundedOptions, frozen=True, kw_only=True):
    """One process, or several: of a service, named in a pid file, or found by their command line.

    Bounds on memory, processor, threads and open files hold for all processes found together. A zombie does not run; a
    process that was stopped (SIGSTOP) is unhealthy.

    Attributes:
        service: a service of this config; its end is seen at once.
        pid_file: the file that a daemon writes its process number to.
        pattern: regular expression that is searched for in every command line (arguments joined by blanks). Salus
            itself and what it runs for checks and actions are left out.
        command_matches: with ``pid_file``: regular expression for the command line of the process that is meant, so
            that a stale file is told by it.
        user: with ``pattern``: only processes of this user.
        tree: add up what all descendants use, too.
        count_above: unhealthy unless more than this many run; 0 when no other bound on the count is given.
        warn_count_above: degraded unless more than this many run.
        count_below: unhealthy unless fewer than this many run; 1 means that none may.
        warn_count_below: degraded unless fewer than this many run.
        age_above: unhealthy unless the youngest has run for longer than this.
        warn_age_above: degraded unless the youngest has run for longer than this.
        age_below: unhealthy unless the oldest has run for less than this.
        warn_age_below: degraded unless the oldest has run for less than this.
        rss_below: unhealthy unless less memory than this is resident.
        warn_rss_below: degraded unless less memory than this is resident.
        cpu_below: unhealthy unless less processor time is used: 0.9 is 90% of one core, 2 is two cores.
        warn_cpu_below: degraded unless less processor time is used.
        threads_below: unhealthy unless there are fewer threads than this.
        warn_threads_below: degraded unless there are fewer threads than this.
        fds_below: unhealthy unless fewer files than this are open.
        warn_fds_below: degraded unless fewer files than this are open.
    """

    service: str | None = None
    pid_file: Path | None = None
    pattern: str | None = None
    command_matches: str | None = None
    user: str | None = None
    tree: bool = False
    count_above: int | None = None
    warn_count_above: int | None = None
    count_below: int | None = None
    warn_count_below: int | None = None
    age_above: Duration | None = None
    warn_age_above: Duration | None = None
    age_below: Duration | None = None
    warn_age_below: Duration | None = None
    rss_below: Size | None = None
    warn_rss_below: Size | None = None
    cpu_below: float | None = None
    warn_cpu_below: float | None = None
    threads_below: int | None = None
    warn_threads_below: int | None = None
    fds_below: int | None = None
    warn_fds_below: int | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that it is said which process, once, and that what belongs together is together."""
        found = super().problems()
        if sum(given is not None for given in (self.service, self.pid_file, self.pattern)) != 1:
            found.append(("service", "give exactly one of service, pid_file and pattern"))
        for name in ("pattern", "command_matches"):
            try:
                re.compile(getattr(self, name) or "")
            except re.error as error:
                found.append((name, f"is not a regular expression: {error}"))
        if self.bounds("count") and self.pattern is None:
            found.append(
                ("count_above", "only a pattern can find more than one process: leave out the bounds on count")
            )
        if self.command_matches and self.pid_file is None:
            found.append(("command_matches", "goes with pid_file"))
        if self.user and self.pattern is None:
            found.append(("user", "goes with pattern"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that remembers how much processor time was used."""
        return _ProcessCheck(self)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The processes of one look.

    Attributes:
        roots: those that were asked for, without zombies.
        all: these, and their descendants where those count.
        zombies: how many of those that were asked for are dead and not yet reaped.
        files: files they have open; None when that may not be known.
        reason: why there is none.
        incarnation: identity of what was found.
    """

    roots: Sequence[_proc.Stat] = ()
    all: Sequence[_proc.Stat] = ()
    zombies: int = 0
    files: int | None = None
    reason: str = ""
    incarnation: str | None = None


@dataclass(slots=True)
class _Sample:
    """Processor time used by each process at one moment."""

    at: float
    used: dict[tuple[int, float], float] = field(default_factory=dict)


class _ProcessCheck:
    """Looks at one process or several, and keeps the last sample of processor time."""

    def __init__(self, options: Process) -> None:
        self._options = options
        self._sample: _Sample | None = None
        self.instant = options.service is not None and not options.tree and not options.bounds("cpu")

    async def look(self, look: Look) -> Observation:
        if self._options.service is not None:
            return await self._look_at_service(look, self._options.service)
        return await self._judge(look, self._find, None)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _look_at_service(self, look: Look, name: str) -> Observation:
        """Answer from what is known of the service: on the loop, without a thread, so that an exit is told at once."""
        service = look.site.services.get(name)
        if service is None:
            raise CheckBrokenError(f"there is no service {name!r}", cause=Cause.NOT_KNOWN)
        status = service.status
        if observation := _not_running(look, status):
            return observation
        if status.pid is None:
            return look.observe(
                Status.HEALTHY, "running", metadata={"state": status.state.value}, incarnation=status.incarnation
            )
        return await self._judge(look, partial(self._find_one, status.pid, status.incarnation), status)

    # ── Finding ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _find_one(self, pid: int, incarnation: str | None) -> _Seen:
        process = _proc.stat(pid)
        if process is None or process.state in "ZX":
            return _Seen(reason=f"process {pid} has ended", incarnation=incarnation)
        return self._measured([process], incarnation=incarnation)

    def _find(self) -> _Seen:
        """Find what a pid file or a pattern means. Runs in a thread."""
        if self._options.pid_file is not None:
            found = _proc.follow(self._options.pid_file, self._options.command_matches)
            if found.unreadable:
                raise CheckBrokenError(found.reason, cause=found.cause)
            if found.process is None:
                return _Seen(reason=found.reason)
            return self._measured([found.process], incarnation=found.incarnation)
        matches = self._matching()
        running = [process for process in matches if process.state not in "ZX"]
        if not running:
            if not Path("/proc/1/stat").exists():
                what = "/proc hides the processes of others (hidepid), so none can be searched for"
                raise CheckBrokenError(what, cause=Cause.PERMISSION)
            return _Seen(reason=f"no process matches {self._options.pattern!r}", zombies=len(matches))
        incarnation = " ".join(f"{process.pid}-{process.started:.2f}" for process in sorted(running)[:_SHOWN])
        return self._measured(running, zombies=len(matches) - len(running), incarnation=incarnation)

    def _matching(self) -> list[_proc.Stat]:
        pattern = re.compile(self._options.pattern or "")
        owner = _user_number(self._options.user) if self._options.user else None
        return [
            process
            for process in _proc.everybody()
            if process.pid != os.getpid()
            and (owner is None or _proc.owner(process.pid) == owner)
            and (line := _proc.command_line(process.pid))
            and pattern.search(line)
            and not _proc.is_errand(process.pid)
        ]

    def _measured(self, roots: list[_proc.Stat], *, zombies: int = 0, incarnation: str | None = None) -> _Seen:
        everybody = _proc.with_descendants(roots) if self._options.tree else roots
        counts = [_proc.open_files(process.pid) for process in everybody]
        known = [count for count in counts if count is not None]
        files = sum(known) if len(known) == len(counts) else None
        return _Seen(roots=roots, all=everybody, zombies=zombies, files=files, incarnation=incarnation)

    # ── Judging ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _judge(self, look: Look, find: Callable[[], _Seen], status: ServiceStatus | None) -> Observation:
        """Find and judge; of a service without its tree on the loop (microseconds), else in a thread."""
        on_loop = status is not None and not self._options.tree
        seen = find() if on_loop else await _THREADS.run(find)
        cpu = self._cpu(look, seen)
        if cpu is None and self._options.bounds("cpu") and seen.all:
            await look.site.clock.sleep(min(_FIRST_WINDOW, look.remaining / 2))
            seen = find() if on_loop else await _THREADS.run(find)
            cpu = self._cpu(look, seen)
        return self._answer(look, seen, cpu)

    def _cpu(self, look: Look, seen: _Seen) -> float | None:
        """Return cores in use since the last sample; None when there is none to compare with."""
        now = look.site.clock.monotonic()
        before = self._sample
        self._sample = _Sample(now, {process.identity: process.cpu_seconds for process in seen.all})
        if before is None or now <= before.at or not seen.all:
            return None
        used = (
            # Who was not there before has used all it used since then.
            max(0.0, process.cpu_seconds - before.used.get(process.identity, 0.0))
            for process in seen.all
        )
        return sum(used) / (now - before.at)

    def _answer(self, look: Look, seen: _Seen, cpu: float | None) -> Observation:
        options, findings = self._options, Findings()
        count = len(seen.roots)
        self._judge_count(findings, seen)
        for process in seen.all:
            if process.state == "T":
                findings.unhealthy(f"process {process.pid} ({process.name}) is stopped (SIGSTOP), expected it to run")
        metrics = {"count": Metric(count)}
        if seen.all:
            metrics |= self._judge_use(findings, seen, cpu)
            metrics |= self._judge_age(findings, look, seen)
        metadata: dict[str, Json] = {"pids": [process.pid for process in sorted(seen.roots)[:_SHOWN]]}
        if seen.roots:
            metadata["state"] = seen.roots[0].state
        if seen.zombies:
            metadata["zombies"] = seen.zombies
        summary = _summary(seen) if seen.roots else seen.reason
        if options.bounds("fds") and seen.files is None and seen.all:
            what = "may not see how many files the process has open: run Salus as its user or as root"
            raise CheckBrokenError(what, cause=Cause.PERMISSION)
        return findings.answer(look, summary, metrics=metrics, metadata=metadata, incarnation=seen.incarnation)

    def _judge_count(self, findings: Findings, seen: _Seen) -> None:
        count, options = len(seen.roots), self._options
        none_is_fine = options.count_below is not None or options.warn_count_below is not None
        if not count and options.count_above is None and not none_is_fine:
            zombies = f" ({seen.zombies} dead and not reaped)" if seen.zombies else ""
            findings.unhealthy(f"{seen.reason}{zombies}")
            return
        what = "process runs" if count == 1 else "processes run"
        findings.judge(options, "count", count, f"{count} {what}")

    def _judge_use(self, findings: Findings, seen: _Seen, cpu: float | None) -> dict[str, Metric]:
        options = self._options
        rss = sum(process.rss_bytes for process in seen.all)
        threads = sum(process.threads for process in seen.all)
        findings.judge(options, "rss", rss, f"{format_size(rss)} of memory resident", show=format_size)
        findings.judge(options, "threads", threads, f"{threads} threads")
        metrics = {"rss_bytes": Metric(rss, "bytes"), "threads": Metric(threads)}
        if seen.files is not None:
            findings.judge(options, "fds", seen.files, f"{seen.files} files open")
            metrics["fds"] = Metric(seen.files)
        if cpu is not None:
            findings.judge(options, "cpu", cpu, f"{cpu:.2f} cores used")
            metrics["cpu_ratio"] = Metric(cpu, "ratio")
        return metrics

    def _judge_age(self, findings: Findings, look: Look, seen: _Seen) -> dict[str, Metric]:
        now = look.site.clock.boottime()
        ages = [max(0.0, now - process.started) for process in seen.roots]
        youngest, oldest = min(ages), max(ages)
        options = self._options
        # A look at the youngest finds what keeps starting anew; a look at the oldest what should have been replaced.
        said = f"running for {format_duration(youngest)} only"
        findings.judge(options, "age", youngest, said, show=format_duration, sides=("above",))
        said = f"running for {format_duration(oldest)}"
        findings.judge(options, "age", oldest, said, show=format_duration, sides=("below",))
        metrics = {"age_seconds": Metric(oldest, "seconds")}
        if len(ages) > 1:
            metrics["youngest_age_seconds"] = Metric(youngest, "seconds")
        return metrics


def _not_running(look: Look, status: ServiceStatus) -> Observation | None:
    """Answer for a service of which no copy is up; None when one is.

    A service that a person stopped is unhealthy like any other that does not run, because whoever needs it misses it;
    that Salus leaves it alone is for the rules to say. One that is being started or stopped right now cannot be told.
    """
    if status.state is ServiceState.RUNNING:
        return None
    said = bounded_line(f"{status.state.value}: {status.message}" if status.message else status.state.value)
    verdict = Status.UNHEALTHY if status.state in (ServiceState.STOPPED, ServiceState.EXITED) else Status.UNKNOWN
    if not status.wanted:
        said = f"{said} (stopped by a person)"
    metadata: dict[str, Json] = {"state": status.state.value, "wanted": status.wanted}
    return look.observe(verdict, said, metrics={"count": Metric(0)}, metadata=metadata, incarnation=status.incarnation)


def _summary(seen: _Seen) -> str:
    first, count = seen.roots[0], len(seen.roots)
    if count > 1:
        return f"{count} processes run"
    more = len(seen.all) - 1
    return f"{first.name} runs as process {first.pid}" + (f" with {more} descendants" if more else "")


def _user_number(name: str) -> int:
    import pwd

    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError as error:
        raise CheckBrokenError(f"there is no user {name!r}", cause=Cause.NOT_KNOWN) from error
