"""The ends of the calendar, which the driver takes for infinities when it sends them.

PostgreSQL keeps these moments like all others, and the driver reads them so; what arrives as an infinity
was one of them.
"""

from datetime import UTC, datetime

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
ENDS = frozenset((FIRST, LAST))
INFINITIES = {"infinity": LAST.isoformat(), "-infinity": FIRST.isoformat()}


def finite(moment: str) -> str:
    """SQL: a moment that the driver sent, as it was meant; NULL stays NULL."""
    meant = " ".join(f"WHEN '{sent}' THEN timestamptz '{end}'" for sent, end in INFINITIES.items())
    return f"CASE {moment} {meant} ELSE {moment} END"
