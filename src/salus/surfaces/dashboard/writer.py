"""Writes pages and their regions from templates; autoescape is on for all of them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from salus.model import Role
from salus.surfaces.charts import icon, ratio_bar, spark
from salus.surfaces.dashboard import words
from salus.surfaces.dashboard.page import Region, Visit

ROOT = "/health-dashboard"
# Stands for the token of a session until a page is sent: regions are the same for many visitors. Nobody outside can
# write it, so a message that looks like a form gets none.
_TOKEN = f"csrf-{secrets.token_hex(16)}"
_TIME = re.compile(r'(<time datetime="([^"]{20,32})" data-(ago|clock)[^>]*>)[^<]*')


class Writer:
    """Holds the templates."""

    def __init__(self, assets: Callable[[str], str]) -> None:
        """Read the templates; ``assets`` tells the address, below the root, of a file by its name."""
        self._assets = assets
        self._environment = _environment()

    def region(self, region: Region, visit: Visit) -> str:
        """Write one region, with what is around it."""
        inside = self._environment.get_template(region.template).render(region.facts, **self._known(visit))
        return self.around(region.id, region.tag, region.classes, inside)

    def around(self, name: str, tag: str, classes: str, inside: str, *, rows: bool = False) -> str:
        """Write the element around a region, or around a list of them."""
        kind = f' class="{escape(classes)}"' if classes else ""
        mark = " data-rows" if rows else ""
        return f'<{tag} id="{escape(name)}"{kind}{mark}>{inside}</{tag}>'

    def page(self, template: str, facts: dict[str, Any], visit: Visit, now: datetime) -> str:
        """Write a whole page for one visitor."""
        known = self._known(visit)
        text = self._environment.get_template(template).render(facts, asset=self._assets, **known)
        session = visit.caller.session
        return _tell_times(text.replace(_TOKEN, session.csrf if session else ""), now)

    def plain(self, html: str) -> str:
        """Return the text of a region as it may go to many: without anybody's token."""
        return html.replace(_TOKEN, "")

    def _known(self, visit: Visit) -> dict[str, Any]:
        return {
            "base": visit.caller.prefix + ROOT,
            "here": visit.caller.prefix + ROOT + visit.address,
            "may_act": visit.caller.may(Role.OPERATOR),
            "may_rule": visit.caller.may(Role.ADMIN),
        }


@cache
def _environment() -> Environment:
    """Read and compile every template, once: that waits for files, and a request must not."""
    folder = files("salus.surfaces.dashboard").joinpath("templates")
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".html")}
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters.update(
        instant=words.instant,
        clocktime=words.clocktime,
        duration=words.duration,
        size=words.size,
        number=words.number,
        share=words.share,
        counted=words.counted,
        segment=words.segment,
        mark=words.mark,
    )
    environment.globals.update(
        icon=_drawn(icon), spark=_drawn(spark), ratio_bar=_drawn(ratio_bar), status_word=words.status_word, csrf=_csrf
    )
    for name in texts:
        environment.get_template(name)
    return environment


def _csrf() -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(_TOKEN)


def _drawn(draw: Callable[..., str]) -> Callable[..., Markup]:
    def drawn(*facts: Any, **more: Any) -> Markup:
        return Markup(draw(*facts, **more))  # noqa: S704 - drawn by us, and every text in it is escaped

    return drawn


def _tell_times(text: str, now: datetime) -> str:
    """Write how long ago it is into the times that a page shows; a script goes on with that where there is one."""

    def told(found: re.Match[str]) -> str:
        at = datetime.fromisoformat(found[2])
        return f"{found[1]}{escape(words.lasts(at, now) if found[3] == 'clock' else words.ago(at, now))}"

    return _TIME.sub(told, text)
