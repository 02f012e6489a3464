"""Claims by priority: each execution has its workflow's as a rank, and an index leads to what waits.

The column is added without touching a row. What has ended keeps the default: only what goes on is claimed, and
a recovery ranks it anew.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rank, to those that go on their workflow's, and the index."""
    op.execute("ALTER TABLE executions ADD COLUMN priority SMALLINT DEFAULT 1 NOT NULL")
    op.execute("""
        UPDATE executions e
        SET priority = CASE w.priority WHEN 'LOW' THEN 0 WHEN 'HIGH' THEN 2 ELSE 3 END
        FROM workflows w
        WHERE w.id = e.workflow_id AND w.priority <> 'NORMAL' AND e.status IN ('PENDING', 'RUNNING', 'PAUSED')
    """)
    op.execute("""
        CREATE INDEX executions_by_priority ON executions (status, priority DESC, id)
        WHERE status IN ('PENDING', 'RUNNING')
    """)


def downgrade() -> None:
    """Claims go by age alone again."""
    op.execute("ALTER TABLE executions DROP COLUMN priority")
