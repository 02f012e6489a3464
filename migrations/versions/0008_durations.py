"""Executions in the order of how long they took.

Made of two columns that are indexed already, and that change when an execution starts and when it ends: the
updates in between stay as cheap as they were.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    duration = "coalesce((completed_at - started_at), '-00:00:01'::interval)"
    op.execute(f"CREATE INDEX executions_by_duration ON executions ({duration}, id)")
    op.execute(f"CREATE INDEX executions_by_workflow_duration ON executions (workflow_id, {duration}, id)")


def downgrade() -> None:
    """Durations are no order any more."""
    op.execute("DROP INDEX executions_by_duration, executions_by_workflow_duration")
