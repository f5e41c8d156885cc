"""What is around every page: the state of the whole, what holds healing, the way to the other pages, signing in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import salus
from salus.model import Overall, Pause, PolicyReport, Status
from salus.surfaces.access.gate import Gate
from salus.surfaces.dashboard.page import Page, PageView, Region, Visit
from salus.surfaces.dashboard.routes import NAVIGATION
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.watch import Watch
from salus.surfaces.dashboard.words import iso
from salus.surfaces.dashboard.writer import ROOT, Writer
from salus.surfaces.http import Scope, cookies

THEMES = ("light", "dark")
THEME = "salus_theme"
_TITLE_MARKS = {Status.HEALTHY: "", Status.DEGRADED: "▲ ", Status.UNHEALTHY: "✖ ", Status.UNKNOWN: "? "}


class Framed:
    """A view with the parts that every page has."""

    def __init__(self, view: PageView, source: Source) -> None:
        """Put a frame around ``view``."""
        self._view = view
        self._source = source
        self.shown = view.shown
        self.role = view.role

    async def page(self, visit: Visit) -> Page:
        """Make the page and its frame."""
        page = await self._view.page(visit)
        overall = (await self._source.survey()).overall
        parts = [*page.parts, self._pulse(overall), self._held(visit), self._nav(page.nav, visit)]
        return replace(page, parts=parts, title=f"{_TITLE_MARKS[overall.status]}{page.title} · Salus")

    def _pulse(self, overall: Overall) -> Region:
        """Tell how it is as a whole, in one line."""
        key = (overall.status, overall.message)
        return Region(id="pulse", template="pulse.html", facts={"overall": overall}, key=key, classes="pulse")

    def _held(self, visit: Visit) -> Region:
        """Tell what holds healing, where anything does: nobody may wonder why nothing is done."""
        agent, policy = self._source.view.agent(), self._source.view.policy()
        if visit.caller.role is None:
            policy = _to_strangers(policy)
        key = (agent.healing_off, agent.problems, policy.pause, policy.maintenance, policy.brakes, policy.mode)
        facts = {"agent": agent, "policy": policy, "now": visit.now}
        whole = (*key, policy.overload, policy.causes, policy.rivals, policy.circuits)
        return Region(id="held", template="held.html", facts=facts, key=whole, classes="held")

    def _nav(self, here: str, visit: Visit) -> Region:
        """Show the way; the numbers are those of things that want a look."""
        view, desk = self._source.view, self._source.desk
        counts = {"alerts": len(desk.active()), "recoveries": len(view.recoveries())} if visit.caller.role else {}
        entries = [one for one in NAVIGATION if one.shown or visit.caller.may(one.role)]
        facts = {"entries": entries, "at": here, "counts": counts}
        return Region(id="nav", template="nav.html", facts=facts, key=(here, tuple(counts.items())), classes="nav")


class Frame:
    """Writes whole pages."""

    def __init__(self, source: Source, writer: Writer) -> None:
        """Show ``source``."""
        self._source = source
        self._writer = writer

    def around(self, view: PageView) -> Framed:
        """Put the frame around a view."""
        return Framed(view, self._source)

    def whole(self, scope: Scope, watch: Watch, visit: Visit, said: Mapping[str, object] | None) -> str:
        """Write a page that was made, for one visitor."""
        page = watch.page
        assert page is not None  # noqa: S101 - it was made a moment ago
        facts = {
            **page.facts,
            **self._known(scope, visit),
            "title": page.title,
            "region": lambda name: _html(watch.region(name)),
            "mark": watch.mark,
            "said": said,
        }
        return self._writer.page(page.template, facts, visit, visit.now)

    def sign_in(self, scope: Scope, visit: Visit, gate: Gate) -> str:
        """Write the page that asks who somebody is."""
        facts = {
            **self._known(scope, visit),
            "title": "Sign in · Salus",
            "next": local(visit.asked("next", 1000), visit),
            "wrong": next((one for one in ("wrong", "wait", "out", "ended") if one in visit.query), ""),
            "said": None,
            "open": gate.open,
            "told": gate.open or visit.caller.role is not None,
        }
        return self._writer.page("sign_in.html", facts, visit, visit.now)

    def trouble(self, scope: Scope, visit: Visit, code: int, what: str, remedy: str) -> str:
        """Write the page that says what went wrong."""
        facts = {
            **self._known(scope, visit),
            "title": f"{code} · Salus",
            "code": code,
            "what": what,
            "remedy": remedy,
            "said": None,
            "told": visit.caller.role is not None,
        }
        return self._writer.page("trouble.html", facts, visit, visit.now)

    def _known(self, scope: Scope, visit: Visit) -> dict[str, Any]:
        theme = next(iter(cookies(scope, THEME)), "")
        every = visit.asked("refresh", 5)
        return {
            "who": visit.caller,
            "session": visit.caller.session,
            "theme": theme if theme in THEMES else "",
            "path": visit.path,
            "view": visit.address,
            "now_iso": iso(visit.now),
            "every": int(every) if every.isdecimal() and 5 <= int(every) <= 3600 else 0,
            "version": salus.__version__,
            "agent": self._source.view.agent(),
            "told": True,
        }


def local(where: str, visit: Visit) -> str:
    """Return an address if it is one of our pages, else that of the overview: nobody is sent anywhere else."""
    home = f"{visit.caller.prefix}{ROOT}/"
    ours = where.startswith(home) and where.isprintable() and where.isascii() and "\\" not in where
    path = where.partition("#")[0].partition("?")[0]
    # A browser goes up at %2e%2e as it does at two dots.
    up = any(unquote(part) in (".", "..") for part in path.split("/"))
    return where if ours and "//" not in path and not up else home


def _to_strangers(policy: PolicyReport) -> PolicyReport:
    """Return what the API tells everybody of what holds healing: that it is paused; not by whom, why, nor what else."""
    return PolicyReport(pause=Pause(since=policy.pause.since) if policy.pause else None)


def _html(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - a region, written by our own templates
