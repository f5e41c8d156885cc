"""The ``cpu`` check: how busy the processors were since the look before."""

from __future__ import annotations

from salus.checks import _host
from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.units import Share

# A first look has nothing to compare with and measures this long itself.
_FIRST_WINDOW = 0.25


class Cpu(BoundedOptions, frozen=True, kw_only=True):
    """How busy all processors together were since the look before (the first look measures a quarter of a second).

    Attributes:
        used_below: unhealthy unless programs and the kernel used less than this share.
        warn_used_below: degraded unless they used less than this share.
        iowait_below: unhealthy unless less than this share was spent waiting for disks.
        warn_iowait_below: degraded unless less than this share was.
        steal_below: unhealthy unless the hypervisor kept back less than this share.
        warn_steal_below: degraded unless it kept back less than this share.
        pressure_below: unhealthy unless tasks waited for a processor in less than this share of the last ten seconds.
        warn_pressure_below: degraded unless they waited less than this.
    """

    used_below: Share | None = None
    warn_used_below: Share | None = None
    iowait_below: Share | None = None
    warn_iowait_below: Share | None = None
    steal_below: Share | None = None
    warn_steal_below: Share | None = None
    pressure_below: Share | None = None
    warn_pressure_below: Share | None = None

    def build(self, site: Site) -> Check:
        """Make a check that remembers the last reading."""
        return _CpuCheck(self)

    def judge(self, look: Look, before: _host.Ticks, after: _host.Ticks, pressure: dict[str, float]) -> Observation:
        """Hold what happened between two readings against the bounds."""
        span = max(after.total - before.total, 1)
        shares = {
            "used": (after.user - before.user + after.system - before.system) / span,
            "user": (after.user - before.user) / span,
            "system": (after.system - before.system) / span,
            # The kernel may count iowait backwards when a processor sleeps.
            "iowait": max(0, after.iowait - before.iowait) / span,
            "steal": (after.steal - before.steal) / span,
        }
        findings = Findings()
        for name, what in (("used", "used"), ("iowait", "waiting for disks"), ("steal", "kept by the hypervisor")):
            findings.judge(self, name, shares[name], f"{show_share(shares[name])} {what}", show=show_share)
        if "some" in pressure:
            waited = f"tasks waited for a processor {show_share(pressure['some'])} of the last 10 s"
            findings.judge(self, "pressure", pressure["some"], waited, show=show_share)
        metrics = {f"{name}_ratio": Metric(share, "ratio") for name, share in shares.items()}
        summary = f"{show_share(shares['used'])} used"
        return findings.answer(look, summary, metrics=metrics | _host.pressure_metrics(pressure))


class _CpuCheck:
    """Keeps the last reading between looks."""

    def __init__(self, options: Cpu) -> None:
        self._options = options
        self._before: _host.Ticks | None = None

    async def look(self, look: Look) -> Observation:
        before, after = self._before, _host.ticks()
        if before is None or after.total <= before.total:
            before = after
            await look.site.clock.sleep(min(_FIRST_WINDOW, look.remaining / 2))
            after = _host.ticks()
        self._before = after
        return self._options.judge(look, before, after, _host.pressure("cpu"))

    async def aclose(self) -> None:
        """Nothing is kept open."""
