"""Reads from a streaming standby of the database: whether it may be read from, and how far it is.

For the operator: queries are read from the standby while it is one, of this very database, and no further
behind than it may be; at all other times from the primary. A job looks once a second, and each change is a
line in the log (`flowkeep.database`). Whoever must see a write names its position: the standby is read once
it has replayed that far, and the primary where that takes too long.
"""

from db.replica.lsn import format_lsn, parse_lsn
from db.replica.positions import Positions
from db.replica.reads import Elsewhere, Fallback, View
from db.replica.replica import Replica, ReplicaStatus

__all__ = [
    "Elsewhere",
    "Fallback",
    "Positions",
    "Replica",
    "ReplicaStatus",
    "View",
    "format_lsn",
    "parse_lsn",
]
