"""Objects of the application, named ``package.module:name`` in config."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from salus.checks._bounds import bounded_line
from salus.errors import CheckBrokenError
from salus.model import Cause


def is_name(name: str) -> bool:
    """Tell whether a text could be the name of an object."""
    module, colon, path = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), *path.split(".")])


def imported(name: str) -> Any:
    """Import an object by name. In a thread: importing reads files and can take seconds.

    Raises:
        CheckBrokenError: it cannot be imported.
    """
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:
        what = f"cannot import {name}: {type(error).__name__}: {error}"
        raise CheckBrokenError(bounded_line(what), cause=Cause.NOT_KNOWN) from error
    return found


def thing(name: str) -> Any:
    """Import an object, or call the function that hands it out. In a thread, as above.

    Raises:
        CheckBrokenError: it cannot be imported, or is not there yet.
    """
    found = imported(name)
    if inspect.isfunction(found):
        try:
            found = found()
        except Exception as error:
            what = f"{name} raised {type(error).__name__}: {error}"
            raise CheckBrokenError(bounded_line(what), cause=Cause.CRASHED) from error
    if found is None:
        remedy = "make it before Salus looks, or give the check a start_period"
        raise CheckBrokenError(f"{name} is None", remedy=remedy, cause=Cause.NOT_KNOWN)
    return found
