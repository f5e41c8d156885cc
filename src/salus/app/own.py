"""What a program brings along itself instead of naming a kind: checks, actions and services made of its objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from salus.config import SCALAR, Settings
from salus.home import Home
from salus.model import Effect, Json
from salus.options import CheckOptions, ServiceOptions
from salus.ports import Action, Check, Service, Site


class OwnCheck(CheckOptions, frozen=True, kw_only=True, eq=False):
    """A check that is an object already; two of them are the same if they are the same object.

    Attributes:
        check: what looks.
    """

    check: Any

    def build(self, site: Site) -> Check:
        """Return it."""
        check: Check = self.check
        return check


class OwnService(ServiceOptions, frozen=True, kw_only=True, eq=False):
    """A service that an object of the program is made into."""

    make: Any

    def build(self, name: str, site: Site) -> Service:
        """Make it stand at the site."""
        service: Service = self.make(name, site)
        return service


@dataclass(frozen=True, slots=True)
class OwnAction:
    """An action that is a function of the program.

    Attributes:
        function: plain or asynchronous; its parameters are its options. One named ``scene`` is given the scene.
        effect: what it can do to the world.
        services: names of the services it touches.
    """

    function: Callable[..., object]
    effect: Effect = Effect.CHANGES
    services: frozenset[str] = frozenset()

    def build(self, options: Mapping[str, Json]) -> Action:
        """Make a step of it.

        Raises:
            TypeError: the options are not its parameters.
        """
        from salus.actions.call import CallAction

        kwargs = dict(options)
        args = (kwargs.pop(SCALAR),) if SCALAR in kwargs else ()
        self._fits(args, kwargs)
        return CallAction(self.function, args, kwargs, self.effect, self.services)

    def _fits(self, args: tuple[Json, ...], kwargs: Mapping[str, Json]) -> None:
        try:
            signature = inspect.signature(self.function)
        except ValueError:  # built in, without a signature
            return
        given = dict(kwargs)
        if "scene" in signature.parameters:
            given.setdefault("scene", None)
        signature.bind(*args, **given)


@dataclass(frozen=True, slots=True)
class ReadyAction:
    """An action that is an object already, such as what heals one component.

    Attributes:
        action: what acts.
    """

    action: Action

    def build(self, options: Mapping[str, Json]) -> Action:
        """Return it.

        Raises:
            TypeError: it was given options.
        """
        if options:
            message = f"it takes no options, and was given {', '.join(options)}"
            raise TypeError(message)
        return self.action


@dataclass(frozen=True, slots=True)
class Own:
    """Everything of one program.

    Attributes:
        checks: by the name of the check.
        services: by the name of the service.
        actions: by the name that rules use.
        scoped: actions that a name means in the rules of one check: check -> name -> action.
    """

    checks: Mapping[str, CheckOptions] = field(default_factory=dict)
    services: Mapping[str, ServiceOptions] = field(default_factory=dict)
    actions: Mapping[str, OwnAction | ReadyAction] = field(default_factory=dict)
    scoped: Mapping[str, Mapping[str, OwnAction | ReadyAction]] = field(default_factory=dict)

    def action(self, name: str, check: str) -> OwnAction | ReadyAction | None:
        """Return what a name means in a rule of a check."""
        return self.scoped.get(check, {}).get(name) or self.actions.get(name)


@dataclass(frozen=True, slots=True)
class Program:
    """The program that an agent lives in.

    Attributes:
        read: reads its config again, files and code, and returns what it brings along to that.
        own: what it brings along to the config that the agent begins with.
        home: where its coroutine functions run.
        door: stands before the app for the network, for the other processes of the program.
    """

    read: Callable[[], tuple[Settings, Own]]
    own: Own
    home: Home
    door: Callable[[Callable[..., Any]], Any]
