"""Let time pass."""

from __future__ import annotations

from typing import ClassVar

from salus.model import Effect
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.units import Duration, format_duration


class Wait(ActionOptions, frozen=True, kw_only=True):
    """Wait, so that what was done before can take effect; the check is run afresh afterwards.

    Attributes:
        duration: how long.
    """

    effect: ClassVar[Effect] = Effect.WAITS
    scalar: ClassVar[str] = "duration"

    duration: Duration

    async def run(self, scene: Scene) -> ActionResult:
        """Wait."""
        await scene.site.clock.sleep(self.duration)
        return ActionResult(message=f"waited {format_duration(self.duration)}")
