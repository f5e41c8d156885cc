"""Bring a ledger to this Salus' schema: ``python -m salus.store.migrate FILE``.

The agent runs this as a child process, so that Alembic and SQLAlchemy (25 MB) never enter the agent itself.

To change the schema:

1. add ``migrations/versions/v<next>_<what>.py`` with ``revision`` and ``down_revision``, and its number to
   ``Schema.revisions`` in ``schema.py``;
2. write the snapshot anew: ``python -m salus.store.migrate --schema > src/salus/store/schema.sql``;
3. add rows of the old revision to ``tests/integration/store/test_migrations.py``.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salus.store.schema import APPLICATION_ID, SCHEMA

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_SNAPSHOT_HEAD = (
    "-- Made by `python -m salus.store.migrate --schema` from the migrations; a test keeps the two equal.\n"
)
_BUSY_SECONDS = 30.0  # another upgrade of the same file may be on its way


def upgrade(file: Path, migrations: Path = SCHEMA.migrations, to: str = "head") -> None:
    """Bring a ledger to a revision, in one transaction; a ledger that is there already is first copied to ``.bak``.

    Args:
        file: the ledger; made if it is not there.
        migrations: folder of the Alembic scripts.
        to: the revision to reach.

    Raises:
        sqlalchemy.exc.SQLAlchemyError, alembic.util.CommandError, OSError, sqlite3.Error: nothing was changed.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    wanted = script.get_revision(to).revision
    engine = _engine(file)
    try:
        with engine.begin() as connection:  # from here on nobody else writes
            now = MigrationContext.configure(connection).get_current_revision()
            if now == wanted:
                return
            if now is not None:
                _keep(file)
            config.attributes["connection"] = connection
            command.upgrade(config, wanted)
            _stamp(connection, len(list(script.iterate_revisions(wanted, "base"))))
    finally:
        engine.dispose()


def _engine(file: Path) -> Engine:
    """Return an engine whose transactions are SQLite's own, so that a cut-off upgrade leaves nothing behind."""
    from sqlalchemy import NullPool, create_engine, event

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _keep(file: Path) -> None:
    """Copy the ledger as it is to ``<name>.bak``, replacing an older copy only when the new one is complete."""
    draft = file.with_name(f"{file.name}.bak.new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    source, target = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(draft)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    draft.replace(file.with_name(f"{file.name}.bak"))


def _stamp(connection: Connection, count: int) -> None:
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {count}")


def snapshot(migrations: Path = SCHEMA.migrations) -> str:
    """Return the SQL that makes an empty ledger of the newest revision, as the migrations make it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        upgrade(file, migrations)
        db = sqlite3.connect(file)
        try:
            made = [row[0].strip() for row in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (revision,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            db.close()
    statements = [
        f"PRAGMA application_id = {APPLICATION_ID}",
        f"PRAGMA user_version = {version}",
        *(" ".join(sql.split()) for sql in made),
        f"INSERT INTO alembic_version (version_num) VALUES ('{revision}')",  # noqa: S608  # ours, from the scripts
    ]
    return "".join(f"{line};\n" for line in (_SNAPSHOT_HEAD + "BEGIN", *statements, "COMMIT"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; 0 when the ledger is at the wanted revision, 1 when it could not be brought there."""
    parser = argparse.ArgumentParser(prog="python -m salus.store.migrate", description="Upgrade a ledger.")
    parser.add_argument("file", type=Path, nargs="?", help="the ledger")
    parser.add_argument("--migrations", type=Path, default=SCHEMA.migrations, help=argparse.SUPPRESS)
    parser.add_argument("--schema", action="store_true", help="print the newest schema as SQL instead")
    options = parser.parse_args(arguments)
    if options.schema:
        sys.stdout.write(snapshot(options.migrations))
        return 0
    if options.file is None:
        parser.error("which ledger?")
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        upgrade(options.file, options.migrations)
    except (SQLAlchemyError, CommandError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{options.file}: {str(error).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
