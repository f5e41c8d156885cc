"""Call a function of Python."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, cast

import msgspec

from salus.actions._threads import in_thread
from salus.errors import ActionError, SalusError
from salus.model import Effect
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene

_log = logging.getLogger("salus.action")

_MOST_TOLD = 256
_raised: dict[str, str] = {}  # rule and function -> what was raised last, and where: text, which keeps no frames

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Call(ActionOptions, frozen=True, kw_only=True):
    """Call a function: a coroutine function is awaited, any other runs in a thread of its own.

    What it returns becomes the step's message (text) or its evidence (a mapping); ``False`` or an exception fails the
    step. A function with a parameter named ``scene`` is given the scene.

    Attributes:
        function: ``package.module:function``.
        args: positional arguments.
        kwargs: keyword arguments.
        effect: ``records`` (never counts as success), ``changes``, or ``replaces`` (the target is a new copy).
    """

    scalar: ClassVar[str] = "function"

    function: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    effect: Effect = Effect.CHANGES

    def problems(self) -> list[tuple[str, str]]:
        """Find a name that cannot be one."""
        if not _NAME.fullmatch(self.function):
            return [("function", f"{self.function!r} names no function: write it like package.module:function")]
        return []

    async def run(self, scene: Scene) -> ActionResult:
        """Import the function in a thread, since that may take long, and call it."""
        function = await in_thread(lambda _: _imported(self.function), grace=0)
        return await _Calling(self.function, scene, named=True).call(function, self.args, self.kwargs)


@dataclass(frozen=True, slots=True)
class CallAction:
    """An action made of a callable, for applications that use Salus as a library.

    Attributes:
        function: what is called; may take a parameter named ``scene``, may be a coroutine function.
        args: positional arguments.
        kwargs: keyword arguments.
        effect: what it can do to the world.
        services: names of the services it touches.
        label: what messages call it, where the name of the action does not tell what was called.
    """

    function: Callable[..., object]
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    effect: Effect = Effect.CHANGES
    services: frozenset[str] = frozenset()
    label: str = ""

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the services it touches."""
        return self.services

    async def run(self, scene: Scene) -> ActionResult:
        """Call it."""
        calling = _Calling(self.label or _label(self.function), scene, named=bool(self.label))
        return await calling.call(self.function, self.args, self.kwargs)


def _imported(name: str) -> Callable[..., object]:
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        remedy = "install its package into the Python that runs Salus, or set PYTHONPATH"
        raise ActionError(f"{name}: {error}", remedy=remedy) from error
    except Exception as error:
        raise ActionError(f"{name}: importing {module} raised {_told(error)}") from error
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ActionError(f"{name}: there is no {part!r} in it") from None
    if not callable(found):
        raise ActionError(f"{name} is not a function but {type(found).__name__}")
    return cast("Callable[..., object]", found)


class _Calling:
    """One call, and how it is told."""

    def __init__(self, name: str, scene: Scene, *, named: bool) -> None:
        """Call ``name``; ``named`` where failures say so: elsewhere the action, whose name stands before, is enough."""
        self._name = name
        self._scene = scene
        self._subject = f"{name} " if named else ""

    async def call(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> ActionResult:
        arguments = dict(kwargs)
        if "scene" not in arguments and _takes_scene(function):
            arguments["scene"] = self._scene
        work = partial(function, *args, **arguments)
        try:
            if _is_async(function):
                result = await self._scene.site.home.run(cast("Any", work))
            else:
                result = await in_thread(lambda _: work(), grace=0)
                if inspect.isawaitable(result):
                    result = await self._scene.site.home.run(partial(_awaited, result))
        except SalusError:
            raise
        except Exception as error:
            place = self._place_of(error)
            raise ActionError(f"{self._subject}raised {_told(error)}{f' ({place})' if place else ''}") from error
        return self._result(result)

    def _place_of(self, error: Exception) -> str:
        """Return where it was raised; the log has the traceback when that, or what was raised, has changed."""
        from salus.raised import raised_at

        place = raised_at(error)
        raised, known = f"{type(error).__qualname__} {place}", f"{self._scene.plan.rule.name} {self._name}"
        if _raised.get(known) != raised:
            if len(_raised) >= _MOST_TOLD:
                _raised.clear()
            _raised[known] = raised
            about = {"check": self._scene.check.name, "recovery": self._scene.plan.id}
            said = f"{self._name} raised {type(error).__name__}" + (f" at {place}" if place else "")
            _log.warning("%s", said, exc_info=error, extra=about)
        return place

    def _result(self, result: object) -> ActionResult:
        match result:
            case ActionResult():
                return result
            case None | True:
                return ActionResult(message=f"called {self._name}")
            case False:
                raise ActionError(f"{self._subject}returned False")
            case str():
                return ActionResult(message=result)
            case Mapping():
                evidence = {str(key): value for key, value in result.items()}
                return ActionResult(message=f"called {self._name}", evidence=evidence)
            case _:
                return ActionResult(message=f"called {self._name}", evidence={"returned": f"{result!r:.1000}"})


async def _awaited(result: Awaitable[object]) -> object:
    return await result


def _takes_scene(function: Callable[..., object]) -> bool:
    try:
        return "scene" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in, without a signature
        return False


def _is_async(function: Callable[..., object]) -> bool:
    inner = function.func if isinstance(function, partial) else function
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004


def _label(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
