"""How long a log entry's message was before it was cut."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that may be NULL, which rewrites nothing and looks at no row."""
    op.execute("ALTER TABLE log_entries ADD COLUMN original_bytes BIGINT")


def downgrade() -> None:
    """Drop the column: what was cut says so by its mark only."""
    op.execute("ALTER TABLE log_entries DROP COLUMN original_bytes")
