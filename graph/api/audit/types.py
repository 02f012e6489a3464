"""AuditEntry: a change to what belongs to no execution."""

from datetime import datetime

import strawberry

from db.enums import Scope
from db.queries.sources import AUDIT_ENTRIES
from graph.ids import Kind
from graph.nodes import Node, node_of
from graph.scalars import JSONObject


@node_of(Kind.AUDIT_ENTRY, AUDIT_ENTRIES, Scope.ADMIN)
@strawberry.type(description="A change to what belongs to no execution, or the deletion of one.")
class AuditEntry(Node):
    at: datetime = strawberry.field(description="When, by the database's clock.")
    actor: str = strawberry.field(description="Who did it.")
    type: str = strawberry.field(description="What happened.")
    subject_type: str = strawberry.field(description="What kind of thing it happened to.")
    changes: JSONObject = strawberry.field(description="What it changed: before and after.")

    @strawberry.field(description="The id of what it happened to, which may be gone.")
    def subject_id(self) -> strawberry.ID:
        prefix = _PREFIXES.get(self.subject_type)
        key: str = self.row["subject_id"]
        return strawberry.ID(f"{prefix}_{key}" if prefix else key)


_SUBJECTS = (Kind.WORKFLOW, Kind.EXECUTION, Kind.TOKEN, Kind.POLICY, Kind.RUN)
_PREFIXES = {kind.name: kind.prefix for kind in _SUBJECTS}
