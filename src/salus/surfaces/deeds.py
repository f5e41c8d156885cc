"""What a person may have done at once: a look, a recovery, a service started or stopped, the config read again."""

from __future__ import annotations

from salus.model import Json
from salus.ports import Control
from salus.surfaces import wire
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import Body, parse


class DeedRequests:
    """Passes on what is asked of the engine."""

    def __init__(self, control: Control) -> None:
        """Ask it of ``control``."""
        self._control = control

    async def run_check(self, asked: Asked) -> Json:
        """Look afresh."""
        return wire.observation(await self._control.check_now(asked.name))

    async def heal(self, asked: Asked) -> Json:
        """Run a rule now; answers when the recovery has ended."""
        return wire.recovery(await self._control.heal(asked.name))

    async def cancel(self, asked: Asked) -> Json:
        """Call a recovery off that runs; answers when what it did has ended."""
        by = asked.by(parse(asked.body, Body))
        return wire.recovery(await self._control.cancel(asked.name, by=by))

    async def reset(self, asked: Asked) -> Json:
        """Forget the attempts of a rule."""
        await self._control.reset(asked.name)
        return {"message": f"rule {asked.name!r} starts again with all its attempts"}

    async def start_service(self, asked: Asked) -> Json:
        """Start a service."""
        return wire.service(await self._control.start_service(asked.name))

    async def stop_service(self, asked: Asked) -> Json:
        """Stop a service."""
        return wire.service(await self._control.stop_service(asked.name))

    async def restart_service(self, asked: Asked) -> Json:
        """Restart a service."""
        return wire.service(await self._control.restart_service(asked.name))

    async def reload(self, asked: Asked) -> Json:
        """Read the config again."""
        return {"message": await self._control.reload()}
