"""Retention: policies, the receipts of their runs, and holds."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RETENTION = (
    """
CREATE TABLE retention_policies (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    workflow_name TEXT COLLATE "C",
    statuses TEXT[],
    keep_executions INTERVAL,
    keep_logs INTERVAL,
    keep_checkpoints INTERVAL,
    keep_last INTEGER,
    enabled BOOLEAN DEFAULT true NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revision BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT retention_policies_pkey PRIMARY KEY (id),
    CONSTRAINT retention_policies_name_key UNIQUE (name),
    CONSTRAINT retention_policies_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT retention_policies_statuses_terminal
        CHECK (statuses <@ ARRAY['COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT']),
    CONSTRAINT retention_policies_statuses_not_empty CHECK (cardinality(statuses) > 0),
    CONSTRAINT retention_policies_ages_not_negative
        CHECK (least(keep_executions, keep_logs, keep_checkpoints) >= interval '0'),
    CONSTRAINT retention_policies_something_goes
        CHECK (num_nonnulls(keep_executions, keep_logs, keep_checkpoints) > 0),
    CONSTRAINT retention_policies_keep_last_in_range CHECK (keep_last BETWEEN 1 AND 10000),
    CONSTRAINT retention_policies_revision_counts_from_one CHECK (revision >= 1)
)
    """,
    "CREATE INDEX retention_policies_disabled ON retention_policies (id) WHERE NOT enabled",
    "CREATE INDEX retention_policies_enabled ON retention_policies (id) WHERE enabled",
    """
CREATE TABLE retention_runs (
    id UUID NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    policy_id UUID,
    policies JSON NOT NULL,
    deleted JSON DEFAULT '{}' NOT NULL,
    partitions TEXT[] DEFAULT '{}' NOT NULL,
    batches BIGINT DEFAULT 0 NOT NULL,
    place JSON,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT retention_runs_pkey PRIMARY KEY (id),
    CONSTRAINT retention_runs_status_known CHECK (status IN ('RUNNING', 'COMPLETED', 'INTERRUPTED')),
    CONSTRAINT retention_runs_finished_at_set_exactly_when_over
        CHECK ((finished_at IS NOT NULL) = (status <> 'RUNNING')),
    CONSTRAINT retention_runs_place_while_running CHECK (place IS NULL OR status = 'RUNNING'),
    CONSTRAINT retention_runs_deleted_is_object CHECK (json_typeof(deleted) = 'object')
)
    """,
    "CREATE INDEX retention_runs_by_status ON retention_runs (status, id)",
    "CREATE UNIQUE INDEX retention_runs_open ON retention_runs (policy_id) NULLS NOT DISTINCT WHERE finished_at IS NULL",
    """
CREATE TABLE holds (
    subject_id UUID NOT NULL,
    subject_type TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (subject_id),
    CONSTRAINT holds_subject_type_known CHECK (subject_type IN ('EXECUTION', 'WORKFLOW')),
    CONSTRAINT holds_reason_length CHECK (char_length(reason) BETWEEN 1 AND 500)
)
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in RETENTION:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables: nothing goes by itself any more, and what was on hold is so no more."""
    op.execute("DROP TABLE holds, retention_runs, retention_policies")
