"""The long past, summed up: days of each check, and hours of each number.

The days are made up from the events, and the hours from the looks, by the Salus that opens the ledger next.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the two tables. Both begin their key with the time: what is written together lies together."""
    op.create_table(
        "days",
        sa.Column("day", sa.Integer, nullable=False),  # since 1970
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("healthy", sa.Integer, nullable=False),
        sa.Column("degraded", sa.Integer, nullable=False),
        sa.Column("unhealthy", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Integer, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("until", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("day", "check_name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hours",
        sa.Column("hour", sa.Integer, nullable=False),  # since 1970
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("low", sa.REAL, nullable=False),
        sa.Column("sum", sa.REAL, nullable=False),
        sa.Column("high", sa.REAL, nullable=False),
        sa.Column("worst", sa.Integer, nullable=False),  # 0 healthy, 1 unknown, 2 degraded, 3 unhealthy
        sa.PrimaryKeyConstraint("hour", "check_name", "metric"),
        sqlite_with_rowid=False,
    )
