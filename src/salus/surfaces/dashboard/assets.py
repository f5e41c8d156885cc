"""The files that pages load: a stylesheet, a script, a picture for the tab. Read once, served from memory."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from salus.surfaces.http import Refused, Response, Scope, header

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    media: str
    body: bytes
    packed: bytes
    mark: str


class Assets:
    """All of them. The mark of its text stands in an address, so that a browser may keep each for ever."""

    def __init__(self, package: str, folder: str = "static", *, more: Mapping[str, str] | None = None) -> None:
        """Read the files of a folder of ``package``; ``more`` is what stands before a file, by its name."""
        self._assets: dict[str, Asset] = {}
        for file in files(package).joinpath(folder).iterdir():
            media = _KINDS.get(file.name.rpartition(".")[2])
            if media:
                body = (more or {}).get(file.name, "").encode() + file.read_bytes()
                self._assets[file.name] = Asset(
                    media, body, gzip.compress(body, mtime=0), sha256(body).hexdigest()[:12]
                )

    def address(self, name: str) -> str:
        """Return the address of a file, below where the pages are."""
        return f"static/{self._assets[name].mark}/{name}"

    def answer(self, scope: Scope, path: str) -> Response:
        """Answer with a file; ``path`` is what stands behind ``static/``.

        Raises:
            Refused: 404, there is no such file. Nothing but the names that were read can be asked for.
        """
        mark, _, name = path.partition("/")
        asset = self._assets.get(name)
        if asset is None:
            raise Refused(404, "there is no such file", "the pages name those that there are")
        # Another version is asked for, by a page that was written by another Salus: this one is better than none.
        keep = _FOREVER if asset.mark == mark else (b"cache-control", b"no-cache")
        vary = (b"vary", b"Accept-Encoding")
        if takes_gzip(scope):
            return Response(200, asset.media, asset.packed, (keep, vary, (b"content-encoding", b"gzip")))
        return Response(200, asset.media, asset.body, (keep, vary))


def takes_gzip(scope: Scope) -> bool:
    """Tell whether a browser takes gzip."""
    for part in header(scope, b"accept-encoding").decode("latin-1")[:500].lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
