"""The config is read again while everything runs: applied where it is right, refused and told where it is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from salus.app.alerting import Alerting
from salus.app.build import Resolved
from salus.app.core import Core
from salus.app.outside import Outside
from salus.app.reload import Reload
from salus.app.source import Source
from salus.app.troubles import Troubles
from salus.config import Settings
from salus.engine.selfcheck import NAME
from salus.engine.view import EngineView
from salus.errors import ConfigError, SalusError
from salus.model import NOTHING, EventKind, Json

_log = logging.getLogger("salus.agent")

_MOST_GONE = 1000  # checks that an event names as gone


class Reloading:
    """Applies a new config to all parts, one reload after the other."""

    def __init__(
        self,
        source: Source,
        core: Core,
        *,
        view: EngineView,
        alerting: Alerting,
        outside: Outside,
        troubles: Troubles,
    ) -> None:
        """Read from ``source``, and change these."""
        self._source = source
        self._core = core
        self._view = view
        self._alerting = alerting
        self._outside = outside
        self._troubles = troubles
        self._one = asyncio.Lock()

    async def run(self) -> str:
        """Read the config again and apply it; unchanged checks keep their state.

        Returns:
            What changed, in words.

        Raises:
            ConfigError: the new config is wrong; the last good one stays in force.
            ConflictError: there is no file to read.
        """
        async with self._one:
            with self._outside.while_reloading():
                try:
                    new = self._source.read()
                except ConfigError as error:
                    self._refuse(error)
                    raise
                return await self._apply(new)

    def _refuse(self, error: ConfigError) -> None:
        first = error.problems[0] if error.problems else error
        self._troubles.reload = f"the changed config is wrong, the last good one stays in force: {first}"
        self._core.engine.bus.tell(EventKind.CONFIG_REJECTED, message=str(error)[:2000])
        self._core.nudge(NAME)

    async def _apply(self, new: Resolved) -> str:
        core, old = self._core, self._source.resolved
        self._keep_fixed(old.settings, new.settings)
        said, forget = await Reload(core.engine, core.services, old, new).run()
        self._source.resolved = new
        agent = new.settings.agent
        self._view.name = agent.name
        self._view.environment, self._view.show_details = agent.environment, agent.show_details
        await self._alerting.configure(new)
        await self._outside.configure(new.settings)
        self._troubles.reload = ""
        core.listen(new)
        gone: Json = [*forget.forget_checks[:_MOST_GONE]]
        core.engine.bus.tell(EventKind.CONFIG_RELOADED, message=said, data={"removed": gone} if gone else NOTHING)
        await core.recorder.commit()
        await core.recorder.forget(forget)
        core.nudge(NAME)
        return said

    @staticmethod
    def _keep_fixed(old: Settings, new: Settings) -> None:
        was, wanted = old.agent, new.agent
        if (wanted.host, wanted.port, wanted.state_dir) != (was.host, was.port, was.state_dir):
            _log.warning("listen and state_dir take effect when Salus is started again")


async def quietly(reload: Callable[[], Awaitable[object]]) -> None:
    """Reload for somebody who does not wait for an answer: what goes wrong is logged."""
    try:
        await reload()
    except ConfigError:
        pass  # told as an event, like what has changed: the log says either once
    except SalusError as error:
        _log.error("not reloaded: %s", error)
