"""The page on the status page explains every word, and its table of addresses is true."""

from __future__ import annotations

import re
from pathlib import Path

from salus.model import Status
from salus.surfaces.statuspage import words
from tests.fake_status import Shop

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/public-status-page.md").read_text(encoding="utf-8")


def test_every_word_for_a_condition_is_explained() -> None:
    assert [word for word in words.CONDITIONS.values() if f"| {word} |" not in PAGE] == []


async def test_every_address_is_there() -> None:
    shop = Shop(statuses={"web-http": Status.UNHEALTHY})
    named = re.findall(r"`((?:/status/)?[\w/.-]+(?:\.json|\.atom|\.rss)|/status/history)", PAGE)
    assert len(named) >= 8
    for one in named:
        path = one if one.startswith("/") else f"/status/api/v2/{one}"
        assert (await shop.ask(path)).code == 200, path
