"""What an application declares: in the terms of a config, with its objects, and the line of code that declared it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from salus.app.own import Own, OwnAction, OwnCheck, OwnService, ReadyAction
from salus.config.declared import Declared
from salus.errors import ConflictError, NotFoundError
from salus.library.functions import name_of
from salus.model import Effect
from salus.options import CheckOptions, ServiceOptions
from salus.services.component import Component, ComponentService

_HERE = str(Path(__file__).parent)

Where = tuple[str, int]


class Kept(NamedTuple):
    """What was declared at one moment."""

    declared: Declared
    checks: Mapping[str, CheckOptions]
    services: Mapping[str, ServiceOptions]
    actions: Mapping[str, OwnAction | ReadyAction]
    scoped: Mapping[str, Mapping[str, OwnAction | ReadyAction]]


class Declarations:
    """Everything that was declared up to now. Any thread may add to it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.declared = Declared()
        self._lock = threading.RLock()
        self._checks: dict[str, CheckOptions] = {}
        self._services: dict[str, ServiceOptions] = {}
        self._actions: dict[str, OwnAction | ReadyAction] = {}
        self._scoped: dict[str, dict[str, OwnAction | ReadyAction]] = {}

    def forked(self) -> None:
        """Take a lock that nobody holds, in a child made by a fork: who held it stayed behind."""
        self._lock = threading.RLock()

    def settings(self, sections: Mapping[str, object]) -> None:
        """Declare whole sections, as a config spells them."""
        where = called_from()
        for section, content in sections.items():
            if not isinstance(content, Mapping):
                message = f"settings[{section!r}] is {type(content).__name__}: give a mapping, as a config has there"
                raise TypeError(message)
            self.declared.set(section, content, where)

    def check(self, name: str, kind: str, check: CheckOptions | object, said: Mapping[str, object]) -> None:
        """Declare a check that is an object.

        Raises:
            ConfigError: that name is taken.
        """
        with self._lock:
            self.declared.add("checks", name, {kind: {}, **said}, called_from())
            self._checks[name] = check if isinstance(check, CheckOptions) else OwnCheck(check=check)

    def kind(self, name: str, entry: Mapping[str, object], said: Mapping[str, object]) -> None:
        """Declare a check of a kind, as a config would."""
        with self._lock:
            self.declared.add("checks", name, {**entry, **said}, called_from())

    def rule(self, name: str, said: Mapping[str, object]) -> None:
        """Declare a rule."""
        with self._lock:
            self.declared.add("rules", name, said, called_from())

    def action(self, name: str, function: Callable[..., object], effect: str, services: Iterable[str]) -> None:
        """Declare what a name means in rules.

        Raises:
            ConflictError: another function has that name.
            ValueError: there is no such effect.
        """
        if effect not in list(Effect):
            message = f"effect={effect!r} is none of {', '.join(Effect)}"
            raise ValueError(message)
        with self._lock:
            self._free(name, function)
            self._actions[name] = OwnAction(function, Effect(effect), frozenset(services))

    def named(self, function: Callable[..., object]) -> str:
        """Return the name of a function as an action; it becomes one where it is none yet."""
        with self._lock:
            for name, action in self._actions.items():
                if isinstance(action, OwnAction) and action.function == function:  # a bound method is never the same
                    return name
            name = name_of(function, "action")
            self._free(name, function)
            self._actions[name] = OwnAction(function)
            return name

    def _free(self, name: str, function: Callable[..., object]) -> None:
        known = self._actions.get(name)
        if known is not None and not (isinstance(known, OwnAction) and known.function == function):
            message = f"there is another action {name!r} already"
            raise ConflictError(message, remedy="name this one: @health.action('another name')")

    def scoped(self, check: str, actions: Mapping[str, OwnAction | ReadyAction]) -> None:
        """Declare what names mean in the rules of one check; elsewhere they are ``<check>.<name>``."""
        with self._lock:
            self._scoped[check] = dict(actions)
            self._actions |= {f"{check}.{name}": action for name, action in actions.items()}

    def service(self, name: str, component: Component, depends_on: Iterable[str]) -> None:
        """Declare a service that is an object."""
        with self._lock:
            said = {"component": {}, "depends_on": tuple(depends_on)}
            self.declared.add("services", name, said, called_from())
            self._services[name] = OwnService(make=lambda name, site: ComponentService(name, component, site))

    def forget(self, name: str) -> None:
        """Take back a check, with its rule of the same name and what belongs to it alone.

        Raises:
            NotFoundError: the code has declared none of that name.
        """
        with self._lock:
            if not self.declared.remove("checks", name):
                from salus.config import did_you_mean

                known = list(self.declared.sections.get("checks", {}))
                message = f"the code has declared no check {name!r}"
                remedy = did_you_mean(name, known) or f"it has declared {', '.join(known) or 'none'}"
                raise NotFoundError(message, remedy=remedy)
            self._checks.pop(name, None)
            for action in self._scoped.pop(name, {}):
                self._actions.pop(f"{name}.{action}", None)
            for rule, entry in list(self.declared.sections.get("rules", {}).items()):
                if rule == name or (isinstance(entry, dict) and entry.get("check") == name):
                    self.declared.remove("rules", rule)

    def snapshot(self) -> tuple[Declared, Own]:
        """Return what is declared now, and the objects behind it."""
        with self._lock:
            return self.declared.copy(), self.own()

    def kept(self) -> Kept:
        """Return everything as it is now, to go back to."""
        with self._lock:
            declared, own = self.snapshot()
            return Kept(declared, own.checks, own.services, own.actions, own.scoped)

    def restore(self, kept: Kept) -> None:
        """Go back to what was declared then: what came since was refused."""
        with self._lock:
            self.declared = kept.declared
            self._checks, self._services = dict(kept.checks), dict(kept.services)
            self._actions = dict(kept.actions)
            self._scoped = {check: dict(actions) for check, actions in kept.scoped.items()}

    def own(self) -> Own:
        """Return the objects behind it."""
        with self._lock:
            return Own(dict(self._checks), dict(self._services), dict(self._actions), dict(self._scoped))


def called_from() -> Where:
    """Return file and line of the application's code that called into this room."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - what `inspect.currentframe` returns, without its cost
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    if frame is None:
        return ("<code>", 0)
    path = Path(frame.f_code.co_filename)
    with suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return str(path), frame.f_lineno
