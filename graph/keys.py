"""What loaders are asked for besides rows: pages of lists, and numbers."""

from typing import Any, NamedTuple

from db.queries.filters import ExecutionFilter, StepFilter
from db.queries.pages import Window
from db.queries.predicates import Filter
from db.queries.sources import Relation
from db.queries.statistics import Grouping


class Pages(NamedTuple):
    """The pages that a connection asks for, whatever the parents."""

    relation: Relation
    narrowed: Filter
    window: Window


class StatsKey(NamedTuple):
    """The numbers of one workflow's executions; of all executions where there is no workflow."""

    grouping: Grouping
    narrowed: ExecutionFilter
    workflow: Any


class StepStatsKey(NamedTuple):
    """The numbers of the steps of executions."""

    narrowed: ExecutionFilter
    steps: StepFilter
    order: str
    most: int


class ErrorsKey(NamedTuple):
    """The kinds of errors of executions."""

    narrowed: ExecutionFilter
    most: int
