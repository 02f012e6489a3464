"""The schema: workflows, the partitioned execution tree, audit entries and idempotency keys."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORKFLOWS = (
    """
CREATE TABLE workflows (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    definition JSON NOT NULL,
    description TEXT,
    tags TEXT[] DEFAULT '{}' NOT NULL,
    category TEXT COLLATE "C",
    priority TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    estimated_duration INTERVAL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revision BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT workflows_pkey PRIMARY KEY (id),
    CONSTRAINT workflows_name_version_key UNIQUE (name, version),
    CONSTRAINT workflows_status_known
        CHECK (status IN ('DRAFT', 'ACTIVE', 'INACTIVE', 'DEPRECATED', 'ARCHIVED')),
    CONSTRAINT workflows_priority_known CHECK (priority IN ('LOW', 'NORMAL', 'HIGH', 'CRITICAL')),
    CONSTRAINT workflows_environment_known CHECK (environment IN ('DEVELOPMENT', 'STAGING', 'PRODUCTION')),
    CONSTRAINT workflows_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT workflows_version_length CHECK (char_length(version) BETWEEN 1 AND 100),
    CONSTRAINT workflows_definition_is_object CHECK (json_typeof(definition) = 'object'),
    CONSTRAINT workflows_estimated_duration_positive CHECK (estimated_duration >= interval '0'),
    CONSTRAINT workflows_revision_counts_from_one CHECK (revision >= 1)
)
    """,
    "CREATE INDEX workflows_by_category ON workflows (category, id)",
    "CREATE INDEX workflows_by_environment ON workflows (environment, id)",
    "CREATE INDEX workflows_by_name ON workflows (name, id)",
    "CREATE INDEX workflows_by_priority ON workflows (priority, id)",
    "CREATE INDEX workflows_by_status ON workflows (status, id)",
    "CREATE INDEX workflows_by_tags ON workflows USING gin (tags)",
    "CREATE INDEX workflows_by_update ON workflows (updated_at, id)",
)

EXECUTIONS = (
    """
