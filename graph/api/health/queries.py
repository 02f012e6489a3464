"""`health`: whether the service and its database are well."""

from functools import cache
from importlib.metadata import version

import strawberry

from graph.api.health.types import FeedStatus, Health, JobStatus, ReplicaStatus
from graph.auth.scopes import READ
from graph.background import Job
from graph.context import Info
from graph.scalars import Long


@cache
def _version() -> str:
    return version("flowkeep")


def _status(job: Job) -> JobStatus:
    return JobStatus(
        name=job.name,
        failing=job.failing,
        rounds=Long(job.rounds),
        failures=Long(job.failures),
        failures_in_a_row=job.failures_in_a_row,
        last_error=job.last_error,
        last_failed_at=job.last_failed_at,
    )


@strawberry.type
class HealthQueries:
    @strawberry.field(description="How the service does.", directives=[READ])
    async def health(self, info: Info) -> Health | None:
        """What this process knows by itself; its database is asked where it is selected."""
        tailer, replica = info.context.following, info.context.replica
        return Health(
            version=_version(),
            replica=None if replica is None else ReplicaStatus.of(replica),
            feeds=FeedStatus(followers=tailer.followers, lag=tailer.lag),
            jobs=[_status(job) for job in info.context.background.jobs],
        )
