"""What primary and standby say of themselves, and whether the one is the other's."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

# The two servers' clocks are never compared: `at` and `last_commit` are both the primary's.
_PRIMARY = """
SELECT false AS in_recovery,
       (pg_current_wal_flush_lsn() - '0/0')::bigint AS position,
       clock_timestamp() AS at,
       ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint AS timeline,
       system_identifier AS system,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database
FROM pg_control_system()
"""
# The receiver is shown to roles with pg_read_all_stats only; the control file follows it within minutes.
_STANDBY = """
SELECT pg_is_in_recovery() AS in_recovery,
       coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint, 0) AS position,
       pg_last_xact_replay_timestamp() AS at,
       greatest(saved.timeline_id, recovered.min_recovery_end_timeline, received_tli)::bigint AS timeline,
       system_identifier AS system,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database
FROM pg_control_system(), pg_control_checkpoint() AS saved, pg_control_recovery() AS recovered
LEFT JOIN pg_stat_wal_receiver ON true
"""
_REPLAYED = "SELECT coalesce((pg_last_wal_replay_lsn() - '0/0')::bigint, 0)"


@dataclass(frozen=True, slots=True)
class Standing:
    """One look at a server.

    `position` is where the primary's log ends, as far as a standby can have it, or how far the standby has
    replayed; `at` is the time of that look, or when the last commit that was replayed was made.
    """

    in_recovery: bool
    position: int
    at: datetime | None
    timeline: int
    system: int
    database: int


async def primary_standing(connection: asyncpg.Connection) -> Standing:
    """How the primary stands; raises `Unavailable` where it is in recovery itself."""
    return Standing(**await connection.fetchrow(_PRIMARY))


async def standby_standing(connection: asyncpg.Connection) -> Standing:
    """How the standby stands, or what should be one."""
    return Standing(**await connection.fetchrow(_STANDBY))


async def replayed(connection: asyncpg.Connection) -> int:
    """How far the standby has replayed."""
    position: int = await connection.fetchval(_REPLAYED)
    return position


def objection(primary: Standing | None, standby: Standing) -> str | None:
    """Why it can't be the replica, in a sentence; None where nothing is known that speaks against it."""
    if not standby.in_recovery:
        return "The replica is no standby: it was promoted, or never was one."
    if primary is None:
        return None
    if standby.system != primary.system:
        return "The replica is a standby of another cluster."
    if standby.database != primary.database:
        return "The replica's URL names another database of the cluster."
    return None


def divergence(primary: Standing | None, standby: Standing) -> str | None:
    """Why it must not be read from until it follows the primary's history, or is known to."""
    if primary is None or standby.timeline == primary.timeline:
        return None
    return f"The replica is on timeline {standby.timeline}, the primary on {primary.timeline}."
