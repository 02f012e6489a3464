"""Tokens: who may call, and what they may do."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TOKENS = (
    """
CREATE TABLE tokens (
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    scopes TEXT[] NOT NULL,
    secret_hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT tokens_pkey PRIMARY KEY (id),
    CONSTRAINT tokens_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT tokens_scopes_known CHECK (scopes <@ ARRAY['READ', 'WRITE', 'ADMIN']),
    CONSTRAINT tokens_scopes_not_empty CHECK (cardinality(scopes) > 0),
    CONSTRAINT tokens_secret_hash_is_sha256 CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT tokens_expires_after_creation CHECK (expires_at > created_at)
)
    """,
    "CREATE INDEX tokens_by_name ON tokens (name, id)",
    "CREATE INDEX tokens_live ON tokens (id) WHERE revoked_at IS NULL",
    "CREATE UNIQUE INDEX tokens_live_name ON tokens (name) WHERE revoked_at IS NULL",
    "CREATE INDEX tokens_revoked ON tokens (id) WHERE revoked_at IS NOT NULL",
)


def upgrade() -> None:
    """Create the table."""
    for statement in TOKENS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the table: whoever came in by a token does so no more."""
    op.execute("DROP TABLE tokens")
