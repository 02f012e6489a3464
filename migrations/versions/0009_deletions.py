"""Deletions of executions are told to those who follow changes: what is kept of each, for a while."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.execute("""
        CREATE TABLE deleted_executions (
            xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
            execution_id UUID NOT NULL,
            seq BIGINT NOT NULL,
            workflow_id UUID NOT NULL,
            workflow_name TEXT COLLATE "C" NOT NULL,
            status TEXT COLLATE "C" NOT NULL,
            actor TEXT NOT NULL,
            at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            CONSTRAINT deleted_executions_pkey PRIMARY KEY (xid, execution_id)
        )
    """)
    op.execute("CREATE INDEX deleted_executions_by_age ON deleted_executions (at)")


def downgrade() -> None:
    """Deletions are not told any more."""
    op.execute("DROP TABLE deleted_executions")
