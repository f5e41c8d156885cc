"""What gRPC is told of the health of an application: as of now, whatever goes on meanwhile."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from salus.integrations._health_board import NOT_SERVING, SERVING, Board

Handler = TypeVar("Handler", bound=Callable[..., object])
LONGEST = 10.0


class Shop:
    """A system whose one check is as it is told, and may change while it is asked."""

    runs = True

    def __init__(self) -> None:
        self.status = "healthy"
        self.meanwhile: Callable[[], object] = lambda: None
        self.error: Exception | None = None

    def is_ready(self) -> bool:
        return True

    def report_sync(self) -> Mapping[str, Any]:
        if self.error is not None:
            raise self.error
        told = {"checks": {"database": {"status": self.status}}}
        self.meanwhile()
        return told

    async def report(self) -> Mapping[str, Any]:
        return self.report_sync()

    def on(self, *kinds: str) -> Callable[[Handler], Handler]:
        return lambda handler: handler


async def test_what_changes_while_a_report_is_made_is_in_the_next_one() -> None:
    shop = Shop()
    board = Board(shop)

    def breaks() -> None:
        shop.status, shop.meanwhile = "unhealthy", lambda: None
        board.change()

    shop.meanwhile = breaks
    assert (board.now() or {})["database"] == SERVING
    assert (board.now() or {})["database"] == NOT_SERVING
    shop.status, shop.meanwhile = "healthy", breaks
    board.change()
    assert (await board.anow() or {})["database"] == SERVING
    assert (await board.anow() or {})["database"] == NOT_SERVING


async def test_a_report_that_fails_in_whatever_way_ends_no_watch() -> None:
    shop, heard = Shop(), queue.Queue[int]()
    board = Board(shop)
    board.watch("database", heard.put, lambda: None)
    assert heard.get(timeout=LONGEST) == SERVING
    shop.error = RuntimeError("Event loop is closed")
    board.change()
    assert heard.get(timeout=LONGEST) == NOT_SERVING
    assert await board.anow() is None
    shop.error = None
    board.change()
    assert heard.get(timeout=LONGEST) == SERVING
    board.close()
