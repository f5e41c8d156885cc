"""Cookies as far as ours go: plain words. Python's own reader takes 60 ms for four kilobytes of backslashes."""

from __future__ import annotations

from salus.surfaces.http import Scope

_LONGEST = 4096
_MOST = 64


def cookie(scope: Scope, name: str) -> str:
    """Return the value of a cookie, or nothing; of several of that name the last."""
    sent = b";".join(value for header, value in scope["headers"] if header == b"cookie")
    wanted, found = name.encode("ascii"), b""
    if wanted in sent:
        for pair in sent[:_LONGEST].split(b";", _MOST)[:_MOST]:
            called, equals, said = pair.partition(b"=")
            if equals and called.strip() == wanted:
                found = said.strip()
    return found.decode("latin-1")
