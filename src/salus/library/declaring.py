"""What an application says of itself: the half of ``HealthSystem`` that declares."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from salus.library.functions import is_name, name_of, needs_nothing, number

if TYPE_CHECKING:
    from salus.components import ComponentKind
    from salus.library.declarations import Declarations
    from salus.library.hearing import Hearing
    from salus.ports import Check

Function = TypeVar("Function", bound=Callable[..., Any])

_BOUNDS = ("value_above", "warn_value_above", "value_below", "warn_value_below")


class Declaring(ABC):
    """Takes what is declared, before it runs and while it does."""

    @abstractmethod
    def changing(self) -> AbstractContextManager[Declarations]:
        """Change what is declared; where it runs, that takes effect at the end of the block, or not at all."""

    @abstractmethod
    def heard(self) -> Hearing:
        """Return who hands events to handlers."""

    @overload
    def check(self, function: Function, /) -> Function: ...

    @overload
    def check(self, name: str | None = None, /, **said: object) -> Callable[[Function], Function]: ...

    def check(self, name: Any = None, /, **said: object) -> Any:
        """Make a function a check: ``@health.check`` or ``@health.check("name", interval="10s", critical=True)``.

        What it returns is the verdict: nothing or true (healthy), false (unhealthy), a status or its name, a number
        (held against ``value_below`` and its like), a pair of status and message, a triple with metrics, or an
        ``Observation``. Where there is such a bound, nothing or true is no verdict. An exception is unhealthy;
        ``CheckBrokenError`` says that it could not tell.

        Args:
            name: of the check; the function's name unless given.
            **said: what every check can say, as in a config: ``interval``, ``timeout``, ``retry_interval``,
                ``failure_threshold``, ``success_threshold``, ``start_period``, ``critical``, ``liveness``, ``tags``,
                ``depends_on``, ``service``, ``description``, ...; and ``value_above``, ``warn_value_above``,
                ``value_below``, ``warn_value_below`` for a number. Durations are text or seconds.

        Returns:
            The function itself, or a decorator.
        """

        def declare(function: Function) -> Function:
            self.register(name if isinstance(name, str) else name_of(function, "check"), function, **said)
            return function

        return declare(_bare(name, "check")) if callable(name) else _named(declare, name, "check")

    def register(
        self, name: str, what: Callable[..., object] | Check | Mapping[str, object] | object, **said: object
    ) -> None:
        """Declare a check, at any time.

        Args:
            name: of the check.
            what: a function (see ``check``), an object with ``look`` (``salus.ports.Check``), the options of a kind
                (``Disk(path=...)``), or a kind as a config spells it: ``{"disk": {"path": "/", "free_above": "5%"}}``.
            **said: as for ``check``.

        Raises:
            ConfigError: it is wrong, or the name is taken.
        """
        is_name(name)
        if inspect.isclass(what):
            message = f"{name!r}: {what.__name__} is a class: give an object of it, such as {what.__name__}(...)"
            raise TypeError(message)
        with self.changing() as declarations:
            if isinstance(what, Mapping):
                declarations.kind(name, what, said)
            elif hasattr(what, "look") or hasattr(what, "build"):
                declarations.check(name, _kind_of(what), what, said)
            elif callable(what):
                from salus.checks.function import Function as Bounds
                from salus.checks.function import FunctionCheck

                needs_nothing(name, what)
                bounds = {key: number(key, said.pop(key)) for key in _BOUNDS if key in said}
                held = Bounds(call="salus:function", **bounds)  # type: ignore[arg-type]
                said.setdefault("description", _first_line(what))
                declarations.check(name, "function", FunctionCheck(what, bounds=held), said)
            else:
                message = f"{name!r}: {type(what).__name__} is no check"
                raise TypeError(
                    f"{message}: give a function, an object with look(), or a mapping such as {{'disk': ...}}"
                )

    def unregister(self, name: str) -> None:
        """Take back a check that the code declared, with its rules.

        Raises:
            NotFoundError: there is none of that name.
        """
        with self.changing() as declarations:
            declarations.forget(name)

    @overload
    def action(self, function: Function, /) -> Function: ...

    @overload
    def action(
        self, name: str | None = None, /, *, effect: str = "changes", services: Iterable[str] = ()
    ) -> Callable[[Function], Function]: ...

    def action(self, name: Any = None, /, *, effect: str = "changes", services: Iterable[str] = ()) -> Any:
        """Make a function an action that rules can name, in code and in a config.

        Its parameters are its options: ``{"reconnect": {"pool": "main"}}``. One named ``scene`` is given the
        ``salus.ports.Scene``. What it returns becomes the message (text) or the evidence (a mapping) of the step;
        ``False`` or an exception fails it. After it, the check is looked at afresh.

        Args:
            name: of the action; the function's name unless given.
            effect: ``records`` (never counts as success), ``changes``, or ``replaces`` (the target is a new copy).
            services: names of services that it touches.

        Raises:
            ConflictError: another function has that name.
        """

        def declare(function: Function) -> Function:
            with self.changing() as declarations:
                own = name if isinstance(name, str) else name_of(function, "action")
                declarations.action(own, function, effect, tuple(services))
            return function

        return declare(_bare(name, "action")) if callable(name) else _named(declare, name, "action")

    def rule(
        self,
        check: str,
        actions: Sequence[object] | Callable[..., object] | Mapping[str, object] = (),
        *,
        name: str | None = None,
        **said: object,
    ) -> None:
        """Declare when and how to heal a check.

        Args:
            check: the check.
            actions: the ladder: names of actions, ``{name: options}``, or functions; one of them needs no list.
            name: of the rule; the check's unless given.
            **said: as in a config: ``min_failure_count``, ``recovery_timeout``, ``cooldown_period``,
                ``max_recovery_attempts``, ``ladders``, ``when``, ``mode``, ... Durations are text or seconds.

        Raises:
            ConfigError: the check has a rule of that name already.
            TypeError: that is no action.
        """
        with self.changing() as declarations:
            if actions or not isinstance(actions, Iterable):  # None is what a call returned: refused below
                several = isinstance(actions, Iterable) and not isinstance(actions, str | Mapping)
                ladder: Iterable[object] = actions if several else (actions,)  # type: ignore[assignment]
                said["actions"] = [_rung(declarations, check, one) for one in ladder]
            if name is not None:
                said["check"] = check
            declarations.rule(name or check, said)

    def service(
        self,
        name: str,
        *,
        start: Callable[[], object],
        stop: Callable[[], object],
        restart: Callable[[], object] | None = None,
        start_timeout: float = 10.0,
        stop_timeout: float = 5.0,
        autostart: bool = True,
        depends_on: Iterable[str] = (),
    ) -> None:
        """Declare a part of the application that can be started and stopped: ``restart_service`` then heals it.

        Args:
            name: of the service; checks name it as theirs.
            start: brings it up; plain or asynchronous, as the others.
            stop: takes it down.
            restart: replaces it; stops and starts unless given.
            start_timeout: seconds that ``start`` may take.
            stop_timeout: seconds that ``stop`` may take.
            autostart: start it with Salus; false where the application starts it itself.
            depends_on: services that are started before it.
        """
        from salus.services.component import Component

        for word, function in {"start": start, "stop": stop, "restart": restart}.items():
            if not callable(function) and not (word == "restart" and function is None):
                message = f"service {name!r}: {word} is {type(function).__name__}: give a function"
                raise TypeError(message)
        component = Component(
            start=start,
            stop=stop,
            restart=restart,
            start_timeout=start_timeout,
            stop_timeout=stop_timeout,
            autostart=autostart,
        )
        with self.changing() as declarations:
            declarations.service(name, component, depends_on)

    def component(
        self,
        name: str,
        part: object,
        *,
        kind: ComponentKind | type | str | None = None,
        rule: Mapping[str, object] | bool = True,
        **said: object,
    ) -> None:
        """Declare a part of the application that can be healed from inside: its check, its actions and its rule.

        What it is follows from what it can do: see the protocols of ``salus.components``. In the rules of this check,
        its actions are meant by their names (``restart_file_watcher``); elsewhere by ``<name>.restart_file_watcher``.

        Args:
            name: of its check and of its rule.
            part: the object.
            kind: a protocol or its name, where the object is of several kinds.
            rule: what is to be otherwise than in the default rule of its kind; false for no rule.
            **said: as for ``check``.

        Raises:
            SalusError: the object is of no kind, or of several; told with what it lacks.
            ConfigError: the name is taken.
        """
        from salus.app.own import ReadyAction
        from salus.components import describe

        described = describe(name, part, kind=kind)
        with self.changing() as declarations:
            declarations.check(name, described.kind, described.check, {**described.spec, **said})
            declarations.scoped(name, {word: ReadyAction(action) for word, action in described.actions.items()})
            if rule is not False:
                declarations.rule(name, {**described.rule, **(rule if isinstance(rule, Mapping) else {})})

    @overload
    def on(self, function: Function, /) -> Function: ...

    @overload
    def on(self, *kinds: str) -> Callable[[Function], Function]: ...

    def on(self, *kinds: Any) -> Any:
        """Let a function hear events: ``@health.on("recovery_finished")``; every event where none is named.

        It is given the ``salus.Event``. Handlers hear in order, each in its own turn; one that is slow or fails is in
        nobody's way.

        Raises:
            NotFoundError: there is no such kind of event.
        """
        if len(kinds) == 1 and callable(kinds[0]):  # @health.on, without parentheses
            self.heard().add(kinds[0], ())
            return kinds[0]

        def declare(function: Function) -> Function:
            self.heard().add(function, kinds)
            return function

        return declare


def _bare(function: Function, noun: str) -> Function:
    """Return what ``@health.check`` was put on, without parentheses."""
    if inspect.isclass(function):
        message = f"@health.{noun} was put on the class {function.__name__}: it is for functions"
        raise TypeError(message)
    return function


def _named(decorator: Callable[[Function], Function], name: object, noun: str) -> Callable[[Function], Function]:
    """Return a decorator that was given a name, or none."""
    if name is not None and not isinstance(name, str):
        message = f"@health.{noun}({name!r}): the name of the {noun} is text; all else goes by keyword"
        raise TypeError(message)
    return decorator


def _rung(declarations: Declarations, check: str, action: object) -> object:
    if isinstance(action, str | Mapping):
        return action
    if callable(action):
        return declarations.named(action)
    what = "the coroutine of a call" if inspect.iscoroutine(action) else f"{action!r:.80}"
    if inspect.iscoroutine(action):
        action.close()  # nobody will ever await it
    message = f"rule {check!r}: {what} is no action: give a function, without parentheses, or the name of an action"
    raise TypeError(message)


def _kind_of(check: object) -> str:
    name = type(check).__name__.removesuffix("Check") or "check"
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _first_line(function: object) -> str | None:
    text = (inspect.getdoc(function) or "") if inspect.isroutine(function) else ""
    return text.partition("\n")[0][:200] or None
