"""The check of any component: asks, judges, and has what works prove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from salus.checks._bounds import bounded_line
from salus.components._facts import Facts, Reading
from salus.components._part import Part, TroubleError
from salus.model import Observation, Status
from salus.ports import Look


class Verdict:
    """What one look found wrong, in the order it was found.

    Attributes:
        status: the worst that was noted.
        cause: what failed, in one word: that of the worst, and of these the first.
        busy: the part has no time for a probe, which would only wait.
    """

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self.status = Status.HEALTHY
        self.cause = ""
        self.busy = False
        self._worse: list[str] = []
        self._bad: list[str] = []

    def unhealthy(self, text: str, cause: str = "") -> None:
        """Note what does not work."""
        self.cause = self.cause if cause == "" or self._worse else cause
        self.status = Status.UNHEALTHY
        self._worse.append(text)

    def degraded(self, text: str, cause: str = "") -> None:
        """Note what works and not as it should."""
        self.cause = self.cause or cause
        self.status = Status.UNHEALTHY if self._worse else Status.DEGRADED
        self._bad.append(text)

    @property
    def message(self) -> str:
        """Return all that is wrong, the worst first, in one line."""
        return "; ".join([*self._worse, *self._bad])


Judge: TypeAlias = Callable[[Facts, Verdict], str]


class ComponentCheck:
    """Looks at one part.

    1. The readings are asked, plain ones in a thread and coroutines on the application's loop, and judged.
    2. Only where that finds nothing unhealthy, the probe is asked: to probe what is dead or exhausted
       would only be to wait.
    3. Where the probe objects, the readings are asked once more: what has died in the meantime is dead, not deaf.
    """

    def __init__(self, part: Part, readings: tuple[Reading, ...], probe: str, judge: Judge, broken: str) -> None:
        """Look at ``part``.

        Args:
            part: what is looked at.
            readings: what it is asked.
            probe: the member that proves that it works; empty where it has none.
            judge: notes what is wrong, and returns what to say when nothing is.
            broken: what to say of the part when its probe objects; also the cause.
        """
        self._part = part
        self._readings = readings
        self._probe = probe
        self._judge = judge
        self._broken = broken

    async def look(self, look: Look) -> Observation:
        """Look once.

        Raises:
            CheckBrokenError: a member answered nonsense, or said that it could not tell.
        """
        verdict, facts, summary = await self._read(look)
        if self._probe and not verdict.busy and verdict.status is not Status.UNHEALTHY:
            objection = await self._prove(look)
            if objection:
                verdict, facts, summary = await self._read(look)
                if verdict.status is not Status.UNHEALTHY:
                    verdict.unhealthy(f"{self._broken}: {objection}", self._broken.replace(" ", "_"))
        return look.observe(
            verdict.status,
            bounded_line(verdict.message or summary),
            metrics=facts.metrics(self._readings),
            cause=verdict.cause,
        )

    async def aclose(self) -> None:
        """Nothing is kept open. A thread that is stuck ends with its function."""

    async def _read(self, look: Look) -> tuple[Verdict, Facts, str]:
        """Ask the readings, and judge them."""
        verdict, facts = Verdict(), Facts(self._part.name, {}, look.at)
        try:
            answers = await self._part.ask(look, [reading.member for reading in self._readings])
        except TroubleError as error:
            verdict.unhealthy(str(error))
            return verdict, facts, ""
        facts = Facts(self._part.name, answers, look.at)
        return verdict, facts, self._judge(facts, verdict)

    async def _prove(self, look: Look) -> str:
        """Return what the probe has to say against the part, or an empty string."""
        try:
            answers = await self._part.ask(look, [self._probe])
        except TroubleError as error:
            return str(error)
        return Facts(self._part.name, answers, look.at).objection(self._probe)
