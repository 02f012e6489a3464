"""`auditLog`."""

import strawberry

from db.queries.sources import AUDIT_LOG
from graph.api.audit.filters import AUDIT_LISTED
from graph.api.audit.types import AuditEntry
from graph.auth.scopes import ADMIN
from graph.connections import connection


@strawberry.type
class AuditQueries:
    audit_log = connection(
        AUDIT_LOG,
        AuditEntry,
        AUDIT_LISTED,
        (),
        "Changes to what belongs to no execution: workflows, tokens, and deletions.",
        scope=ADMIN,
    )
