"""A real control socket with fakes behind it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from salus.surfaces.control import ControlApp
from salus.surfaces.server import Server
from tests.fake_agent import API, DISK, WEB_RULE, WEB_SERVICE, Bus, FakeControl, FakeView
from tests.fake_api import FakeApi
from tests.fake_desk import FakeDesk


class Agent:
    """A server with fakes behind it, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.view = FakeView([API, DISK], service_list=[WEB_SERVICE], rule_list=[WEB_RULE])
        self.control = FakeControl()
        self.desk = FakeDesk(alerts=[], channel_list=[])
        self.api = FakeApi(view=self.view, control=self.control, desk=self.desk)
        self.folder = folder
        self.port = 0
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        server = Server()
        control = ControlApp(self.view, self.control, Bus().subscribe, desk=self.desk, api=self.api.lazy)
        await server.start(self.api.app, "127.0.0.1", 0, control, self.folder / "salus.sock")
        self.port = server.addresses[0][1]
        self._ready.set()
        await self._end.wait()
        await server.stop(1)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()
