"""Settings: `FLOWKEEP_*` environment variables, each with the default that a laptop wants."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.partitions import Span
from graph.limits import Limits


class Settings(BaseSettings):
    """Everything that can be set; the README's table is made from these descriptions."""

    model_config = SettingsConfigDict(env_prefix="FLOWKEEP_", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL to use, as `postgresql://user:password@host:5432/name`; "
        "unset: an embedded one is started",
    )
    data_dir: Path | None = Field(
        default=None,
        description="folder of the embedded PostgreSQL; unset: `/var/lib/flowkeep` for root, "
        "else `flowkeep` in the user's data folder",
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    pool_size: int = Field(default=10, ge=1, le=1000, description="connections to PostgreSQL a process holds")
    partition_span: Span = Field(
        default=Span.MONTH, description="time that one partition covers: `day`, `week` or `month`"
    )
    partitions_ahead: int = Field(default=3, ge=1, le=100, description="partitions kept ready for the future")
    max_input_bytes: int = Field(
        default=16 * 2**20, ge=1024, description="largest input of one mutation, as JSON"
    )
    max_document_bytes: int = Field(
        default=4 * 2**20, ge=1024, description="largest definition, input, result, output or data, as JSON"
    )
    max_log_entries: int = Field(default=10_000, ge=1, description="most log entries in one call")
    max_log_message_bytes: int = Field(default=64 * 2**10, ge=1, description="longest message of a log entry")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="least severity that is logged"
    )

    @property
    def limits(self) -> Limits:
        """What one mutation may bring."""
        return Limits(
            input_bytes=self.max_input_bytes,
            document_bytes=self.max_document_bytes,
            log_entries=self.max_log_entries,
            log_message_bytes=self.max_log_message_bytes,
        )
