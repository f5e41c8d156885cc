"""What the end of a call says about the other side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from salus.errors import CallRefusedError
from salus.guards.circuit import CallResult

Exceptions: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]"

_log = logging.getLogger("salus.guards")


class Judge:
    """Tells failures from answers."""

    __slots__ = ("_excluded", "_failed", "_failure_result", "_name")

    def __init__(
        self, name: str, expected: Exceptions, exclude: Exceptions, failure_result: Callable[[Any], bool] | None
    ) -> None:
        """Take what the owner of a circuit breaker says about exceptions and results."""
        self._name = name
        self._failed = _recognise(expected)
        self._excluded = _recognise(exclude)
        self._failure_result = failure_result

    def of_error(self, error: BaseException | None) -> CallResult:
        """Judge how a call ended; none is a success."""
        if error is None or isinstance(error, GeneratorExit):  # whoever stops reading has had an answer
            return CallResult.SUCCESS
        try:
            if self._excluded(error):
                return CallResult.SUCCESS
            if not isinstance(error, CallRefusedError) and self._failed(error):
                return CallResult.FAILURE
        except Exception:  # noqa: BLE001 -- the caller must hear of its own error, not of the predicate's
            _log.exception("the circuit breaker %s cannot tell what %r means", self._name, error)
        return CallResult.NEITHER

    def of_answer(self, answer: object) -> CallResult:
        """Judge what a call returned."""
        if self._failure_result is None:
            return CallResult.SUCCESS
        try:
            return CallResult.FAILURE if self._failure_result(answer) else CallResult.SUCCESS
        except Exception:  # noqa: BLE001 -- the caller must have the answer, whatever the predicate makes of it
            _log.exception("the circuit breaker %s cannot tell what %r means", self._name, answer)
        return CallResult.NEITHER


def _recognise(exceptions: Exceptions) -> Callable[[BaseException], bool]:
    if isinstance(exceptions, type | tuple):
        return lambda error: isinstance(error, exceptions)
    return exceptions
