"""The first ledger: events, observations, states, services, recoveries.

Instants are integer microseconds since 1970, UTC: they sort, and they lose nothing. What is only read whole is JSON.
There are no foreign keys: rows of different tables have different lifetimes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _events()
    _observations()
    _states()
    _recoveries()


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("check_name", sa.Text),
        sa.Column("rule_name", sa.Text),
        sa.Column("service_name", sa.Text),
        sa.Column("recovery_id", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("data", sa.Text),
    )
    op.create_index("events_by_time", "events", ["at"])
    op.create_index("events_by_kind", "events", ["kind", "id"])
    # Most events are about one or two of these: partial indexes keep the rest out.
    for column in ("check_name", "rule_name", "service_name", "recovery_id"):
        name = f"events_by_{column.partition('_')[0]}"
        op.create_index(name, "events", [column, "id"], sqlite_where=sa.text(f"{column} IS NOT NULL"))


def _observations() -> None:
    op.create_table(
        "observations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("duration", sa.REAL),
        sa.Column("metrics", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.Column("incarnation", sa.Text),
    )
    op.create_index("observations_by_check", "observations", ["check_name", "at"], unique=True)
    op.create_index("observations_by_time", "observations", ["at"])


def _states() -> None:
    op.create_table(
        "check_states",
        sa.Column("check_name", sa.Text, primary_key=True, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "rule_states",
        sa.Column("rule_name", sa.Text, primary_key=True, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "services",
        sa.Column("service_name", sa.Text, primary_key=True, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("launch", sa.Text),
    )


def _recoveries() -> None:
    op.create_table(
        "recoveries",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("rule_name", sa.Text, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("targets", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("failing_since", sa.Integer),
        sa.Column("decided_at", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.Integer),
        sa.Column("outcome", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("initiation", sa.REAL),
        sa.Column("duration", sa.REAL),
        sa.Column("half_open", sa.Integer, nullable=False),
        sa.Column("manual", sa.Integer, nullable=False),
        sa.Column("steps", sa.Text),
        sa.Column("evidence", sa.Text),
    )
    op.create_index("recoveries_by_time", "recoveries", ["started_at"])
    op.create_index("recoveries_by_check", "recoveries", ["check_name", "started_at"])
    op.create_index("recoveries_by_rule", "recoveries", ["rule_name", "started_at"])
    op.create_index("recoveries_unfinished", "recoveries", ["started_at"], sqlite_where=sa.text("outcome IS NULL"))
