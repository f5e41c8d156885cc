"""The door of the API: what is not asked is not loaded, and what is asked at once is loaded once."""

from __future__ import annotations

import asyncio
from typing import Any

from salus.surfaces.api.door import ApiDoor
from salus.surfaces.door import FrontDoor
from tests.asgi import ask
from tests.fake_api import FakeApi


class Making:
    """Makes an API, and counts how often."""

    def __init__(self) -> None:
        self.inside = FakeApi()
        self.made = 0
        self.door = FrontDoor([ApiDoor(self.make)], self.inside.app)

    def make(self) -> Any:
        self.made += 1
        return self.inside.answers


async def test_what_is_behind_the_api_is_answered_without_loading_it() -> None:
    making = Making()
    assert (await ask(making.door, "/health/live")).code == 200
    assert (await ask(making.door, "/api/v1/alerts/webhook")).code == 404
    assert making.made == 0


async def test_many_who_ask_at_once_load_the_api_once() -> None:
    making = Making()
    answers = await asyncio.gather(*(ask(making.door, "/api/v1/openapi.json") for _ in range(10)))
    assert [answer.code for answer in answers] == [200] * 10
    assert making.made == 1
