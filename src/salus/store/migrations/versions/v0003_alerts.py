"""What people are told: alerts, and the outbox of what is on its way to them.

Older ledgers knew neither, so there is nothing to carry over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the two tables."""
    _alerts()
    _deliveries()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("rule_name", sa.Text, nullable=False),
        sa.Column("check_name", sa.Text),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Integer, nullable=False),
        sa.Column("fired_at", sa.Integer),
        sa.Column("resolved_at", sa.Integer),
        sa.Column("unheard", sa.Integer, nullable=False),  # 1: it has ended, and somebody has still to hear of that
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("alerts_by_time", "alerts", ["first_seen"])
    op.create_index("alerts_by_fingerprint", "alerts", ["fingerprint", "first_seen"])
    op.create_index("alerts_by_check", "alerts", ["check_name", "first_seen"], sqlite_where=_given("check_name"))
    op.create_index("alerts_by_firing", "alerts", ["fired_at"], sqlite_where=_given("fired_at"))
    op.create_index("alerts_by_end", "alerts", ["resolved_at"], sqlite_where=_given("resolved_at"))
    op.create_index("alerts_open", "alerts", ["first_seen"], sqlite_where=sa.text("resolved_at IS NULL"))
    op.create_index("alerts_unheard", "alerts", ["first_seen"], sqlite_where=sa.text("unheard = 1"))


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.Text, nullable=False),
        sa.Column("claimed_at", sa.Integer),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Integer),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("deliveries_by_number", "deliveries", ["number"], unique=True)
    op.create_index("deliveries_by_time", "deliveries", ["created_at"])
    op.create_index("deliveries_by_state", "deliveries", ["state", "number"])
    op.create_index("deliveries_by_end", "deliveries", ["ended_at"], sqlite_where=_given("ended_at"))
    op.create_index(
        "deliveries_waiting", "deliveries", ["channel", "number"], sqlite_where=sa.text("state = 'waiting'")
    )


def _given(column: str) -> sa.TextClause:
    return sa.text(f"{column} IS NOT NULL")
