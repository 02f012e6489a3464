CREATE TABLE public.audit_entries (
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    subject_type text NOT NULL COLLATE pg_catalog."C",
    subject_id text NOT NULL COLLATE pg_catalog."C",
    changes json NOT NULL,
    CONSTRAINT audit_entries_changes_are_object CHECK ((json_typeof(changes) = 'object'::text))
);

CREATE TABLE public.checkpoints (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    parent_seq bigint,
    step_key text COLLATE pg_catalog."C",
    label text,
    state_version bigint NOT NULL,
    event_seq bigint DEFAULT 0 NOT NULL,
    step_seq bigint DEFAULT 0 NOT NULL,
    data json,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT checkpoints_parent_comes_before CHECK ((parent_seq < seq)),
    CONSTRAINT checkpoints_seq_counts_from_one CHECK ((seq >= 1)),
    CONSTRAINT checkpoints_state_version_not_negative CHECK ((state_version >= 0))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.deleted_executions (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    workflow_id uuid NOT NULL,
    workflow_name text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.events (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    changes json NOT NULL,
    idempotency_key text COLLATE pg_catalog."C",
    fingerprint bytea,
    outcome json,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT events_changes_are_object CHECK ((json_typeof(changes) = 'object'::text)),
    CONSTRAINT events_key_has_fingerprint CHECK (((idempotency_key IS NULL) = (fingerprint IS NULL)))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.executions (
    id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    trigger_type text NOT NULL COLLATE pg_catalog."C",
    triggered_by text NOT NULL,
    correlation_id text COLLATE pg_catalog."C",
    parent_id uuid,
    forked_from_execution_id uuid,
    forked_from_seq bigint,
    input json,
    result json,
    error json,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    lease_holder text,
    lease_epoch bigint DEFAULT 0 NOT NULL,
    lease_expires_at timestamp with time zone,
    heartbeat_at timestamp with time zone,
    event_seq bigint DEFAULT 0 NOT NULL,
    log_seq bigint DEFAULT 0 NOT NULL,
    step_seq bigint DEFAULT 0 NOT NULL,
    checkpoint_seq bigint DEFAULT 0 NOT NULL,
    metric_seq bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    attributes_exact json,
    priority smallint DEFAULT 1 NOT NULL,
    CONSTRAINT executions_attributes_are_object CHECK ((jsonb_typeof(attributes) = 'object'::text)),
    CONSTRAINT executions_completed_after_start CHECK ((completed_at >= started_at)),
    CONSTRAINT executions_completed_at_set_exactly_when_terminal CHECK (((completed_at IS NOT NULL) = (status = ANY (ARRAY['COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text])))),
    CONSTRAINT executions_counters_not_negative CHECK ((LEAST(event_seq, log_seq, step_seq, checkpoint_seq, metric_seq) >= 0)),
    CONSTRAINT executions_error_is_object CHECK ((json_typeof(error) = 'object'::text)),
    CONSTRAINT executions_error_only_when_unsuccessful CHECK (((error IS NULL) OR (status = ANY (ARRAY['FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text])))),
    CONSTRAINT executions_fork_names_checkpoint CHECK (((forked_from_execution_id IS NULL) = (forked_from_seq IS NULL))),
    CONSTRAINT executions_lease_epoch_counts_up CHECK (((lease_epoch >= 0) AND ((lease_holder IS NULL) OR (lease_epoch > 0)))),
    CONSTRAINT executions_lease_has_holder_and_expiry CHECK (((lease_holder IS NULL) = (lease_expires_at IS NULL))),
    CONSTRAINT executions_no_lease_when_terminal CHECK (((lease_holder IS NULL) OR (NOT (status = ANY (ARRAY['COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text]))))),
    CONSTRAINT executions_not_its_own_parent CHECK ((parent_id <> id)),
    CONSTRAINT executions_result_only_when_completed CHECK (((result IS NULL) OR (status = 'COMPLETED'::text))),
    CONSTRAINT executions_started_when_running CHECK (((started_at IS NOT NULL) OR (NOT (status = ANY (ARRAY['RUNNING'::text, 'PAUSED'::text, 'COMPLETED'::text]))))),
    CONSTRAINT executions_status_known CHECK ((status = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'PAUSED'::text, 'COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text]))),
    CONSTRAINT executions_trigger_type_known CHECK ((trigger_type = ANY (ARRAY['MANUAL'::text, 'SCHEDULE'::text, 'EVENT'::text, 'WEBHOOK'::text, 'API'::text])))
)
PARTITION BY RANGE (id);

CREATE TABLE public.holds (
    subject_id uuid NOT NULL,
    subject_type text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    placed_by text NOT NULL,
    placed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT holds_reason_length CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 500))),
    CONSTRAINT holds_subject_type_known CHECK ((subject_type = ANY (ARRAY['EXECUTION'::text, 'WORKFLOW'::text])))
);

CREATE TABLE public.idempotency_keys (
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    outcome json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 200)))
);

CREATE TABLE public.log_entries (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    step_seq bigint,
    level smallint NOT NULL,
    message text NOT NULL,
    fields json,
    logged_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    original_bytes bigint,
    CONSTRAINT log_entries_fields_are_object CHECK ((json_typeof(fields) = 'object'::text)),
    CONSTRAINT log_entries_level_known CHECK ((level = ANY (ARRAY[10, 20, 30, 40])))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.metric_points (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    step_seq bigint,
    name text NOT NULL COLLATE pg_catalog."C",
    value double precision NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT metric_points_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.retention_policies (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    workflow_name text COLLATE pg_catalog."C",
    statuses text[],
    keep_executions interval,
    keep_logs interval,
    keep_checkpoints interval,
    keep_last integer,
    enabled boolean DEFAULT true NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    CONSTRAINT retention_policies_ages_not_negative CHECK ((LEAST(keep_executions, keep_logs, keep_checkpoints) >= '00:00:00'::interval)),
    CONSTRAINT retention_policies_keep_last_in_range CHECK (((keep_last >= 1) AND (keep_last <= 10000))),
    CONSTRAINT retention_policies_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT retention_policies_revision_counts_from_one CHECK ((revision >= 1)),
    CONSTRAINT retention_policies_something_goes CHECK ((num_nonnulls(keep_executions, keep_logs, keep_checkpoints) > 0)),
    CONSTRAINT retention_policies_statuses_not_empty CHECK ((cardinality(statuses) > 0)),
    CONSTRAINT retention_policies_statuses_terminal CHECK ((statuses <@ ARRAY['COMPLETED'::text, 'FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text]))
);

CREATE TABLE public.retention_runs (
    id uuid NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    policy_id uuid,
    policies json NOT NULL,
    deleted json DEFAULT '{}'::json NOT NULL,
    partitions text[] DEFAULT '{}'::text[] NOT NULL,
    batches bigint DEFAULT 0 NOT NULL,
    place json,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT retention_runs_deleted_is_object CHECK ((json_typeof(deleted) = 'object'::text)),
    CONSTRAINT retention_runs_finished_at_set_exactly_when_over CHECK (((finished_at IS NOT NULL) = (status <> 'RUNNING'::text))),
    CONSTRAINT retention_runs_place_while_running CHECK (((place IS NULL) OR (status = 'RUNNING'::text))),
    CONSTRAINT retention_runs_status_known CHECK ((status = ANY (ARRAY['RUNNING'::text, 'COMPLETED'::text, 'INTERRUPTED'::text])))
);

CREATE TABLE public.state_entries (
    execution_id uuid NOT NULL,
    field boolean DEFAULT false NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    op text NOT NULL COLLATE pg_catalog."C",
    value jsonb,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    value_exact json,
    CONSTRAINT state_entries_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 500))),
    CONSTRAINT state_entries_only_lists_are_appended CHECK (((op <> 'APPEND'::text) OR (jsonb_typeof(value) = 'array'::text))),
    CONSTRAINT state_entries_op_known CHECK ((op = ANY (ARRAY['SET'::text, 'APPEND'::text, 'DELETE'::text]))),
    CONSTRAINT state_entries_value_unless_deleted CHECK (((op = 'DELETE'::text) = (value IS NULL))),
    CONSTRAINT state_entries_version_counts_from_one CHECK ((version >= 1))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.states (
    execution_id uuid NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    current_step text COLLATE pg_catalog."C",
    completed_steps text[] DEFAULT '{}'::text[] NOT NULL,
    failed_steps text[] DEFAULT '{}'::text[] NOT NULL,
    skipped_steps text[] DEFAULT '{}'::text[] NOT NULL,
    parallel_groups json,
    checkpoint_seq bigint,
    pruned_to bigint DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT states_version_not_negative CHECK ((version >= 0))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.steps (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    attempt integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    event_seq bigint DEFAULT 0 NOT NULL,
    input json,
    output json,
    error json,
    depends_on text[] DEFAULT '{}'::text[] NOT NULL,
    metrics json,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    CONSTRAINT steps_attempt_counts_from_one CHECK ((attempt >= 1)),
    CONSTRAINT steps_completed_after_start CHECK ((completed_at >= started_at)),
    CONSTRAINT steps_completed_at_set_exactly_when_terminal CHECK (((completed_at IS NOT NULL) = (status = ANY (ARRAY['COMPLETED'::text, 'FAILED'::text, 'SKIPPED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text])))),
    CONSTRAINT steps_error_is_object CHECK ((json_typeof(error) = 'object'::text)),
    CONSTRAINT steps_error_only_when_unsuccessful CHECK (((error IS NULL) OR (status = ANY (ARRAY['RETRYING'::text, 'FAILED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text])))),
    CONSTRAINT steps_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 500))),
    CONSTRAINT steps_metrics_are_object CHECK ((json_typeof(metrics) = 'object'::text)),
    CONSTRAINT steps_output_only_when_completed CHECK (((output IS NULL) OR (status = 'COMPLETED'::text))),
    CONSTRAINT steps_seq_counts_from_one CHECK ((seq >= 1)),
    CONSTRAINT steps_started_when_running CHECK (((started_at IS NOT NULL) OR (NOT (status = ANY (ARRAY['RUNNING'::text, 'COMPLETED'::text, 'FAILED'::text]))))),
    CONSTRAINT steps_status_known CHECK ((status = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'RETRYING'::text, 'COMPLETED'::text, 'FAILED'::text, 'SKIPPED'::text, 'CANCELLED'::text, 'TIMED_OUT'::text])))
)
PARTITION BY RANGE (execution_id);

CREATE TABLE public.tokens (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    scopes text[] NOT NULL,
    secret_hash bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT tokens_expires_after_creation CHECK ((expires_at > created_at)),
    CONSTRAINT tokens_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT tokens_scopes_known CHECK ((scopes <@ ARRAY['READ'::text, 'WRITE'::text, 'ADMIN'::text])),
    CONSTRAINT tokens_scopes_not_empty CHECK ((cardinality(scopes) > 0)),
    CONSTRAINT tokens_secret_hash_is_sha256 CHECK ((octet_length(secret_hash) = 32))
);

CREATE TABLE public.workflows (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    definition json NOT NULL,
    description text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    category text COLLATE pg_catalog."C",
    priority text NOT NULL COLLATE pg_catalog."C",
    environment text NOT NULL COLLATE pg_catalog."C",
    estimated_duration interval,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    CONSTRAINT workflows_definition_is_object CHECK ((json_typeof(definition) = 'object'::text)),
    CONSTRAINT workflows_environment_known CHECK ((environment = ANY (ARRAY['DEVELOPMENT'::text, 'STAGING'::text, 'PRODUCTION'::text]))),
    CONSTRAINT workflows_estimated_duration_positive CHECK ((estimated_duration >= '00:00:00'::interval)),
    CONSTRAINT workflows_name_length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT workflows_priority_known CHECK ((priority = ANY (ARRAY['LOW'::text, 'NORMAL'::text, 'HIGH'::text, 'CRITICAL'::text]))),
    CONSTRAINT workflows_revision_counts_from_one CHECK ((revision >= 1)),
    CONSTRAINT workflows_status_known CHECK ((status = ANY (ARRAY['DRAFT'::text, 'ACTIVE'::text, 'INACTIVE'::text, 'DEPRECATED'::text, 'ARCHIVED'::text]))),
    CONSTRAINT workflows_version_length CHECK (((char_length(version) >= 1) AND (char_length(version) <= 100)))
);

ALTER TABLE ONLY public.audit_entries
    ADD CONSTRAINT audit_entries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.deleted_executions
    ADD CONSTRAINT deleted_executions_pkey PRIMARY KEY (xid, execution_id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.executions
    ADD CONSTRAINT executions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (subject_id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.log_entries
    ADD CONSTRAINT log_entries_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.metric_points
    ADD CONSTRAINT metric_points_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.retention_policies
    ADD CONSTRAINT retention_policies_name_key UNIQUE (name);

ALTER TABLE ONLY public.retention_policies
    ADD CONSTRAINT retention_policies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.retention_runs
    ADD CONSTRAINT retention_runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.state_entries
    ADD CONSTRAINT state_entries_pkey PRIMARY KEY (execution_id, field, key, version);

ALTER TABLE ONLY public.states
    ADD CONSTRAINT states_pkey PRIMARY KEY (execution_id);

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_execution_id_key_attempt_key UNIQUE (execution_id, key, attempt);

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (execution_id, seq);

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_name_version_key UNIQUE (name, version);

ALTER TABLE ONLY public.workflows
    ADD CONSTRAINT workflows_pkey PRIMARY KEY (id);

CREATE INDEX audit_entries_by_actor ON public.audit_entries USING btree (actor, id);

CREATE INDEX audit_entries_by_subject ON public.audit_entries USING btree (subject_type, subject_id, id);

CREATE INDEX audit_entries_by_time ON public.audit_entries USING btree (at);

CREATE INDEX audit_entries_by_type ON public.audit_entries USING btree (type, id);

CREATE INDEX checkpoints_by_parent ON ONLY public.checkpoints USING btree (execution_id, parent_seq) WHERE (parent_seq IS NOT NULL);

CREATE INDEX deleted_executions_by_age ON public.deleted_executions USING btree (at);

CREATE INDEX events_by_commit ON ONLY public.events USING btree (xid, execution_id, seq);

CREATE UNIQUE INDEX events_by_idempotency_key ON ONLY public.events USING btree (execution_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

CREATE INDEX executions_by_attributes ON ONLY public.executions USING gin (attributes jsonb_path_ops);

CREATE INDEX executions_by_completion ON ONLY public.executions USING btree (COALESCE(completed_at, '9999-12-31 00:00:00+00'::timestamp with time zone), id);

CREATE INDEX executions_by_correlation ON ONLY public.executions USING btree (correlation_id, id) WHERE (correlation_id IS NOT NULL);

CREATE INDEX executions_by_duration ON ONLY public.executions USING btree (COALESCE((completed_at - started_at), '-00:00:01'::interval), id);

CREATE INDEX executions_by_fork ON ONLY public.executions USING btree (forked_from_execution_id, forked_from_seq) WHERE (forked_from_execution_id IS NOT NULL);

CREATE INDEX executions_by_parent ON ONLY public.executions USING btree (parent_id, id) WHERE (parent_id IS NOT NULL);

CREATE INDEX executions_by_priority ON ONLY public.executions USING btree (status, priority DESC, id) WHERE (status = ANY (ARRAY['PENDING'::text, 'RUNNING'::text]));

CREATE INDEX executions_by_start ON ONLY public.executions USING btree (COALESCE(started_at, '9999-12-31 00:00:00+00'::timestamp with time zone), id);

CREATE INDEX executions_by_status ON ONLY public.executions USING btree (status, id);

CREATE INDEX executions_by_tags ON ONLY public.executions USING gin (tags);

CREATE INDEX executions_by_trigger ON ONLY public.executions USING btree (trigger_type, id);

CREATE INDEX executions_by_workflow ON ONLY public.executions USING btree (workflow_id, id);

CREATE INDEX executions_by_workflow_completion ON ONLY public.executions USING btree (workflow_id, COALESCE(completed_at, '9999-12-31 00:00:00+00'::timestamp with time zone), id);

CREATE INDEX executions_by_workflow_duration ON ONLY public.executions USING btree (workflow_id, COALESCE((completed_at - started_at), '-00:00:01'::interval), id);

CREATE INDEX executions_by_workflow_start ON ONLY public.executions USING btree (workflow_id, COALESCE(started_at, '9999-12-31 00:00:00+00'::timestamp with time zone), id);

CREATE INDEX executions_by_workflow_status ON ONLY public.executions USING btree (workflow_id, status, id);

CREATE INDEX executions_with_error ON ONLY public.executions USING btree (id) WHERE (error IS NOT NULL);

CREATE INDEX holds_by_placement ON public.holds USING btree (placed_at, subject_id);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX log_entries_by_step ON ONLY public.log_entries USING btree (execution_id, step_seq, seq) WHERE (step_seq IS NOT NULL);

CREATE INDEX log_entries_by_time ON ONLY public.log_entries USING btree (execution_id, logged_at, seq);

CREATE INDEX log_entries_of_concern ON ONLY public.log_entries USING btree (execution_id, seq) WHERE (level >= 30);

CREATE INDEX metric_points_by_name ON ONLY public.metric_points USING btree (execution_id, name, seq);

CREATE INDEX metric_points_by_step ON ONLY public.metric_points USING btree (execution_id, step_seq, seq) WHERE (step_seq IS NOT NULL);

CREATE INDEX retention_policies_disabled ON public.retention_policies USING btree (id) WHERE (NOT enabled);

CREATE INDEX retention_policies_enabled ON public.retention_policies USING btree (id) WHERE enabled;

CREATE INDEX retention_runs_by_status ON public.retention_runs USING btree (status, id);

CREATE UNIQUE INDEX retention_runs_open ON public.retention_runs USING btree (policy_id) NULLS NOT DISTINCT WHERE (finished_at IS NULL);

CREATE INDEX steps_by_start ON ONLY public.steps USING btree (execution_id, COALESCE(started_at, '9999-12-31 00:00:00+00'::timestamp with time zone), seq);

CREATE INDEX steps_by_status ON ONLY public.steps USING btree (execution_id, status, seq);

CREATE INDEX steps_by_type ON ONLY public.steps USING btree (execution_id, type, seq);

CREATE INDEX tokens_by_name ON public.tokens USING btree (name, id);

CREATE INDEX tokens_live ON public.tokens USING btree (id) WHERE (revoked_at IS NULL);

CREATE UNIQUE INDEX tokens_live_name ON public.tokens USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX tokens_revoked ON public.tokens USING btree (id) WHERE (revoked_at IS NOT NULL);

CREATE INDEX workflows_by_category ON public.workflows USING btree (category, id);

CREATE INDEX workflows_by_environment ON public.workflows USING btree (environment, id);

CREATE INDEX workflows_by_name ON public.workflows USING btree (name, id);

CREATE INDEX workflows_by_priority ON public.workflows USING btree (priority, id);

CREATE INDEX workflows_by_status ON public.workflows USING btree (status, id);

CREATE INDEX workflows_by_tags ON public.workflows USING gin (tags);

CREATE INDEX workflows_by_update ON public.workflows USING btree (updated_at, id);

ALTER TABLE public.checkpoints
    ADD CONSTRAINT checkpoints_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;

ALTER TABLE public.executions
    ADD CONSTRAINT executions_workflow_id_fkey FOREIGN KEY (workflow_id) REFERENCES public.workflows(id) ON DELETE RESTRICT;

ALTER TABLE public.metric_points
    ADD CONSTRAINT metric_points_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;

ALTER TABLE public.metric_points
    ADD CONSTRAINT metric_points_step_fkey FOREIGN KEY (execution_id, step_seq) REFERENCES public.steps(execution_id, seq) ON DELETE CASCADE;

ALTER TABLE public.state_entries
    ADD CONSTRAINT state_entries_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;

ALTER TABLE public.states
    ADD CONSTRAINT states_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;

ALTER TABLE public.steps
    ADD CONSTRAINT steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES public.executions(id) ON DELETE CASCADE;
