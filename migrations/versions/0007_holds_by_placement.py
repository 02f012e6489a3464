"""Holds are listed by when they were placed.

There are few of them: the index is made in no time.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.execute("CREATE INDEX holds_by_placement ON holds (placed_at, subject_id)")


def downgrade() -> None:
    """Holds are found by their subject alone."""
    op.execute("DROP INDEX holds_by_placement")
