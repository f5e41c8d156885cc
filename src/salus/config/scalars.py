"""What a text means that stands without quotes: our own reading of scalars, without YAML's old traps."""

from __future__ import annotations

import re

from salus.model import Json

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
# YAML 1.1 reads these as truth values, YAML 1.2 and people as words. They are truth values where one is wanted, and a
# lesson where text is wanted.
OLD_TRUE = frozenset({"yes", "Yes", "YES", "on", "On", "ON"})
OLD_FALSE = frozenset({"no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_BASED = re.compile(r"0x[0-9a-fA-F]{1,20}|0o[0-7]{1,20}")
OCTAL = re.compile(r"[-+]?0[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def plain_value(text: str) -> Json:
    """Read a text that stands without quotes: nothing, a truth value, a number, or the text itself."""
    if text in _NOTHING:
        return None
    if text in _TRUE or text in OLD_TRUE:
        return True
    if text in _FALSE or text in OLD_FALSE:
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and len(text) < 40 and not OCTAL.fullmatch(text):
        return float(text)
    return text
