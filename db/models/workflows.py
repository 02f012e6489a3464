"""Workflows: versioned definitions and their metadata."""

from datetime import timedelta

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.enums import Environment, Priority, WorkflowStatus
from db.models.base import Base, check, document, json_object, now, one_of, prose, uuid_pk, word, words


class Workflow(Base):
    """One version of a workflow; another definition is another version, hence another row."""

    __tablename__ = "workflows"

    id: Mapped[uuid_pk]
    name: Mapped[word]
    version: Mapped[word]
    status: Mapped[word]
    definition: Mapped[document]
    description: Mapped[prose | None]
    tags: Mapped[words]
    category: Mapped[word | None]
    priority: Mapped[word]
    environment: Mapped[word]
    estimated_duration: Mapped[timedelta | None]
    created_by: Mapped[prose]
    created_at: Mapped[now]
    updated_at: Mapped[now]
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))

    __table_args__ = (
        UniqueConstraint("name", "version"),
        check("status_known", one_of("status", WorkflowStatus)),
        check("priority_known", one_of("priority", Priority)),
        check("environment_known", one_of("environment", Environment)),
        check("name_length", "char_length(name) BETWEEN 1 AND 200"),
        check("version_length", "char_length(version) BETWEEN 1 AND 100"),
        check("definition_is_object", json_object("definition")),
        check("estimated_duration_positive", "estimated_duration >= interval '0'"),
        check("revision_counts_from_one", "revision >= 1"),
        Index("workflows_by_name", "name", "id"),
        Index("workflows_by_update", "updated_at", "id"),
        Index("workflows_by_status", "status", "id"),
        Index("workflows_by_category", "category", "id"),
        Index("workflows_by_priority", "priority", "id"),
        Index("workflows_by_environment", "environment", "id"),
        Index("workflows_by_tags", "tags", postgresql_using="gin"),
    )
