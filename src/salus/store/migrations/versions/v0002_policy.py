"""What a policy must remember: memos, what failed as one word, and how each recovery came to be.

Old rows stay as they are. They were made before there was a second ladder, an approval or a recovery known to be
needless, so the defaults are the truth about them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of memos, and the columns that came since."""
    op.create_table(
        "memos",
        sa.Column("key", sa.Text, primary_key=True, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.add_column("observations", sa.Column("cause", sa.Text))
    op.add_column("recoveries", sa.Column("ladder", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("recoveries", sa.Column("approved_by", sa.Text))
    op.add_column("recoveries", sa.Column("needless", sa.Integer, nullable=False, server_default=sa.text("0")))
