"""``${VAR}``, ``${VAR:-default}`` and ``$$`` in the texts of a config."""

from __future__ import annotations

import re
from collections.abc import Mapping

_DOLLAR = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<brace>\{)(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^{}]*))?\})?)", re.ASCII
)


class Interpolated(str):
    """Text in which variables of the environment were put. Prints as what the file says, since it may be a secret.

    ``plain`` tells that it stood without quotes, so it may also be read as a number or a truth value.
    """

    __slots__ = ("plain", "source")

    plain: bool
    source: str

    def __repr__(self) -> str:
        """Show the text as the file has it, with the names of the variables and without their values."""
        return repr(self.source)


def interpolate(text: str, environ: Mapping[str, str], *, plain: bool = False) -> str:
    """Put the values of variables into a text.

    Args:
        text: the text as it stands in the file.
        environ: the variables.
        plain: the text stood without quotes.

    Returns:
        The text itself when it names no variable; else an ``Interpolated``.

    Raises:
        ValueError: a variable is not set, or ``${`` begins something else than a variable. Carries (what, remedy).
    """
    if "$" not in text:
        return text
    named = False

    def value(match: re.Match[str]) -> str:
        nonlocal named
        if match["escaped"]:
            return "$"
        if not match["brace"]:
            return match[0]
        if match["name"] is None:
            shown = text[match.start() : match.start() + 20]
            raise ValueError(f"{shown!r} is not a variable", "write ${NAME}, ${NAME:-default}, or $$ for a dollar")
        named = True
        return _lookup(match["name"], match["default"], environ)

    result = _DOLLAR.sub(value, text)
    if not named:
        return result
    interpolated = Interpolated(result)
    interpolated.source, interpolated.plain = text, plain
    return interpolated


def _lookup(name: str, default: str | None, environ: Mapping[str, str]) -> str:
    found = environ.get(name)
    if default is not None and not found:
        return default
    if found is None:
        raise ValueError(f"the environment variable {name} is not set", f"set it, or give a default: ${{{name}:-...}}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the environment variable {name} is not UTF-8 text", "set it to text") from None
    return found