CREATE TABLE executions (
    id UUID NOT NULL,
    workflow_id UUID NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    trigger_type TEXT COLLATE "C" NOT NULL,
    triggered_by TEXT NOT NULL,
    correlation_id TEXT COLLATE "C",
    parent_id UUID,
    forked_from_execution_id UUID,
    forked_from_seq BIGINT,
    input JSON,
    result JSON,
    error JSON,
    attributes JSONB DEFAULT '{}' NOT NULL,
    tags TEXT[] DEFAULT '{}' NOT NULL,
    lease_holder TEXT,
    lease_epoch BIGINT DEFAULT 0 NOT NULL,
    lease_expires_at TIMESTAMP WITH TIME ZONE,
    heartbeat_at TIMESTAMP WITH TIME ZONE,
    event_seq BIGINT DEFAULT 0 NOT NULL,
    log_seq BIGINT DEFAULT 0 NOT NULL,
    step_seq BIGINT DEFAULT 0 NOT NULL,
    checkpoint_seq BIGINT DEFAULT 0 NOT NULL,
    metric_seq BIGINT DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT executions_pkey PRIMARY KEY (id),
    CONSTRAINT executions_status_known
        CHECK (status IN ('PENDING', 'RUNNING', 'PAUSED', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT')),
    CONSTRAINT executions_trigger_type_known
        CHECK (trigger_type IN ('MANUAL', 'SCHEDULE', 'EVENT', 'WEBHOOK', 'API')),
    CONSTRAINT executions_completed_at_set_exactly_when_terminal
        CHECK ((completed_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT'))),
    CONSTRAINT executions_started_when_running
        CHECK (started_at IS NOT NULL OR NOT status IN ('RUNNING', 'PAUSED', 'COMPLETED')),
    CONSTRAINT executions_completed_after_start CHECK (completed_at >= started_at),
    CONSTRAINT executions_result_only_when_completed CHECK (result IS NULL OR status = 'COMPLETED'),
    CONSTRAINT executions_error_only_when_unsuccessful
        CHECK (error IS NULL OR status IN ('FAILED', 'CANCELLED', 'TIMED_OUT')),
    CONSTRAINT executions_error_is_object CHECK (json_typeof(error) = 'object'),
    CONSTRAINT executions_attributes_are_object CHECK (jsonb_typeof(attributes) = 'object'),
    CONSTRAINT executions_lease_has_holder_and_expiry
        CHECK ((lease_holder IS NULL) = (lease_expires_at IS NULL)),
    CONSTRAINT executions_no_lease_when_terminal
        CHECK (lease_holder IS NULL OR NOT (status IN ('COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT'))),
    CONSTRAINT executions_lease_epoch_counts_up
        CHECK (lease_epoch >= 0 AND (lease_holder IS NULL OR lease_epoch > 0)),
    CONSTRAINT executions_counters_not_negative
        CHECK (least(event_seq, log_seq, step_seq, checkpoint_seq, metric_seq) >= 0),
    CONSTRAINT executions_fork_names_checkpoint
        CHECK ((forked_from_execution_id IS NULL) = (forked_from_seq IS NULL)),
    CONSTRAINT executions_not_its_own_parent CHECK (parent_id <> id),
    CONSTRAINT executions_workflow_id_fkey
        FOREIGN KEY(workflow_id) REFERENCES workflows (id) ON DELETE RESTRICT,
    CONSTRAINT executions_parent_id_fkey
        FOREIGN KEY(parent_id) REFERENCES executions (id) ON DELETE SET NULL
) PARTITION BY RANGE (id)
    """,
    "CREATE INDEX executions_by_attributes ON executions USING gin (attributes jsonb_path_ops)",
    """
CREATE INDEX executions_by_completion
        ON executions (coalesce(completed_at, '9999-12-31 00:00:00+00'::timestamptz), id)
    """,
    "CREATE INDEX executions_by_correlation ON executions (correlation_id, id) WHERE correlation_id IS NOT NULL",
    """
CREATE INDEX executions_by_fork
        ON executions (forked_from_execution_id, forked_from_seq) WHERE forked_from_execution_id IS NOT NULL
    """,
    "CREATE INDEX executions_by_parent ON executions (parent_id, id) WHERE parent_id IS NOT NULL",
    """
CREATE INDEX executions_by_start
        ON executions (coalesce(started_at, '9999-12-31 00:00:00+00'::timestamptz), id)
    """,
    "CREATE INDEX executions_by_status ON executions (status, id)",
    "CREATE INDEX executions_by_tags ON executions USING gin (tags)",
    "CREATE INDEX executions_by_trigger ON executions (trigger_type, id)",
    "CREATE INDEX executions_by_workflow ON executions (workflow_id, id)",
    """
CREATE INDEX executions_by_workflow_completion
        ON executions (workflow_id, coalesce(completed_at, '9999-12-31 00:00:00+00'::timestamptz), id)
    """,
    """
CREATE INDEX executions_by_workflow_start
        ON executions (workflow_id, coalesce(started_at, '9999-12-31 00:00:00+00'::timestamptz), id)
    """,
    "CREATE INDEX executions_by_workflow_status ON executions (workflow_id, status, id)",
    "CREATE INDEX executions_with_error ON executions (id) WHERE error IS NOT NULL",
)

STEPS = (
    """
CREATE TABLE steps (
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    attempt INTEGER NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    event_seq BIGINT DEFAULT 0 NOT NULL,
    input JSON,
    output JSON,
    error JSON,
    depends_on TEXT[] DEFAULT '{}' NOT NULL,
    metrics JSON,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT steps_pkey PRIMARY KEY (execution_id, seq),
    CONSTRAINT steps_execution_id_key_attempt_key UNIQUE (execution_id, key, attempt),
    CONSTRAINT steps_status_known
        CHECK (status IN ('PENDING', 'RUNNING', 'RETRYING', 'COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED', 'TIMED_OUT')),
    CONSTRAINT steps_completed_at_set_exactly_when_terminal
        CHECK ((completed_at IS NOT NULL) = (status IN ('COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED', 'TIMED_OUT'))),
    CONSTRAINT steps_started_when_running
        CHECK (started_at IS NOT NULL OR NOT status IN ('RUNNING', 'COMPLETED', 'FAILED')),
    CONSTRAINT steps_completed_after_start CHECK (completed_at >= started_at),
    CONSTRAINT steps_output_only_when_completed CHECK (output IS NULL OR status = 'COMPLETED'),
    CONSTRAINT steps_error_only_when_unsuccessful
        CHECK (error IS NULL OR status IN ('RETRYING', 'FAILED', 'CANCELLED', 'TIMED_OUT')),
    CONSTRAINT steps_error_is_object CHECK (json_typeof(error) = 'object'),
    CONSTRAINT steps_metrics_are_object CHECK (json_typeof(metrics) = 'object'),
    CONSTRAINT steps_seq_counts_from_one CHECK (seq >= 1),
    CONSTRAINT steps_attempt_counts_from_one CHECK (attempt >= 1),
    CONSTRAINT steps_key_length CHECK (char_length(key) BETWEEN 1 AND 500),
    CONSTRAINT steps_execution_id_fkey
        FOREIGN KEY(execution_id) REFERENCES executions (id) ON DELETE CASCADE
) PARTITION BY RANGE (execution_id)
    """,
    """
CREATE INDEX steps_by_start
        ON steps (execution_id, coalesce(started_at, '9999-12-31 00:00:00+00'::timestamptz), seq)
    """,
    "CREATE INDEX steps_by_status ON steps (execution_id, status, seq)",
    "CREATE INDEX steps_by_type ON steps (execution_id, type, seq)",
)

STATES = (
    """
CREATE TABLE states (
    execution_id UUID NOT NULL,
    version BIGINT DEFAULT 0 NOT NULL,
    current_step TEXT COLLATE "C",
    completed_steps TEXT[] DEFAULT '{}' NOT NULL,
    failed_steps TEXT[] DEFAULT '{}' NOT NULL,
    skipped_steps TEXT[] DEFAULT '{}' NOT NULL,
    parallel_groups JSON,
    checkpoint_seq BIGINT,
    pruned_to BIGINT DEFAULT 0 NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT states_pkey PRIMARY KEY (execution_id),
    CONSTRAINT states_version_not_negative CHECK (version >= 0),
    CONSTRAINT states_execution_id_fkey
        FOREIGN KEY(execution_id) REFERENCES executions (id) ON DELETE CASCADE
) PARTITION BY RANGE (execution_id)
    """,
)

STATE_ENTRIES = (
    """
CREATE TABLE state_entries (
    execution_id UUID NOT NULL,
    field BOOLEAN DEFAULT false NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    op TEXT COLLATE "C" NOT NULL,
    value JSONB,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT state_entries_pkey PRIMARY KEY (execution_id, field, key, version),
    CONSTRAINT state_entries_op_known CHECK (op IN ('SET', 'APPEND', 'DELETE')),
    CONSTRAINT state_entries_value_unless_deleted CHECK ((op = 'DELETE') = (value IS NULL)),
    CONSTRAINT state_entries_only_lists_are_appended
        CHECK (op <> 'APPEND' OR jsonb_typeof(value) = 'array'),
    CONSTRAINT state_entries_version_counts_from_one CHECK (version >= 1),
    CONSTRAINT state_entries_key_length CHECK (char_length(key) BETWEEN 1 AND 500),
    CONSTRAINT state_entries_execution_id_fkey
        FOREIGN KEY(execution_id) REFERENCES executions (id) ON DELETE CASCADE
) PARTITION BY RANGE (execution_id)
    """,
)

CHECKPOINTS = (
    """
CREATE TABLE checkpoints (
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    parent_seq BIGINT,
    step_key TEXT COLLATE "C",
    label TEXT,
    state_version BIGINT NOT NULL,
    event_seq BIGINT DEFAULT 0 NOT NULL,
    step_seq BIGINT DEFAULT 0 NOT NULL,
    data JSON,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (execution_id, seq),
    CONSTRAINT checkpoints_parent_fkey
        FOREIGN KEY(execution_id, parent_seq) REFERENCES checkpoints (execution_id, seq) ON DELETE SET NULL (parent_seq),
    CONSTRAINT checkpoints_seq_counts_from_one CHECK (seq >= 1),
    CONSTRAINT checkpoints_parent_comes_before CHECK (parent_seq < seq),
    CONSTRAINT checkpoints_state_version_not_negative CHECK (state_version >= 0),
    CONSTRAINT checkpoints_execution_id_fkey
        FOREIGN KEY(execution_id) REFERENCES executions (id) ON DELETE CASCADE
) PARTITION BY RANGE (execution_id)
    """,
    "CREATE INDEX checkpoints_by_parent ON checkpoints (execution_id, parent_seq) WHERE parent_seq IS NOT NULL",
)

LOG_ENTRIES = (
    """
CREATE TABLE log_entries (
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    step_seq BIGINT,
    level SMALLINT NOT NULL,
    message TEXT NOT NULL,
    fields JSON,
    logged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT log_entries_pkey PRIMARY KEY (execution_id, seq),
    CONSTRAINT log_entries_level_known CHECK (level IN (10, 20, 30, 40)),
    CONSTRAINT log_entries_fields_are_object CHECK (json_typeof(fields) = 'object')
) PARTITION BY RANGE (execution_id)
    """,
    "CREATE INDEX log_entries_by_step ON log_entries (execution_id, step_seq, seq) WHERE step_seq IS NOT NULL",
    "CREATE INDEX log_entries_by_time ON log_entries (execution_id, logged_at, seq)",
    "CREATE INDEX log_entries_of_concern ON log_entries (execution_id, seq) WHERE level >= 30",
)

METRIC_POINTS = (
    """
CREATE TABLE metric_points (
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    step_seq BIGINT,
    name TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT metric_points_pkey PRIMARY KEY (execution_id, seq),
    CONSTRAINT metric_points_step_fkey
        FOREIGN KEY(execution_id, step_seq) REFERENCES steps (execution_id, seq) ON DELETE CASCADE,
    CONSTRAINT metric_points_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT metric_points_execution_id_fkey
        FOREIGN KEY(execution_id) REFERENCES executions (id) ON DELETE CASCADE
) PARTITION BY RANGE (execution_id)
    """,
    "CREATE INDEX metric_points_by_name ON metric_points (execution_id, name, seq)",
    """
CREATE INDEX metric_points_by_step
        ON metric_points (execution_id, step_seq, seq) WHERE step_seq IS NOT NULL
    """,
)

EVENTS = (
    """
CREATE TABLE events (
    execution_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    actor TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    changes JSON NOT NULL,
    idempotency_key TEXT COLLATE "C",
    fingerprint BYTEA,
    outcome JSON,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (execution_id, seq),
    CONSTRAINT events_key_has_fingerprint CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL)),
    CONSTRAINT events_changes_are_object CHECK (json_typeof(changes) = 'object')
) PARTITION BY RANGE (execution_id)
    """,
    "CREATE INDEX events_by_commit ON events (xid, execution_id, seq)",
    """
CREATE UNIQUE INDEX events_by_idempotency_key
        ON events (execution_id, idempotency_key) WHERE idempotency_key IS NOT NULL
    """,
)

AUDIT_ENTRIES = (
    """
CREATE TABLE audit_entries (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    subject_type TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    changes JSON NOT NULL,
    CONSTRAINT audit_entries_pkey PRIMARY KEY (id),
    CONSTRAINT audit_entries_changes_are_object CHECK (json_typeof(changes) = 'object')
)
    """,
    "CREATE INDEX audit_entries_by_actor ON audit_entries (actor, id)",
    "CREATE INDEX audit_entries_by_subject ON audit_entries (subject_type, subject_id, id)",
    "CREATE INDEX audit_entries_by_time ON audit_entries (at)",
    "CREATE INDEX audit_entries_by_type ON audit_entries (type, id)",
)

IDEMPOTENCY_KEYS = (
    """
CREATE TABLE idempotency_keys (
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    outcome JSON NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key),
    CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 200)
)
    """,
    "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)",
)

FORKED_FROM = (
    """
ALTER TABLE executions ADD CONSTRAINT executions_forked_from_fkey
    FOREIGN KEY (forked_from_execution_id, forked_from_seq)
    REFERENCES checkpoints (execution_id, seq) ON DELETE SET NULL
    """,
)

TABLES = (
    WORKFLOWS,
    EXECUTIONS,
    STEPS,
    STATES,
    STATE_ENTRIES,
    CHECKPOINTS,
    LOG_ENTRIES,
    METRIC_POINTS,
    EVENTS,
    AUDIT_ENTRIES,
    IDEMPOTENCY_KEYS,
)


def upgrade() -> None:
    """Create every table; the service adds the partitions."""
    for statements in (*TABLES, FORKED_FROM):
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    """Drop every table with its partitions."""
    op.execute("ALTER TABLE executions DROP CONSTRAINT executions_forked_from_fkey")
    op.execute(
        "DROP TABLE idempotency_keys, audit_entries, events, metric_points, log_entries, "
        "checkpoints, state_entries, states, steps, executions, workflows"
    )
