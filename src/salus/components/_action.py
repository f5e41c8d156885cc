"""The actions of any component: each acts on one very object."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from salus.actions.call import CallAction
from salus.components._part import Part
from salus.model import Effect
from salus.ports import ActionResult, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What can be done to a component.

    Attributes:
        done: what to say afterwards, with ``{name}`` for the name of the component.
        calls: methods to call, one after the other.
        instead: methods to call where the object lacks one of ``calls``.
        unless: the first of ``instead`` is left out where this member says False: what does not run is not stopped.
        effect: what it can do to the world.
    """

    done: str
    calls: tuple[str, ...]
    instead: tuple[str, ...] = ()
    unless: str = ""
    effect: Effect = Effect.CHANGES

    def methods(self, part: Part) -> tuple[str, ...]:
        """Return the methods that are called for this object; none where it cannot be done."""
        if len(part.capable(self.calls)) == len(self.calls):
            return self.calls
        return self.instead if len(part.capable(self.instead)) == len(self.instead) else ()


@dataclass(frozen=True, slots=True)
class ComponentAction:
    """See ``ports.Action``. Plain methods run in a thread, coroutine methods on the loop of the application.

    Attributes:
        part: what it acts on.
        deed: what it does.
    """

    part: Part
    deed: Deed

    @property
    def effect(self) -> Effect:
        """Return what it can do to the world."""
        return self.deed.effect

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the services it touches: none, a component is no service."""
        return frozenset()

    async def run(self, scene: Scene) -> ActionResult:
        """Call the methods in their order; the answer of the last one is told.

        Raises:
            ActionError: one of them raised, or returned False.
        """
        methods = self.deed.methods(self.part)
        if self.deed.unless and methods == self.deed.instead and not await self._says(scene, self.deed.unless):
            methods = methods[1:]
        result = ActionResult()
        for method in methods:
            label = f"{method}() of {self.part.name}"
            result = await CallAction(self._telling(method), label=label).run(scene)
        self.part.renewed()
        return result

    async def _says(self, scene: Scene, member: str) -> bool:
        asked = _wrapped(self.part.method(member), lambda said: {"said": bool(said)})
        found = await CallAction(asked, label=f"{member}() of {self.part.name}").run(scene)
        return bool(found.evidence["said"])

    def _telling(self, method: str) -> Callable[[], object]:
        done = self.deed.done.format(name=self.part.name)
        return _wrapped(self.part.method(method), partial(_told, done))


def _told(done: str, answer: object) -> object:
    """Say what was done, and what the method has to say about it."""
    match answer:
        case None | True:
            return done
        case False:
            return False
        case str() | int() | float():
            return f"{done}: {answer}"
        case Mapping():
            return ActionResult(message=done, evidence={str(key): value for key, value in answer.items()})
        case _:
            return ActionResult(message=done, evidence={"returned": f"{answer!r:.1000}"})


def _wrapped(method: Callable[[], object], turn: Callable[[object], object]) -> Callable[[], object]:
    """Return a function of the same kind (plain or not) whose answer is turned into something else."""
    if inspect.iscoroutinefunction(method):
        coroutine = cast("Callable[[], Awaitable[object]]", method)

        async def wait() -> object:
            return turn(await coroutine())

        return wait

    def call() -> object:
        answer = method()
        return _turned(answer, turn) if inspect.isawaitable(answer) else turn(answer)

    return call


async def _turned(answer: Awaitable[object], turn: Callable[[object], object]) -> object:
    return turn(await answer)
