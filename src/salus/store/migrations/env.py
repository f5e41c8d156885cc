"""What Alembic runs around the revisions: all of them in the one transaction that ``migrate.py`` has begun."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
