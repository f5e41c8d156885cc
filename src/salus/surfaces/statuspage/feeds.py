"""The feeds: one entry for each incident and announcement, which changes when more is told of it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time

from salus.surfaces.statuspage import pages, words
from salus.surfaces.statuspage.public import Page

MOST = 25
ATOM = "application/atom+xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"


def atom(page: Page, root: str) -> str:
    """Write it as Atom (RFC 4287)."""
    return _feed(page, root, "atom")


def rss(page: Page, root: str) -> str:
    """Write it as RSS 2.0."""
    return _feed(page, root, "rss")


def _feed(page: Page, root: str, kind: str) -> str:
    """Write a feed; it stays the same, to the byte, until something is told."""
    troubles = sorted(page.troubles, key=lambda one: (one.updated_at, one.id), reverse=True)[:MOST]
    quiet = datetime.combine(words.first_of(page.at.date()), time(), UTC)
    return pages.feed(page, root, kind, troubles, max((one.updated_at for one in troubles), default=quiet))
