"""What people ask of recoveries: one that begins, one that is called off."""

from __future__ import annotations

from salus.errors import ConflictError, NotFoundError
from salus.model import Json
from salus.ports import Control, Past, RecoveryQuery
from salus.surfaces import wire
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import parse
from salus.surfaces.deeds import DeedRequests
from salus.surfaces.orders import HealBody


class RecoveryRequests(DeedRequests):
    """Passes on what is asked of recoveries; the ledger knows those that have ended."""

    def __init__(self, control: Control, past: Past) -> None:
        """Ask it of ``control``."""
        super().__init__(control)
        self._past = past

    async def begin(self, asked: Asked) -> Json:
        """Run a rule now; answers with the recovery as it begins."""
        return wire.recovery(await self._control.begin(parse(asked.body, HealBody).rule))

    async def cancel(self, asked: Asked) -> Json:
        """Call a recovery off that runs."""
        try:
            return await super().cancel(asked)
        except NotFoundError:
            found = await self._past.recoveries(RecoveryQuery(id=asked.name, limit=1))
            if not found:
                raise
            ended = found[0].outcome or "running no more"
            raise ConflictError(f"recovery {asked.name[:200]!r} has ended: {ended}") from None
