"""Where an error was raised, as text. Loaded when one was: small, and it asks nothing of the file system.

Nothing here keeps a traceback: it would keep every variable of the functions that it went through.
"""

from __future__ import annotations

import os
import sys
from types import CodeType

_LIBRARIES = ("<frozen ", *(f"{file.rpartition('/')[0]}/" for file in (os.__file__, __file__)))
_INSTALLED = ("/site-packages/", "/dist-packages/")
_CAUSES = 10


def raised_at(error: BaseException) -> str:
    """Return where an error was raised, such as ``shop/orders.py:12 in Orders.pay``.

    That is the innermost place of the application's own, of the error or of what caused it, else the innermost of all.
    Empty for an error that never was raised.
    """
    innermost = ""
    each: BaseException | None = error
    for _ in range(_CAUSES):
        if each is None:
            break
        own, at = None, each.__traceback__
        while at is not None:
            place = (at.tb_frame.f_code, at.tb_lineno)
            if not _is_library(place[0].co_filename):
                own = place
            at = at.tb_next
            if at is None and each is error:
                innermost = _said(*place)
        if own is not None:
            return _said(*own)
        each = each.__cause__
    return innermost


def _is_library(file: str) -> bool:
    """Tell whether a file belongs to Python, to an installed package, or to Salus."""
    return file.startswith(_LIBRARIES) or any(part in file for part in _INSTALLED)


def _said(code: CodeType, line: int | None) -> str:
    """Say it with the file as it is imported: without the folder on the path that it lies in."""
    file = code.co_filename
    bases = [base for folder in sys.path if folder and file.startswith(base := f"{folder.rstrip('/')}/")]
    return f"{file.removeprefix(max(bases, key=len, default=''))}:{line or code.co_firstlineno} in {code.co_qualname}"
