"""Settings: `FLOWKEEP_*` environment variables, each with the default that a laptop wants."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.enums import PartitionSpan
from graph.addresses import is_trusted
from graph.limits import DocumentLimits, Limits

_PREFIX = "FLOWKEEP_"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


class Settings(BaseSettings):
    """Everything that can be set; the README's table is made from these descriptions."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL to use, as `postgresql://user:password@host:5432/name`; "
        "unset: an embedded one is started",
    )
    replica_url: SecretStr | None = Field(
        default=None,
        description="streaming standby of that database, from which queries are read; unset: all is read "
        "from the database itself",
    )
    replica_max_lag: float = Field(
        default=10.0,
        gt=0,
        description="seconds that the standby may be behind; beyond, queries are read from the primary",
    )
    replica_wait: float = Field(
        default=0.3,
        ge=0,
        description="seconds that a query with `extensions.after` waits for the standby to come that far, "
        "before it is read from the primary",
    )
    data_dir: Path | None = Field(
        default=None,
        description="folder of the embedded PostgreSQL; unset: `/var/lib/flowkeep` for root, "
        "else `flowkeep` in the user's data folder",
    )
    postgres_bin: Path | None = Field(
        default=None,
        description="folder of the embedded PostgreSQL's programs, such as `/usr/lib/postgresql/18/bin`; "
        "unset: an installed wheel's",
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    url: str | None = Field(
        default=None,
        description="service that commands such as `tail` speak to, as `http://host:8000/graphql`, or "
        "without a path; unset: the one that listens on the host and port above",
    )
    token: SecretStr | None = Field(default=None, description="token that such commands show it")
    workers: int = Field(
        default=1, ge=1, le=256, description="processes that serve, each with a pool of its own"
    )
    pool_size: int = Field(default=10, ge=1, le=1000, description="connections to PostgreSQL a process holds")
    pgbouncer: bool = Field(
        default=False,
        description="whether the database URL leads to a PgBouncer in transaction mode, or a pooler like it",
    )
    partition_span: PartitionSpan = Field(
        default=PartitionSpan.MONTH, description="time that one partition covers: `day`, `week` or `month`"
    )
    partitions_ahead: int = Field(default=3, ge=1, le=100, description="partitions kept ready for the future")
    retention_interval: float = Field(
        default=3600.0,
        ge=0,
        description="seconds between two applications of the retention policies; 0 for none",
    )
    keep_idempotency_keys: int = Field(
        default=30,
        ge=0,
        le=36_500,
        description="days for which idempotency keys outside of executions are known; 0 for ever",
    )
    keep_deletions: int = Field(
        default=7,
        ge=0,
        le=36_500,
        description="days for which `executionChanges` tells who comes later of a deletion; 0 for ever",
    )
    require_epoch: bool = Field(
        default=True,
        description="whether engines must send their lease's epoch while it is valid; `false` fences only "
        "who sends one",
    )
    max_input_bytes: int = Field(
        default=16 * 2**20, ge=1024, description="largest input of one mutation, as JSON"
    )
    max_document_bytes: int = Field(
        default=4 * 2**20, ge=1024, description="largest definition, input, result, output or data, as JSON"
    )
    max_log_entries: int = Field(default=10_000, ge=1, description="most log entries in one call")
    max_log_message_bytes: int = Field(
        default=64 * 2**10, ge=1, description="longest message of a log entry; longer ones are cut"
    )
    max_rows: int = Field(
        default=250_000, ge=1, description="most rows that the lists of one operation may hold together"
    )
    max_answer_bytes: int = Field(
        default=64 * 2**20,
        ge=2**16,
        description="most bytes that one operation may fetch, and that its answer may take as JSON",
    )
    max_held_bytes: int = Field(
        default=512 * 2**20,
        ge=2**20,
        description="most bytes that all operations of a process may have fetched and not answered yet",
    )
    max_cost: int = Field(
        default=200_000_000,
        ge=1,
        description="most rows that an operation could fetch, by its page sizes, for it to run at all",
    )
    max_list_items: int = Field(default=20_000, ge=1, description="longest list in an operation's variables")
    max_document_characters: int = Field(
        default=64 * 2**10, ge=1, description="longest text of a GraphQL document"
    )
    max_tokens: int = Field(
        default=900, ge=1, description="most tokens of a document; trusted documents may have 20 times that"
    )
    max_depth: int = Field(default=20, ge=1, description="deepest nesting of a document's fields")
    max_fields: int = Field(
        default=1_000, ge=1, description="most fields and spreads of a document, its fragments expanded"
    )
    max_aliases: int = Field(default=60, ge=0, description="most aliases of a document")
    max_directives: int = Field(default=50, ge=0, description="most directives of a document")
    max_duplicates: int = Field(
        default=100, ge=0, description="most repetitions of fields within one selection, over a document"
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="most connections that are open, for each process; fewer where the system allows fewer "
        "open files",
    )
    max_address_connections: int = Field(
        default=2_000,
        ge=1,
        description="most of them from one address; behind a proxy, all are from its address",
    )
    max_header_bytes: int = Field(
        default=64 * 2**10,
        ge=1024,
        description="room for the address and the header lines of a request, and for the lines after a body",
    )
    header_timeout: float = Field(
        default=10.0, gt=0, description="seconds in which the header lines of a request must arrive"
    )
    idle_timeout: int = Field(
        default=75, ge=1, description="seconds for which a connection may be idle between two requests"
    )
    write_timeout: float = Field(
        default=30.0,
        gt=0,
        description="seconds after which a client that does not read what it is sent is cut off",
    )
    max_waiting_bytes: int = Field(
        default=256 * 2**20,
        ge=2**20,
        description="most bytes that wait for clients to read them, over all connections of a process; "
        "beyond, who has not kept up for the longest is cut off",
    )
    max_body_bytes: int = Field(default=20 * 2**20, ge=1024, description="largest body of a request")
    body_timeout: float = Field(default=10.0, gt=0, description="seconds in which a body must arrive")
    request_timeout: float = Field(
        default=30.0, gt=0, description="seconds after which an operation and its SQL are stopped"
    )
    rate_limit: float = Field(
        default=1_000.0, ge=0, description="requests a second for each caller and process; 0 for no limit"
    )
    rate_burst: int = Field(default=2_000, ge=1, description="requests that a caller may make at once")
    socket_init_timeout: float = Field(
        default=5.0, gt=0, description="seconds in which a WebSocket must say who it is"
    )
    max_socket_message_bytes: int = Field(
        default=2**20, ge=1024, description="largest message that a WebSocket may send"
    )
    socket_frame_rate: int = Field(
        default=1_000,
        ge=1,
        description="frames a second that a WebSocket may send, and as many at once; past that it is closed",
    )
    socket_byte_rate: int = Field(
        default=8 * 2**20,
        ge=2**20,
        description="bytes a second that a WebSocket may send, and as many at once",
    )
    max_socket_fragments: int = Field(
        default=128, ge=1, description="most frames that one message of a WebSocket may come in"
    )
    max_socket_operations: int = Field(
        default=100, ge=1, description="most operations that are open on one WebSocket"
    )
    max_caller_subscriptions: int = Field(
        default=10_000, ge=1, description="most subscriptions that a caller has open, per process"
    )
    heartbeat: float = Field(
        default=15.0, gt=0, description="seconds between the signs of life of a live connection"
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description='origins whose pages may call the API, as a JSON list: `["https://dash.example.org"]`; '
        '`["*"]` for all',
    )
    dashboard: bool = Field(default=True, description="whether browsers get the dashboard")
    graphiql: bool = Field(default=True, description="whether browsers get GraphiQL")
    introspection: bool = Field(
        default=True, description="whether documents may ask for the schema, and errors suggest names from it"
    )
    trusted_documents: Path | None = Field(
        default=None, description="file of trusted documents: JSON from ids to texts, or Apollo's manifest"
    )
    trusted_only: bool = Field(default=False, description="whether only trusted documents are answered")
    auth: Literal["auto", "required"] = Field(
        default="auto",
        description="whether callers must say who they are: `required`, or `auto`, which is once there is a "
        "token or a provider",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="OpenID Connect provider whose JWTs are taken, as its tokens name it (`iss`)",
    )
    oidc_audience: str | None = Field(
        default=None, description="audience that its tokens must be for (`aud`); belongs to the issuer"
    )
    oidc_jwks_url: str | None = Field(
        default=None, description="where its public keys are; unset: where its discovery document says"
    )
    oidc_scope_claim: str = Field(
        default="scope",
        description="claim with the scopes `READ`, `WRITE`, `ADMIN`: words or a list, in any case, "
        "with or without `flowkeep:` before them",
    )
    oidc_client_id: str | None = Field(
        default=None,
        description="the provider's id of a public client, by which people sign in to the dashboard: code "
        "flow with PKCE, redirected to the dashboard's address; belongs to the issuer",
    )
    oidc_client_scope: str = Field(
        default="openid", description="scopes that the dashboard asks the provider for, between spaces"
    )
    metrics: bool = Field(default=True, description="whether there are metrics for Prometheus at `/metrics`")
    otel_endpoint: str | None = Field(
        default=None,
        pattern="^https?://",
        description="where traces go, as OTLP over HTTP: `http://collector:4318`; needs the extra "
        "`telemetry`",
    )
    slow_operation: float = Field(
        default=1.0, ge=0, description="seconds from which on an operation is logged as slow; 0 for none"
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="`text`, or `json`: one object a line, and a line for each request",
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="least severity that is logged"
    )

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        """A provider that is set in part would leave the door open, or shut, without a word."""
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise PydanticCustomError(
                "oidc", "FLOWKEEP_OIDC_ISSUER and FLOWKEEP_OIDC_AUDIENCE are set together or not at all"
            )
        for name in ("oidc_jwks_url", "oidc_client_id"):
            if getattr(self, name) is not None and self.oidc_issuer is None:
                raise PydanticCustomError("oidc", f"FLOWKEEP_{name.upper()} takes a FLOWKEEP_OIDC_ISSUER")
        if not all(is_trusted(url) for url in (self.oidc_issuer, self.oidc_jwks_url) if url is not None):
            raise PydanticCustomError(
                "oidc",
                "FLOWKEEP_OIDC_ISSUER and FLOWKEEP_OIDC_JWKS_URL start with https:// "
                "(http:// is for a provider on this machine)",
            )
        return self

    @property
    def limits(self) -> Limits:
        """What one mutation may bring."""
        return Limits(
            input_bytes=self.max_input_bytes,
            document_bytes=self.max_document_bytes,
            log_entries=self.max_log_entries,
            log_message_bytes=self.max_log_message_bytes,
            list_items=self.max_list_items,
            cost=self.max_cost,
            rows=self.max_rows,
            answer_bytes=self.max_answer_bytes,
            followed=self.max_caller_subscriptions,
            epochs=self.require_epoch,
        )

    @property
    def document_limits(self) -> DocumentLimits:
        """How much one document may ask for."""
        return DocumentLimits(
            characters=self.max_document_characters,
            tokens=self.max_tokens,
            depth=self.max_depth,
            fields=self.max_fields,
            aliases=self.max_aliases,
            directives=self.max_directives,
            duplicates=self.max_duplicates,
        )
