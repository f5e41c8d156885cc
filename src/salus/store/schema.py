"""Which schema this Salus reads and writes. A new revision: see ``migrate.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent

APPLICATION_ID = 0x53414C55  # "SALU": says in the file's header whose file it is (``file(1)`` shows it too)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The chain of revisions, oldest first, and where they are.

    Attributes:
        revisions: every revision this Salus knows; the last is the one it works with.
        migrations: folder of the Alembic scripts.
        snapshot: SQL that makes an empty ledger of the last revision; a test proves it equal to the migrations.
    """

    revisions: tuple[str, ...] = ("0001", "0002", "0003", "0004")
    migrations: Path = field(default=_HERE / "migrations")
    snapshot: Path = field(default=_HERE / "schema.sql")

    @property
    def head(self) -> str:
        """Return the revision this Salus works with."""
        return self.revisions[-1]


SCHEMA = Schema()
