"""The form of numbers that jsonb would change is kept beside it."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which takes a moment whatever the tables' size; NULL says that jsonb will do."""
    op.execute("ALTER TABLE state_entries ADD COLUMN value_exact JSON")
    op.execute("ALTER TABLE executions ADD COLUMN attributes_exact JSON")


def downgrade() -> None:
    """Drop the columns: 1e+20 reads as 100000000000000000000 again, and -0.0 as 0.0."""
    op.execute("ALTER TABLE executions DROP COLUMN attributes_exact")
    op.execute("ALTER TABLE state_entries DROP COLUMN value_exact")
