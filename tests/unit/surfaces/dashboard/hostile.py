"""Names and messages that attack, and what must never come of them."""

from __future__ import annotations

import re
from html import unescape

from tests.visitor import ROOT, Html

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "../../etc",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "\x00\x1b[31m\u202e\ufeff",
    "ä" * 150,
)


def is_harmless(page: Html, *, elsewhere: tuple[str, ...] = ()) -> None:
    """See that nothing on a page is more than text, and that every link stays below the root."""
    assert [list(attrs) for tag, attrs in page.tags if tag == "script"] == [["src", "defer"]]
    assert not [attrs for _, attrs in page.tags if "style" in attrs or any(name.startswith("on") for name in attrs)]
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "style")]
    strange = [link for link in page.links if not link.startswith((ROOT + "/", "#")) and link not in elsewhere]
    assert strange == []
    assert len(page.ids) == len(set(page.ids))
    assert [tag for tag, _ in page.tags].count("h1") == 1


def acts(page: Html) -> list[str]:
    """Return what the buttons of a page ask for, below the API's root."""
    return [form.removeprefix(f"{ROOT}/do") for form in page.forms if form.startswith(f"{ROOT}/do")]


def older(page: Html) -> str:
    """Return the way to the next page of a list, below the root; empty where there is none."""
    found = [attrs["href"] or "" for tag, attrs in page.tags if tag == "a" and attrs.get("rel") == "next"]
    return found[0].removeprefix(ROOT) if found else ""


def told(page: Html) -> str:
    """Return what one reads, the times as well."""
    words = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
    return words.replace("( ", "(").replace(" )", ")").replace(" ,", ",")
