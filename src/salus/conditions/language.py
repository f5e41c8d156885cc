"""CEL as Salus speaks it: the library, the variables and the functions. Imported when the first condition is compiled.

One liberty is taken with the standard: a whole number may stand wherever a double does. Metrics are doubles, and
``metrics.restarts > 2`` or ``metrics.rss_bytes / 2`` would be type errors otherwise. Comparisons across number types
are part of the standard (google/cel-spec, "Numeric comparisons") and only the type checker must be told; the mixed
arithmetic is Salus' own. Every expression that the standard takes means here what it means there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count, product
from typing import Any, TypeAlias

from salus.conditions.windows import MEASURES
from salus.conditions.words import COUNT_BAD, VARIABLES
from salus.errors import MissingExtraError

# What carries out a function of Salus: it is given the function's name and the arguments.
Answer: TypeAlias = "Callable[[str, tuple[Any, ...]], Any]"

_COMPARISONS = ("_<_", "_<=_", "_>_", "_>=_")
_EQUALITIES = ("_==_", "_!=_")
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "_+_": operator.add,
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_/_": operator.truediv,
}


@cache
def environment(answer: Answer) -> Any:
    """Return the environment that compiles conditions.

    Args:
        answer: carries out the functions of Salus.

    Raises:
        MissingExtraError: CEL is not installed.
    """
    try:
        from cel_expr_python import cel  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("a condition (when:)", extra="conditions") from error
    return _Dialect(cel, answer).environment()


class _Dialect:
    """Declares everything that a condition may use."""

    def __init__(self, cel: Any, answer: Answer) -> None:
        self._cel = cel
        self._type = cel.Type
        self._answer = answer
        self._ids = (f"salus_{number}" for number in count())
        double, whole, positive = cel.Type.DOUBLE, cel.Type.INT, cel.Type.UINT
        self._numbers = (double, whole, positive)
        self._mixed = ((double, whole), (whole, double))

    def environment(self) -> Any:
        redeclared = (*_COMPARISONS, *_EQUALITIES, *_ARITHMETIC)
        names = "".join(f'    - name: "{name}"\n' for name in redeclared)
        config = self._cel.NewEnvConfigFromYaml(f"name: salus\nstdlib:\n  exclude_functions:\n{names}")
        functions = [*self._operators(), *self._functions()]
        return self._cel.NewEnv(config=config, variables=self._variables(), functions=functions)

    def _variables(self) -> dict[str, Any]:
        kind = self._type
        other = {
            "metrics": kind.Map(kind.STRING, kind.DOUBLE),
            "metadata": kind.Map(kind.STRING, kind.DYN),
            "failures": kind.INT,
            "flapping": kind.BOOL,
            "checks": kind.Map(kind.STRING, kind.DYN),
        }
        return {name: other.get(name, kind.STRING) for name in VARIABLES}

    def _operators(self) -> Iterator[Any]:
        kind = self._type
        ordered = (kind.BOOL, kind.STRING, kind.BYTES, kind.DURATION, kind.TIMESTAMP)
        several = (kind.List(kind.DYN), kind.Map(kind.DYN, kind.DYN))
        numbers = list(product(self._numbers, repeat=2))
        # What has no implementation here is the library's own.
        for name in _COMPARISONS:
            yield self._declare(name, kind.BOOL, [*numbers, *((one, one) for one in ordered)])
        for name in _EQUALITIES:
            equal = (*ordered, *several, kind.NULL)
            yield self._declare(name, kind.BOOL, [*numbers, *((one, one) for one in equal)])
        for name, compute in _ARITHMETIC.items():
            overloads = [self._overload(one, (one, one)) for one in self._numbers]
            overloads += [self._overload(kind.DOUBLE, pair, compute) for pair in self._mixed]
            overloads += [self._overload(result, pair) for result, pair in self._further(name, several[0])]
            yield self._cel.FunctionDecl(name, overloads)

    def _further(self, name: str, items: Any) -> Iterator[tuple[Any, tuple[Any, Any]]]:
        """Yield what the standard can add and subtract besides numbers."""
        kind = self._type
        if name in {"_+_", "_-_"}:
            yield kind.TIMESTAMP, (kind.TIMESTAMP, kind.DURATION)
            yield kind.DURATION, (kind.DURATION, kind.DURATION)
        if name == "_-_":
            yield kind.DURATION, (kind.TIMESTAMP, kind.TIMESTAMP)
        if name == "_+_":
            yield kind.TIMESTAMP, (kind.DURATION, kind.TIMESTAMP)
            yield from ((one, (one, one)) for one in (kind.STRING, kind.BYTES, items))

    def _functions(self) -> Iterator[Any]:
        text = self._type.STRING
        for name in MEASURES:
            overloads = [self._overload(self._type.DOUBLE, (text,) * many, self._call(name)) for many in (2, 3)]
            yield self._cel.FunctionDecl(name, overloads)
        names = (self._type.List(text),)
        yield self._cel.FunctionDecl(COUNT_BAD, [self._overload(self._type.INT, names, self._call(COUNT_BAD))])

    def _call(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            return self._answer(name, arguments)

        return call

    def _declare(self, name: str, result: Any, pairs: list[tuple[Any, Any]]) -> Any:
        return self._cel.FunctionDecl(name, [self._overload(result, pair) for pair in pairs])

    def _overload(self, result: Any, takes: tuple[Any, ...], compute: Callable[..., Any] | None = None) -> Any:
        body = {"impl": compute} if compute else {}
        return self._cel.Overload(next(self._ids), return_type=result, parameters=list(takes), **body)
