"""Links between executions, and between checkpoints of one, are kept by the writes that change them.

A foreign key from one execution to another can't be kept where they are on different nodes of a distributed
database, and one that sets part of the key to NULL is refused there. Deletions let what came from an execution
forget it; `flowkeep check` looks for links that lead nowhere.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FORGET = (
    "UPDATE executions SET parent_id = NULL "
    "WHERE parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM executions)",
    "UPDATE executions SET forked_from_execution_id = NULL, forked_from_seq = NULL "
    "WHERE forked_from_execution_id IS NOT NULL AND NOT EXISTS (SELECT FROM checkpoints c "
    "WHERE c.execution_id = forked_from_execution_id AND c.seq = forked_from_seq)",
    "UPDATE checkpoints c SET parent_seq = NULL WHERE c.parent_seq IS NOT NULL AND NOT EXISTS "
    "(SELECT FROM checkpoints p WHERE p.execution_id = c.execution_id AND p.seq = c.parent_seq)",
)
_KEYS = (
    "ALTER TABLE executions ADD CONSTRAINT executions_parent_id_fkey "
    "FOREIGN KEY (parent_id) REFERENCES executions (id) ON DELETE SET NULL",
    "ALTER TABLE executions ADD CONSTRAINT executions_forked_from_fkey "
    "FOREIGN KEY (forked_from_execution_id, forked_from_seq) "
    "REFERENCES checkpoints (execution_id, seq) ON DELETE SET NULL",
    "ALTER TABLE checkpoints ADD CONSTRAINT checkpoints_parent_fkey "
    "FOREIGN KEY (execution_id, parent_seq) REFERENCES checkpoints (execution_id, seq) "
    "ON DELETE SET NULL (parent_seq)",
)


def upgrade() -> None:
    """Drop the keys."""
    op.execute("ALTER TABLE executions DROP CONSTRAINT executions_parent_id_fkey")
    op.execute("ALTER TABLE executions DROP CONSTRAINT executions_forked_from_fkey")
    op.execute("ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_parent_fkey")


def downgrade() -> None:
    """Links that lead nowhere go, and the keys are back."""
    for statement in (*_FORGET, *_KEYS):
        op.execute(statement)
