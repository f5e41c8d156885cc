"""The ``heartbeat`` check: a job reports in, and silence is the alarm."""

from __future__ import annotations

from datetime import datetime, timedelta

from salus.checks._bounds import bounded_line
from salus.model import Metric, Observation, Status
from salus.options import CheckOptions
from salus.ports import Check, Heartbeat, Look, Site
from salus.units import Duration, format_duration


class HeartbeatCheck(CheckOptions, frozen=True, kw_only=True):
    """A job that reports in at ``/ping/<slug>``, by itself, when it starts (``/start``), ends or fails (``/fail``).

    Attributes:
        slug: the name it reports under.
        every: how often it should report.
        grace: how much later than that is still well.
        max_duration: how long a run may take from its start report on; without it, ``every`` and ``grace`` together.
    """

    slug: str
    every: Duration
    grace: Duration = Duration(0)
    max_duration: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that there is something to wait for."""
        found: list[tuple[str, str]] = []
        if not self.slug or not all(character.isalnum() or character in "-_." for character in self.slug):
            found.append(("slug", "use letters, digits, '-', '_' and '.'"))
        if self.every <= 0:
            found.append(("every", "must be more than zero"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that knows since when it waits for the first report."""
        return _Waiting(self)

    def judge(self, look: Look, last: Heartbeat | None, waiting_since: datetime) -> Observation:
        """Hold the last report against the schedule.

        Args:
            look: the look to answer.
            last: the last report, or None.
            waiting_since: when Salus began to listen.
        """
        allowed = timedelta(seconds=self.every + self.grace)
        expected = f"expected every {format_duration(self.every)}"
        if last is None:
            waited = look.at - waiting_since
            said = f"{self.slug!r} has never reported in ({format_duration(waited.total_seconds())} so far)"
            if waited <= allowed:
                return look.unknown(f"{said}, {expected}")
            return look.unhealthy(f"{said}, {expected}")
        # A report from the future was made before the clock was set back.
        age = max(timedelta(), look.at - last.at)
        status, said = self._verdict(last, age, expected, allowed)
        metrics = {"age_seconds": Metric(age.total_seconds(), "seconds")}
        if last.started_at is not None and last.signal != "start":
            metrics["run_seconds"] = Metric(max(0.0, (last.at - last.started_at).total_seconds()), "seconds")
        return look.observe(status, bounded_line(said), metrics=metrics, metadata={"signal": last.signal})

    def _verdict(self, last: Heartbeat, age: timedelta, expected: str, allowed: timedelta) -> tuple[Status, str]:
        ago = format_duration(age.total_seconds())
        added = f": {last.message}" if last.message else ""
        if last.signal == "fail":
            return Status.UNHEALTHY, f"{self.slug!r} reported failure {ago} ago{added}"
        if last.signal == "exit" and last.exit_code:
            return Status.UNHEALTHY, f"{self.slug!r} ended with exit code {last.exit_code} {ago} ago{added}"
        if last.signal == "start":
            limit = timedelta(seconds=self.max_duration) if self.max_duration is not None else allowed
            longest = format_duration(limit.total_seconds())
            if age > limit:
                return Status.UNHEALTHY, f"{self.slug!r} has been running for {ago}, expected at most {longest}"
            return Status.HEALTHY, f"{self.slug!r} has been running for {ago}"
        if age > allowed:
            grace = f" and {format_duration(self.grace)} of grace" if self.grace else ""
            return Status.UNHEALTHY, f"{self.slug!r} last reported {ago} ago, {expected}{grace}"
        return Status.HEALTHY, f"{self.slug!r} reported {ago} ago{added}"


class _Waiting:
    """Remembers since when it waits."""

    def __init__(self, options: HeartbeatCheck) -> None:
        self._options = options
        self._since: float | None = None

    async def look(self, look: Look) -> Observation:
        if self._since is None:
            self._since = look.started
        waiting_since = look.at - timedelta(seconds=look.started - self._since)
        return self._options.judge(look, look.site.heartbeats.last(self._options.slug), waiting_since)

    async def aclose(self) -> None:
        """Nothing is kept open."""
